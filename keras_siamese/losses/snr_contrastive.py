"""Contrastive loss under the signal-to-noise distance."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.losses.pair_loss import PairLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_siamese")
class SNRContrastiveLoss(PairLoss):
    """Contrastive loss under the signal-to-noise distance, which is not squared.

    For an anchor `a` and another item `b` at distance `d = var(a - b) / var(a)`: `d` if they match,
    else `max(0, margin - d)`. The distance sees the direction and the relative size of embeddings,
    so they need no normalisation. The paper adds `lambda / N sum_i |sum_m h_im|` for embeddings
    `h_i`, which is `embedding_regularizer=ZeroMeanRegularizer(lambda)`. Collapsed embeddings, all
    equal and not constant, cost `margin` for each negative pair.

    Args:
        margin: Positive float: how far apart pairs that do not match are pushed. The distance from
            an item to an independent one of the same variance is about 2. Defaults to 1.0.
        **kwargs: `miner`, `reduction`, `relation`, `embedding_regularizer`, `name`: see `PairLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`, of at least two entries.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `margin` is not positive.

    Example: From (2, 0, -2) to (1, 0, -1) the distance is 2 / 8, and 2 / 2 back. From (2, 0, -2) to
        (3, -2, -1) it is 6 / 8, and 6 / 14 back; from (1, 0, -1) it is 8 / 2, and 8 / 14 back:
        `(0.25 + 1 + 0.25 + 0.5714 + 0 + 0.4286) / 6`.

        >>> loss = SNRContrastiveLoss(margin=1.0)
        >>> points = [[2.0, 0.0, -2.0], [1.0, 0.0, -1.0], [3.0, -2.0, -1.0]]
        >>> round(float(loss([0, 0, 1], points)), 4)
        0.4167

    Formula: `[same] d + [different] max(0, margin - d)`, `d = var(a - b) / var(a)`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Yuan et al., 2019](https://arxiv.org/abs/1904.02616), section 3.3.

    Elsewhere: pytorch-metric-learning `SignalToNoiseRatioContrastiveLoss`.
    """

    fixed_arguments: ClassVar[dict[str, Any]] = {"distance": "signal_to_noise"}

    def __init__(self, margin: float = 1.0, **kwargs: Any) -> None:
        margin = check_positive("margin", margin)
        super().__init__(margin=margin, **kwargs)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        values = ops.where(positive, x, ops.relu(self.margin - x))
        return losses_of(values, ops.logical_or(positive, negative))
