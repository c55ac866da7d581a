"""Triplet loss."""

from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from keras_siamese import miners
from keras_siamese.distances import Distance
from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses, losses_of, tuple_distances
from keras_siamese.miners import BatchAllMiner, Miner, TripletMiner, Triplets
from keras_siamese.ops.active_triplets import count_active_triplets
from keras_siamese.ops.numerics import count_true
from keras_siamese.ops.positives import Classes, find_positives


class AllTriplets(NamedTuple):
    """All triplets of a batch, not listed.

    Attributes:
        positive: Index of each positive of an anchor, int32, shape `(num_anchors, num_slots)`.
        mask: Whether that place is in use, bool, the same shape.
        negative: Which candidates are negatives, bool, shape `(num_anchors, num_candidates)`.
        num_pairs: Number of anchor-positive pairs, an int32 scalar.
    """

    positive: Any
    mask: Any
    negative: Any
    num_pairs: Any


@keras.saving.register_keras_serializable(package="keras_siamese")
class TripletLoss(TupleLoss):
    """Triplet loss over triplets mined inside the batch, or over given ones.

    For anchor `a`, positive `p`, negative `n` and distance `d`, with a margin:
    `loss(a, p, n) = max(0, d(a, p) - d(a, n) + margin)`; with `margin="soft"`:
    `loss(a, p, n) = log(1 + exp(d(a, p) - d(a, n)))`. A batch with no positive or no negative gives
    0 and a zero gradient.

    Args:
        margin: Positive float in units of `distance`, or `"soft"`. Fair comparisons found 0.05 to
            0.14 best on unit-norm embeddings under the Euclidean distance (Musgrave et al., 2020).
            Defaults to 0.2.
        distance: Name or object: see `keras_siamese.distances`. Defaults to `"euclidean"`.
        miner: Which triplets of a labelled batch: name or object, see `keras_siamese.miners`. With
            `BatchAllMiner()` and a margin in numbers they are counted, not listed, so large
            batches fit too. Defaults to `"semi_hard"`.
        reduction: `"mean"` over all mined triplets, `"mean_nonzero"` over those with a loss above
            0, `"mean_pairs"`: the sum over the number of anchor-positive pairs, mined or not,
            `"sum"`, or `"none"`: shape `(batch_size,)`, each anchor's mean. Without triplets, 0.
            Defaults to `"mean"`.
        **kwargs: `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `margin` is neither positive nor `"soft"`, or further than two distances
        can be apart.

    Example: Seven semi-hard triplets, with losses of 0.3 (three times) and 0.5 (four times):

        >>> points = [[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]]
        >>> loss = TripletLoss(margin=0.6, miner=SemiHardMiner(fallback="skip"))
        >>> round(float(loss([0, 0, 0, 1, 1, 1], points)), 4)
        0.4143

    Formula: `max(0, d(a, p) - d(a, n) + margin)`, or `log(1 + exp(d(a, p) - d(a, n)))`

    Cost: `O(B^2 D)` time and `O(B^2)` memory; of all triplets under a soft margin, `O(B^2 K)` both.

    Reference: [Schroff et al., 2015](https://arxiv.org/abs/1503.03832), sections 3.1-3.2 (there, on
        squared distances); soft margin: [Hermans et al., 2017](https://arxiv.org/abs/1703.07737),
        section 2.

    Elsewhere: pytorch-metric-learning `TripletMarginLoss`; TF Similarity `TripletLoss`;
        tensorflow-addons `TripletSemiHardLoss`, `TripletHardLoss`.
    """

    miner: Miner
    reductions: ClassVar[tuple[str, ...]] = (*TupleLoss.reductions, "mean_pairs")

    def __init__(
        self,
        margin: float | str = 0.2,
        distance: str | Distance = "euclidean",
        miner: str | Miner = "semi_hard",
        reduction: str = "mean",
        **kwargs: Any,
    ) -> None:
        if margin is None or (isinstance(margin, str) and margin != "soft"):
            raise ValueError(f'`margin` must be a positive float or "soft". Received: {margin!r}.')
        hinge = None if isinstance(margin, str) else margin
        miner = miners.get(miner, TripletMiner)
        super().__init__(
            margin=hinge, miner=miner, distance=distance, reduction=reduction, **kwargs
        )

    def find_tuples(
        self, anchors: Any, candidates: Any, classes: Classes
    ) -> Triplets | AllTriplets:
        """See `TupleLoss.find_tuples`."""
        if isinstance(self.miner.in_effect, BatchAllMiner) and self.margin is not None:
            index, mask = find_positives(classes)
            negative = ops.logical_not(classes.matches(classes.rows))
            return AllTriplets(index, mask, negative, count_true(mask))
        return self.miner.mine(
            anchors, candidates, classes, distance=self.distance, margin=self.margin
        )

    def tuples_of_triplets(self, num_anchors: Any) -> Triplets:
        """See `TupleLoss.tuples_of_triplets`."""
        index = ops.arange(num_anchors, dtype="int32")[:, None]
        mask = ops.ones_like(index, dtype="bool")
        return Triplets(index, index + num_anchors, mask, num_anchors)

    def tuple_losses(
        self, tuples: Triplets | AllTriplets, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        if isinstance(tuples, AllTriplets):
            return self._sums_of_all(tuples, self.distance.pairwise(anchors, candidates))
        # One gather for both, and one scatter in the backward pass.
        index = ops.concatenate([tuples.positive, tuples.negative], axis=1)
        d = tuple_distances(self.distance, anchors, candidates, index, exhaustive)
        d_ap, d_an = ops.split(d, 2, axis=1)
        gap = d_ap - d_an
        values = ops.softplus(gap) if self.margin is None else ops.relu(gap + self.margin)
        return losses_of(values, tuples.mask)

    def _sums_of_all(self, tuples: AllTriplets, d: Any) -> TupleLosses:
        # With the triplets fixed that have a loss, an anchor's sum is linear in its distances, each
        # times the number of those triplets that it is in. The counts are constants, so the
        # gradient is exact as well.
        d_ap = ops.take_along_axis(d, tuples.positive, axis=1) + self.margin
        of_positives, of_negatives = count_active_triplets(
            ops.stop_gradient(d_ap), ops.stop_gradient(d), tuples.mask, tuples.negative
        )
        values = ops.sum(ops.cast(of_positives, d.dtype) * d_ap, axis=1, keepdims=True)
        values -= ops.sum(ops.cast(of_negatives, d.dtype) * d, axis=1, keepdims=True)
        num_positives, num_negatives, num_active = (
            # The total may be beyond int32: a third of the cube of the batch size.
            ops.sum(ops.cast(x, "int64"), axis=1, keepdims=True)
            for x in (tuples.mask, tuples.negative, of_positives)
        )
        # What rounding makes of losses of almost 0 must not be below.
        return TupleLosses(ops.relu(values), num_positives * num_negatives, num_active)

    def reduce(self, losses: TupleLosses, tuples: Triplets | AllTriplets) -> Any:
        """See `TupleLoss.reduce`."""
        if self.reduction == "mean_pairs":
            total = ops.sum(losses.values)
            return total / ops.cast(ops.maximum(tuples.num_pairs, 1), total.dtype)
        return super().reduce(losses, tuples)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "margin": "soft" if self.margin is None else self.margin}


@keras.saving.register_keras_serializable(package="keras_siamese")
class TripletSemiHardLoss(TripletLoss):
    """The loss of the same name in tensorflow-addons, value for value.

    For every anchor and positive, the negative with the smallest `d(a, n) > d(a, p)`, else the one
    with the largest `d(a, n)`; the sum of `max(0, d(a, p) - d(a, n) + margin)` over the number of
    pairs. It is `TripletLoss` with `SemiHardMiner("nearest", "farthest")` and `reduction="mean"`,
    here by the name and the default margin that people know.

    Args:
        margin: Positive float in units of `distance`. Defaults to 1.0.
        distance: tensorflow-addons' `"L2"` is `"euclidean"`, `"squared-L2"` is
            `"squared_euclidean"`, `"angular"` is `"cosine"`. Defaults to `"euclidean"`.
        **kwargs: `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Formula: `max(0, d(a, p) - d(a, n) + margin)`

    Cost: `O(B^2 D)` time and `O(B^2)` memory.

    Reference: [Schroff et al., 2015](https://arxiv.org/abs/1503.03832), section 3.2. Deviation from
        tensorflow-addons: 0 where a batch has no negative; there, the anchor itself is taken for
        one.

    Elsewhere: tensorflow-addons `TripletSemiHardLoss`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        distance: str | Distance = "euclidean",
        **kwargs: Any,
    ) -> None:
        for argument in {"miner", "reduction"} & set(kwargs):
            raise ValueError(
                f"TripletSemiHardLoss has its own `{argument}`. Received: {kwargs[argument]!r}. "
                "For another use `TripletLoss`."
            )
        super().__init__(margin, distance, miner="semi_hard", reduction="mean", **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        config = super().get_config()
        return {key: config[key] for key in config if key not in ("miner", "reduction")}
