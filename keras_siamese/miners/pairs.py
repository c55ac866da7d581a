"""What pair miners give."""

from abc import abstractmethod
from typing import Any, NamedTuple

from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.miner import Miner
from keras_siamese.miners.triplets import Triplets
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

    @property
    def positive(self) -> Any:
        """Which places hold a pair that matches, bool."""
        return ops.logical_and(self.mask, self.same)

    @property
    def negative(self) -> Any:
        """Which places hold a pair that does not match, bool."""
        return ops.logical_and(self.mask, ops.logical_not(self.same))


class PairMiner(Miner):
    """Base of the miners that choose pairs; a subclass writes `mine`.

    Every candidate has a place, in order: `Pairs` of shape `(num_anchors, num_candidates)`.
    """

    @abstractmethod
    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Pairs:
        """See `Miner.mine`."""

    def exhaustive(self, classes: Classes) -> bool:
        """See `Miner.exhaustive`."""
        return True


def all_pairs(classes: Classes) -> Pairs:
    """All pairs of anchors and candidates, but none of an item and itself.

    Args:
        classes: Which of them match.
    """
    same = classes.matches(classes.rows)
    index = ops.arange(ops.shape(same)[1], dtype="int32")[None, :]
    return Pairs(
        ops.broadcast_to(index, ops.shape(same)),
        same,
        ops.broadcast_to(classes.is_other, ops.shape(same)),
    )


def pairs_of_triplets(triplets: Triplets) -> Pairs:
    """The pairs of each triplet: (anchor, positive) and (anchor, negative).

    Args:
        triplets: `S` triplets an anchor give `2 S` pairs, the positive ones first.
    """
    candidate = ops.concatenate([triplets.positive, triplets.negative], axis=1)
    is_positive = ops.ones_like(triplets.mask)
    same = ops.concatenate([is_positive, ops.logical_not(is_positive)], axis=1)
    return Pairs(candidate, same, ops.concatenate([triplets.mask, triplets.mask], axis=1))


def distinct_pairs(pairs: Pairs, num_candidates: Any) -> Pairs:
    """The same pairs, each once and at the place of its candidate, as a `PairMiner` gives them.

    Args:
        pairs: In any order, some of them perhaps more than once.
        num_candidates: Number of candidates.
    """
    num_anchors = ops.shape(pairs.candidate)[0]
    rows = ops.arange(num_anchors, dtype="int32")[:, None]
    place = ops.reshape(rows * num_candidates + pairs.candidate, (-1,))

    def table(mask: Any) -> Any:
        ones = ops.cast(ops.reshape(mask, (-1,)), "int32")
        counts = ops.segment_sum(ones, place, num_anchors * num_candidates)
        return ops.reshape(counts, (num_anchors, num_candidates)) > 0

    positive, negative = table(pairs.positive), table(pairs.negative)
    index = ops.arange(num_candidates, dtype="int32")[None, :]
    return Pairs(
        ops.broadcast_to(index, ops.shape(positive)),
        positive,
        ops.logical_or(positive, negative),
    )
