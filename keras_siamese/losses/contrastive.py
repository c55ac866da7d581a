"""Contrastive loss."""

from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.metric_loss import MetricLoss, tuple_distances
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_mean
from keras_siamese.ops.positives import Classes


class Pairs(NamedTuple):
    """Index tuples `(anchor, candidate)`: row `i` holds those of anchor `i`.

    Attributes:
        candidate: Index of a candidate, int32, shape `(num_anchors, num_slots)`.
        same: Whether the two match, bool, the same shape.
        mask: Whether that place holds a pair, bool, the same shape.
    """

    candidate: Any
    same: Any
    mask: Any


@keras.saving.register_keras_serializable(package="keras_siamese")
class ContrastiveLoss(MetricLoss):
    """Contrastive loss over all pairs of a labelled batch, or over given pairs.

    For two embeddings at distance `d`: `d^2 / 2` if they match (`same` = 1), else
    `max(0, margin - d)^2 / 2`. Polarity: here 1 means *the same*, as in the labels of a classifier;
    in the paper `Y = 0` does.

    Args:
        margin: Positive float in units of `distance`: how far apart pairs that do not match are
            pushed. Defaults to 1.0.
        distance: Name or object: see `keras_siamese.distances`. Defaults to `"euclidean"`.
        reduction: `"mean"` over all pairs, `"mean_nonzero"` over those with a loss above 0,
            `"balanced"`: half the mean over matching pairs plus half the mean over the others,
            `"sum"` (in a labelled batch each pair counts from both ends), or `"none"`: shape
            `(batch_size,)`, each anchor's mean. All pairs of a P x K batch are nearly all negative,
            which is what `"balanced"` is for. Defaults to `"mean"`.
        name: Name of the loss.

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

    Reference: [Hadsell, Chopra and LeCun, 2006](https://doi.org/10.1109/CVPR.2006.100), equation 4.
    """

    reductions: ClassVar[tuple[str, ...]] = (*MetricLoss.reductions, "balanced")

    def __init__(
        self,
        margin: float = 1.0,
        distance: str | Distance = "euclidean",
        reduction: str = "mean",
        name: str = "contrastive_loss",
    ) -> None:
        margin = check_positive("margin", margin)
        super().__init__(distance=distance, margin=margin, reduction=reduction, name=name)
        if self.distance.bounds()[0] < 0:
            raise ValueError(
                f"`distance` is squared, so it must not be negative. Received: {self.distance!r}. "
                'Use "cosine", or normalise the embeddings and use "euclidean".'
            )

    def find_tuples(self, anchors: Any, candidates: Any | None, classes: Classes) -> Pairs:
        """See `MetricLoss.find_tuples`."""
        same = classes.anchors[:, None] == classes.candidates[None, :]
        index = ops.arange(ops.shape(same)[1], dtype="int32")[None, :]
        if candidates is None:
            mask = ops.transpose(index) != index
        else:
            mask = ops.ones_like(same)
        return Pairs(ops.broadcast_to(index, ops.shape(same)), same, mask)

    def tuples_of_pairs(self, same: Any) -> Pairs:
        """See `MetricLoss.tuples_of_pairs`."""
        index = ops.arange(ops.shape(same)[0], dtype="int32")[:, None]
        return Pairs(index, same, ops.ones_like(same))

    def tuples_of_triplets(self, num_anchors: Any) -> Pairs:
        """See `MetricLoss.tuples_of_triplets`."""
        index = ops.arange(num_anchors, dtype="int32")[:, None]
        candidate = ops.concatenate([index, index + num_anchors], axis=1)
        return Pairs(candidate, candidate < num_anchors, ops.ones_like(candidate, dtype="bool"))

    def tuple_losses(self, tuples: Pairs, anchors: Any, candidates: Any, exhaustive: bool) -> Any:
        """See `MetricLoss.tuple_losses`."""
        if exhaustive:
            d = self.distance.pairwise(anchors, candidates)  # every column, in order
        else:
            d = tuple_distances(self.distance, anchors, candidates, tuples.candidate, False)
        return 0.5 * ops.square(ops.where(tuples.same, d, ops.relu(self.margin - d)))

    def reduce(self, losses: Any, tuples: Pairs) -> Any:
        """See `MetricLoss.reduce`."""
        if self.reduction != "balanced":
            return super().reduce(losses, tuples)
        different = ops.logical_not(tuples.same)
        return 0.5 * sum(
            masked_mean(losses, ops.logical_and(tuples.mask, of_kind))
            for of_kind in (tuples.same, different)
        )
