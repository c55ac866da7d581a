"""How many triplets with a loss each distance takes part in, counted without listing them."""

from typing import Any

from keras import ops

from keras_siamese.ops.numerics import infinity

# With no more positives an anchor than that, comparing each with all candidates beats sorting: on
# CPU a sort costs as much as five hundred passes.
_MOST_COMPARED = 512


def count_active_triplets(d_ap: Any, d_an: Any, positive: Any, negative: Any) -> tuple[Any, Any]:
    """Counts, for each anchor, the triplets of its positives and negatives with `d_an < d_ap`.

    Args:
        d_ap: Distances to the positives, the margin added, shape `(num_anchors, num_slots)`.
        d_an: Distances to all candidates, shape `(num_anchors, num_candidates)`.
        positive: Which places of `d_ap` are in use, bool, the same shape.
        negative: Which places of `d_an` hold a negative, bool, the same shape.

    Returns: How many of them each positive is in, and each candidate, both int32.
    """
    inf = infinity(d_an)
    d_ap = ops.where(positive, d_ap, -inf)
    d_an = ops.where(negative, d_an, inf)
    return ops.cond(
        ops.convert_to_tensor(ops.shape(d_ap)[1] <= _MOST_COMPARED),
        lambda: count_by_comparing(d_ap, d_an),
        lambda: count_by_sorting(d_ap, d_an),
    )


def count_by_comparing(d_ap: Any, d_an: Any) -> tuple[Any, Any]:
    """The counts in `O(num_anchors num_slots num_candidates)` time, one pass for each slot."""
    slots = ops.transpose(d_ap)

    def add(slot: Any, counts: Any) -> Any:
        return counts + ops.cast(d_an < ops.take(slots, slot, axis=0)[:, None], "int32")

    of_slots = ops.map(lambda slot: ops.sum(ops.cast(d_an < slot[:, None], "int32"), axis=1), slots)
    none = ops.zeros_like(d_an, dtype="int32")
    of_candidates = ops.fori_loop(0, ops.shape(slots)[0], add, none)
    # Some backends sum int32 to int64.
    return ops.cast(ops.transpose(of_slots), "int32"), of_candidates


def count_by_sorting(d_ap: Any, d_an: Any) -> tuple[Any, Any]:
    """The counts in `O(n log n)` time for each row of `n` slots and candidates: prefix sums."""
    num_rows, num_slots = ops.shape(d_ap)
    # The sort is stable: at a tie the positive comes first, as a triplet without a loss wants it.
    order = ops.cast(ops.argsort(ops.concatenate([d_ap, d_an], axis=1), axis=1), "int32")
    size = ops.shape(order)[1]
    is_slot = order < num_slots
    negatives_before = ops.cumsum(ops.cast(ops.logical_not(is_slot), "int32"), axis=1)
    slots_after = num_slots - ops.cumsum(ops.cast(is_slot, "int32"), axis=1)
    counts = ops.where(is_slot, negatives_before, slots_after)
    place = order + size * ops.arange(num_rows, dtype="int32")[:, None]
    counts = ops.scatter(
        ops.reshape(place, (-1, 1)), ops.reshape(counts, (-1,)), (num_rows * size,)
    )
    counts = ops.cast(ops.reshape(counts, (num_rows, size)), "int32")
    return counts[:, :num_slots], counts[:, num_slots:]
