"""What triplet miners give."""

from abc import abstractmethod
from typing import Any, NamedTuple

from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.miner import Miner
from keras_siamese.ops.positives import Classes


class Triplets(NamedTuple):
    """Index tuples `(anchor, positive, negative)`: row `i` holds those of anchor `i`.

    Attributes:
        positive: Index of a candidate, int32, shape `(num_anchors, num_slots)`.
        negative: Index of a candidate, int32, the same shape.
        mask: Whether that place holds a triplet, bool, the same shape. Indices outside of the mask
            are in range but mean nothing.
        num_pairs: Number of anchor-positive pairs that were looked at, an int32 scalar.
    """

    positive: Any
    negative: Any
    mask: Any
    num_pairs: Any

    @property
    def anchor(self) -> Any:
        """Index of the anchor, int32, the shape of `positive`."""
        rows = ops.arange(ops.shape(self.positive)[0], dtype="int32")
        return ops.broadcast_to(rows[:, None], ops.shape(self.positive))


class TripletMiner(Miner):
    """Base of the miners that choose triplets; a subclass writes `mine`."""

    @abstractmethod
    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Triplets:
        """See `Miner.mine`."""

    def exhaustive(self, classes: Classes) -> bool:
        """See `Miner.exhaustive`."""
        return classes.slots is None
