"""The hardest tuples of each anchor, but for the very hardest."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.triplets import TripletMiner, Triplets
from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.checks import check_count
from keras_siamese.ops.numerics import count_true, infinity
from keras_siamese.ops.positives import Classes, find_positives


@keras.saving.register_keras_serializable(package="keras_siamese")
class HardRangeMiner(TripletMiner):
    """The positives and the negatives of each anchor whose hardness lies within a range of ranks.

    Rank 0 is the hardest: the farthest positive, the nearest negative. A range `(first, end)` holds
    the ranks `first .. end - 1`, as far as an anchor has so many items; each of its positives goes
    with each of its negatives. `((0, 1), (0, 1))` is batch-hard. Wrong labels and near-duplicates
    across classes are the hardest of all, and skipping the first ranks leaves them out.

    It scans the batch `end` times: ranks of a dozen are cheap, hundreds are not.

    Args:
        positive_ranks: First rank and the one after the last. With `first > 0`, classes need
            `first + 2` items in a batch to give any triplet. Defaults to `(1, 2)`: the second
            farthest.
        negative_ranks: The same for negatives. Defaults to `(1, 2)`: the second nearest.

    Raises: ValueError: If a range is empty, or is no pair of integers of at least 0.

    Example: From 0, the positives lie at 0.2 and 0.9, the negatives at 0.5, 1 and 3:

        >>> points = [[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]]
        >>> miner = HardRangeMiner(positive_ranks=(0, 1), negative_ranks=(1, 3))
        >>> triplets = miner([0, 0, 0, 1, 1, 1], points)
        >>> triplets.positive.numpy()[0].tolist(), triplets.negative.numpy()[0].tolist()
        ([2, 2], [4, 5])
    """

    name: ClassVar[str] = "hard_range"

    def __init__(
        self,
        positive_ranks: tuple[int, int] = (1, 2),
        negative_ranks: tuple[int, int] = (1, 2),
    ) -> None:
        self.positive_ranks = _check_ranks("positive_ranks", positive_ranks)
        self.negative_ranks = _check_ranks("negative_ranks", negative_ranks)

    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Triplets:
        """See `TripletMiner.mine`."""
        positives = find_positives(classes)

        def choose(anchors: Any, matched: Any, positive: Any, mask: Any) -> tuple[Any, ...]:
            d = distance.reduced_pairwise(anchors, candidates)
            inf = infinity(d)
            d_ap = ops.where(mask, ops.take_along_axis(d, positive, axis=1), -inf)
            d_an = ops.where(classes.matches(matched), inf, d)
            slot, is_positive = _smallest(-d_ap, self.positive_ranks)
            negative, is_negative = _smallest(d_an, self.negative_ranks)
            return ops.take_along_axis(positive, slot, axis=1), is_positive, negative, is_negative

        positive, is_positive, negative, is_negative = map_row_blocks(
            choose,
            (anchors, classes.rows, positives.candidate, positives.mask),
            rows_within(2**19, candidates.shape[0]),
        )
        # (num_anchors, positives, negatives), then one slot for each combination.
        mask = ops.logical_and(is_positive[:, :, None], is_negative[:, None, :])
        flat = (-1, mask.shape[1] * mask.shape[2])
        positive = ops.broadcast_to(positive[:, :, None], ops.shape(mask))
        negative = ops.broadcast_to(negative[:, None, :], ops.shape(mask))
        num_pairs = count_true(is_positive)
        positive, negative, mask = (ops.reshape(x, flat) for x in (positive, negative, mask))
        return Triplets(positive, negative, mask, num_pairs)

    def exhaustive(self, classes: Classes) -> bool:
        """See `TripletMiner.exhaustive`."""
        return False

    def get_config(self) -> dict[str, Any]:
        """See `TripletMiner.get_config`."""
        return {
            "positive_ranks": list(self.positive_ranks),
            "negative_ranks": list(self.negative_ranks),
        }


def _check_ranks(argument: str, received: Any) -> tuple[int, int]:
    if not isinstance(received, tuple | list) or len(received) != 2:
        raise ValueError(
            f"`{argument}` must be the first rank and the one after the last. Received: "
            f"{received!r}. The hardest has rank 0: `(1, 3)` skips it and takes two."
        )
    first = check_count(argument, received[0], least=0)
    fix = "The end of the range is not in it: `(1, 2)` is rank 1 alone."
    return first, check_count(argument, received[1], least=first + 1, fix=fix)


def _smallest(key: Any, ranks: tuple[int, int]) -> tuple[Any, Any]:
    """Index of the smallest values of each row, of some ranks, and whether they are finite."""
    inf = infinity(key)
    index = ops.arange(ops.shape(key)[1], dtype="int32")
    places: list[Any] = []
    finite = []
    for _ in range(ranks[1]):
        if places:
            key = ops.where(index == places[-1], inf, key)
        places.append(ops.cast(ops.argmin(key, axis=1), "int32")[:, None])
        finite.append(ops.min(key, axis=1, keepdims=True) < inf)
    first = ranks[0]
    return ops.concatenate(places[first:], axis=1), ops.concatenate(finite[first:], axis=1)
