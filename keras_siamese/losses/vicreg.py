"""VICReg loss."""

from typing import Any

import keras
from keras import ops

from keras_siamese.losses.view_loss import ViewLoss
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import centred


@keras.saving.register_keras_serializable(package="keras_siamese")
class VICRegLoss(ViewLoss):
    """VICReg loss: two views agree, each dimension varies, and dimensions tell different things.

    For the embeddings `Z` and `Z'` of the two views, with `D` dimensions, the sum of

    - invariance: `invariance_weight` times the mean of `(Z - Z')^2` over items and dimensions;
    - variance: `variance_weight * (v(Z) + v(Z'))`, where `v` is the mean over dimensions of
      `max(0, 1 - sqrt(variance + epsilon))`: each is to have a standard deviation of 1;
    - covariance: `covariance_weight * (c(Z) + c(Z'))`, where `c` is the sum of the squared
      covariances of different dimensions, over `D`.

    Variances and covariances divide by the number of items less 1. Embeddings of norm 1 cannot
    have that deviation: `SiameseModel.compile` refuses an encoder that gives them. The loss is best
    put on wide ones, of a projection head. A collapsed batch, and a batch of one item with equal
    views, gives `2 * variance_weight * (1 - sqrt(epsilon))`: 49.5 by default.

    Args:
        invariance_weight: Positive float, the paper's lambda. Defaults to 25.
        variance_weight: Positive float, the paper's mu. Defaults to 25.
        covariance_weight: Positive float, the paper's nu. Defaults to 1.
        epsilon: Positive float, added to variances. Defaults to 0.0001.
        **kwargs: `distance`, `embedding_regularizer`, `name`: see `ViewLoss`.

    Call arguments:
        y_true: Embeddings of the first views, shape `(num_items, embedding_dim)`.
        y_pred: Embeddings of the second views, the same shape.
        sample_weight: None: weights are refused, for two of the terms are none of single items.

    Returns: Scalar, float32.

    Raises: ValueError: If an argument is not positive.

    Example: Items differ by 0.2 in one of two dimensions: `25 * 0.2^2 / 2 = 0.5`. That one does not
        vary: `25 * 2 * (1 - 0.01) / 2 = 24.75`; the other one varies enough, and they do not
            covary.

        >>> round(float(VICRegLoss()([[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.2], [-1.0, 0.2]])), 4)
        25.25

    Formula: `25 mean((Z - Z')^2) + 25 (v(Z) + v(Z')) + c(Z) + c(Z')`, v a hinge on deviations, c
        the squared covariances

    Cost: O(B D^2) time, O(D^2) memory

    Reference: [Bardes, Ponce and LeCun, 2022](https://arxiv.org/abs/2105.04906), algorithm 1.
    Deviation: equation 5 leaves the division of the invariance by D out; the algorithm, by which
    the weights were found, does not. The authors' code, pytorch-metric-learning and TF Similarity
    halve the variance term, which the paper does not: their `25` is 12.5 here.

    Elsewhere: pytorch-metric-learning `VICRegLoss`; TF Similarity `VicReg`.
    """

    def __init__(
        self,
        invariance_weight: float = 25.0,
        variance_weight: float = 25.0,
        covariance_weight: float = 1.0,
        epsilon: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.invariance_weight = check_positive("invariance_weight", invariance_weight)
        self.variance_weight = check_positive("variance_weight", variance_weight)
        self.covariance_weight = check_positive("covariance_weight", covariance_weight)
        self.epsilon = check_positive("epsilon", epsilon)

    def check_margin(self, unit_norm: bool) -> None:
        """Refuses embeddings that cannot vary enough: see `MetricLoss.check_margin`."""
        if unit_norm:
            raise ValueError(
                "VICRegLoss wants each dimension to have a standard deviation of 1, which those of "
                "unit-norm embeddings cannot have. Expected an encoder that does not normalise "
                "its embeddings: use `normalize=False`."
            )

    def view_losses(self, x1: Any, x2: Any, training: bool) -> Any:
        """See `ViewLoss.view_losses`."""
        invariance = ops.mean(ops.square(x1 - x2))
        return self.invariance_weight * invariance + self._spread(x1) + self._spread(x2)

    def _spread(self, x: Any) -> Any:
        """The weighted variance and covariance terms of one view."""
        x = centred(x)
        num_others = ops.cast(ops.maximum(ops.shape(x)[0] - 1, 1), x.dtype)
        covariances = ops.matmul(ops.transpose(x), x) / num_others
        deviations = ops.sqrt(ops.diagonal(covariances) + self.epsilon)
        is_diagonal = ops.eye(covariances.shape[0], dtype="bool")
        squares = ops.where(is_diagonal, ops.zeros_like(covariances), ops.square(covariances))
        variance = ops.mean(ops.relu(1 - deviations))
        covariance = ops.sum(squares) / covariances.shape[0]
        return self.variance_weight * variance + self.covariance_weight * covariance

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "invariance_weight": self.invariance_weight,
            "variance_weight": self.variance_weight,
            "covariance_weight": self.covariance_weight,
            "epsilon": self.epsilon,
        }
