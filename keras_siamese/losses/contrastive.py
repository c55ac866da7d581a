"""Contrastive loss."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import PairLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.miners import Pairs
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_mean


@keras.saving.register_keras_serializable(package="keras_siamese")
class ContrastiveLoss(PairLoss):
    """Contrastive loss over all pairs of a labelled batch, or over given pairs.

    For two embeddings at distance `d`: `d^2 / 2` if they match (`same` = 1), else
    `max(0, margin - d)^2 / 2`. Polarity: here 1 means *the same*, as in the labels of a classifier;
    in the paper `Y = 0` does.

    Args:
        margin: Positive float in units of `distance`: how far apart pairs that do not match are
            pushed. Defaults to 1.0.
        distance: Name or object: see `keras_siamese.distances`. Defaults to `"euclidean"`.
        reduction: `"mean"` over all pairs found, `"mean_nonzero"` over those with a loss above 0,
            `"balanced"`: half the mean over matching pairs plus half the mean over the others,
            `"sum"` (in a labelled batch each pair counts from both ends), or `"none"`: shape
            `(batch_size,)`, each anchor's mean. All pairs of a P x K batch are nearly all negative,
            which is what `"balanced"` is for. Defaults to `"mean"`.
        **kwargs: `miner`, `relation`, `embedding_regularizer`, `name`: see `PairLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `margin` is not positive, or beyond the greatest distance, or if
        `distance` can be negative.

    Example: Distances 0.6 (match), 0.8 and 1.4: `(0.6^2 / 2 + 0.2^2 / 2 + 0) / 3`.

        >>> loss = ContrastiveLoss(margin=1.0)
        >>> round(float(loss([0, 0, 1], [[0.0], [0.6], [-0.8]])), 4)
        0.0667

    Formula: `[same] d^2 / 2 + [different] max(0, margin - d)^2 / 2`

    Cost: O(B^2 D) time, O(B^2) memory; O(B K D) of it is differentiated with a triplet miner.

    Reference: [Hadsell, Chopra and LeCun, 2006](https://doi.org/10.1109/CVPR.2006.100), equation 4.

    Elsewhere: pytorch-metric-learning `ContrastiveLoss` (`d` and `max(0, margin - d)`, not
        squared); tensorflow-addons `ContrastiveLoss` (squared, not halved).
    """

    reductions: ClassVar[tuple[str, ...]] = (*PairLoss.reductions, "balanced")

    def __init__(
        self,
        margin: float = 1.0,
        distance: str | Distance = "euclidean",
        reduction: str = "mean",
        **kwargs: Any,
    ) -> None:
        margin = check_positive("margin", margin)
        super().__init__(margin=margin, distance=distance, reduction=reduction, **kwargs)
        if self.distance.bounds()[0] < 0:
            raise ValueError(
                f"`distance` is squared, so it must not be negative. Received: {self.distance!r}. "
                'Use "cosine", or normalise the embeddings and use "euclidean".'
            )

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        values = 0.5 * ops.square(ops.where(positive, x, ops.relu(self.margin - x)))
        return losses_of(values, ops.logical_or(positive, negative))

    def reduce(self, losses: TupleLosses, tuples: Pairs) -> Any:
        """See `TupleLoss.reduce`."""
        if self.reduction != "balanced":
            return super().reduce(losses, tuples)
        return 0.5 * sum(
            masked_mean(losses.values, of_kind) for of_kind in (tuples.positive, tuples.negative)
        )
