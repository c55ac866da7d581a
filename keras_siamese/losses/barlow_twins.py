"""Barlow Twins loss."""

from typing import Any

import keras
from keras import ops

from keras_siamese.losses.view_loss import ViewLoss
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import centred, l2_normalize


@keras.saving.register_keras_serializable(package="keras_siamese")
class BarlowTwinsLoss(ViewLoss):
    """Barlow Twins loss: dimensions agree between two views, and tell different things.

    `C[i, j]` is the correlation, over the items of the batch, of dimension `i` of the first views
    with dimension `j` of the second ones. The loss pulls `C` to the identity:
    `sum_i (1 - C[i, i])^2 + redundancy_weight * sum_(i != j) C[i, j]^2`. It does not depend on the
    scale and the offset of a dimension, so embeddings need no normalisation, and is best put on
    wide ones, of a projection head.

    A dimension that is constant correlates with nothing: it costs 1, and has gradient 0. So a
    collapsed batch, and a batch of one item, gives the number of dimensions.

    Args:
        redundancy_weight: Positive float, the paper's lambda. Defaults to 0.005.
        **kwargs: `distance`, `embedding_regularizer`, `name`: see `ViewLoss`.

    Call arguments:
        y_true: Embeddings of the first views, shape `(num_items, embedding_dim)`.
        y_pred: Embeddings of the second views, the same shape.
        sample_weight: None: weights are refused, for the loss is none of single items.

    Returns: Scalar, float32.

    Raises: ValueError: If `redundancy_weight` is not positive.

    Example: The second view's dimensions both equal the first one of the first view, which has
        nothing in common with its other one: `C = [[1, 1], [0, 0]]`, so
        `0^2 + 1^2 + 0.005 * (1^2 + 0^2)`.

        >>> first = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
        >>> second = [[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [-1.0, -1.0]]
        >>> round(float(BarlowTwinsLoss()(first, second)), 4)
        1.005

    Formula: `sum_i (1 - C_ii)^2 + lambda * sum_(i != j) C_ij^2`, C the correlations of dimensions

    Cost: O(B D^2) time, O(D^2) memory

    Reference: [Zbontar et al., 2021](https://arxiv.org/abs/2103.03230), equations 1-2.

    Elsewhere: TF Similarity `Barlow`.
    """

    def __init__(self, redundancy_weight: float = 0.005, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.redundancy_weight = check_positive("redundancy_weight", redundancy_weight)

    def view_losses(self, x1: Any, x2: Any, training: bool) -> Any:
        """See `ViewLoss.view_losses`."""
        # Dimensions as unit vectors over the items, whose products are the correlations.
        x1, x2 = (l2_normalize(ops.transpose(centred(x))) for x in (x1, x2))
        correlations = ops.matmul(x1, ops.transpose(x2))
        redundant = self.redundancy_weight * ops.square(correlations)
        is_diagonal = ops.eye(correlations.shape[0], dtype="bool")
        return ops.sum(ops.where(is_diagonal, ops.square(1 - correlations), redundant))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "redundancy_weight": self.redundancy_weight}
