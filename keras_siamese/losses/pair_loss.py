"""Skeletons of losses over pairs: of each pair by itself, or of all pairs of an anchor."""

from abc import abstractmethod
from typing import Any, ClassVar

from keras import ops

from keras_siamese import miners
from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses
from keras_siamese.miners import (
    Miner,
    PairMiner,
    Pairs,
    all_pairs,
    distinct_pairs,
    pairs_of_triplets,
)
from keras_siamese.ops.positives import Classes


class PairLoss(TupleLoss):
    """Base of the losses over pairs: a subclass is one formula, `pair_losses`.

    Args:
        miner: Which pairs of a labelled batch: name or object, see `keras_siamese.miners`. A
            `TripletMiner` gives the two pairs of each of its triplets; of an `AnchorLoss`, each
            pair once. None: all pairs.
        **kwargs: `margin`, `distance`, `reduction`, `relation`, `embedding_regularizer`, `name`:
            see `TupleLoss`.
    """

    miner: Miner | None
    compares: ClassVar[str] = "distance"  # or "similarity": what the formula is in terms of

    def __init__(self, miner: str | Miner | None = None, **kwargs: Any) -> None:
        super().__init__(miner=None if miner is None else miners.get(miner), **kwargs)

    @property
    def slots_in_order(self) -> bool:
        """Whether slots that outnumber the candidates are these, in order: no need to look up."""
        return self.miner is None or isinstance(self.miner.in_effect, PairMiner)

    @abstractmethod
    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """The formula; `losses_of(values, mask)` makes its result.

        Args:
            x: Distances or similarities, as `compares` says, shape `(num_anchors, num_slots)`.
            positive: Which places hold a pair that matches, bool, the same shape.
            negative: Which places hold a pair that does not match, bool, the same shape.
        """

    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> Pairs:
        """See `TupleLoss.find_tuples`."""
        if self.miner is None:
            return all_pairs(classes)
        mined = self.miner.mine(
            anchors, candidates, classes, distance=self.distance, margin=self.margin
        )
        return mined if isinstance(mined, Pairs) else pairs_of_triplets(mined)

    def tuples_of_pairs(self, same: Any) -> Pairs:
        """See `TupleLoss.tuples_of_pairs`."""
        index = ops.arange(ops.shape(same)[0], dtype="int32")[:, None]
        return Pairs(index, same, ops.ones_like(same))

    def tuples_of_triplets(self, num_anchors: Any) -> Pairs:
        """See `TupleLoss.tuples_of_triplets`."""
        index = ops.arange(num_anchors, dtype="int32")[:, None]
        candidate = ops.concatenate([index, index + num_anchors], axis=1)
        return Pairs(candidate, candidate < num_anchors, ops.ones_like(candidate, dtype="bool"))

    def tuple_losses(
        self, tuples: Pairs, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        x = self.compare(tuples, anchors, candidates, exhaustive)
        return self.pair_losses(x, tuples.positive, tuples.negative)

    def compare(self, tuples: Pairs, anchors: Any, candidates: Any, exhaustive: bool) -> Any:
        """Distances or similarities of the pairs: what `pair_losses` takes."""
        pairwise, paired = self.distance.pairwise, self.distance.paired
        if self.compares == "similarity":
            pairwise = self.distance.pairwise_similarity
            paired = self.distance.paired_similarity
        if not exhaustive:
            return paired(anchors[:, None, :], ops.take(candidates, tuples.candidate, axis=0))
        if self.distance.translation_invariant:
            # What is common to all would cost digits in the matrix product.
            first = anchors[:1]
            centre = ops.stop_gradient(first + ops.mean(anchors - first, axis=0))
            anchors, candidates = anchors - centre, candidates - centre
        x = pairwise(anchors, candidates)
        return x if self.slots_in_order else ops.take_along_axis(x, tuples.candidate, axis=1)


class AnchorLoss(PairLoss):
    """Base of the losses that compare the pairs of an anchor: a pair alone has none.

    They are functions of sets: a pair that is in several triplets of a miner counts once.

    Args:
        **kwargs: `miner` and others: see `PairLoss`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> Pairs:
        """See `TupleLoss.find_tuples`: each pair once, at the place of its candidate."""
        pairs = super().find_tuples(anchors, candidates, classes)
        if super().slots_in_order:
            return pairs
        return distinct_pairs(pairs, ops.shape(candidates)[0])

    @property
    def slots_in_order(self) -> bool:
        """See `PairLoss.slots_in_order`."""
        return True

    def exhaustive(self, classes: Classes) -> bool:
        """See `TupleLoss.exhaustive`."""
        return True

    def tuples_of_pairs(self, same: Any) -> Pairs:
        """See `TupleLoss.tuples_of_pairs`: single pairs have nothing to be compared with."""
        return TupleLoss.tuples_of_pairs(self, same)


def has_both(positive: Any, negative: Any) -> Any:
    """Which anchors have a positive and a negative, bool, shape `(num_anchors, 1)`.

    Args:
        positive: Which places hold a pair that matches, bool, shape `(num_anchors, num_slots)`.
        negative: Which places hold a pair that does not match, bool, the same shape.
    """
    return ops.logical_and(
        ops.any(positive, axis=1, keepdims=True), ops.any(negative, axis=1, keepdims=True)
    )
