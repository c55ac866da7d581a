"""Differentiable ranks of a few items of each row."""

from typing import Any

from keras import ops


def soft_ranks(similarity: Any, among: Any, of: Any, temperature: float) -> Any:
    """Ranks of some items of each row, with sigmoids for the steps.

    `rank(p) = 1 + sum over j != p of sigmoid((s_j - s_p) / temperature)`. Memory does not grow with
    the number of items times candidates, forward or backward.

    Args:
        similarity: Similarities of the candidates, shape `(num_rows, num_candidates)`.
        among: Which of them are ranked, bool, a shape that broadcasts with theirs.
        of: Similarities of the items whose ranks are wanted, each one of those that are ranked,
            shape `(num_rows, num_items)`. The ranks of others are finite and mean nothing.
        temperature: Positive float: the width of the steps.

    Returns: Shape `(num_rows, num_items)`.
    """

    def above(similarity: Any, item: Any) -> Any:
        return ops.sigmoid((similarity - item[:, None]) / temperature)

    @ops.custom_gradient
    def ranks_of(similarity: Any, of: Any) -> tuple[Any, Any]:
        items = ops.transpose(of)
        zero = ops.zeros_like(similarity)

        def rank(item: Any) -> Any:
            # The item is above itself by one half, which is taken off again.
            return 0.5 + ops.sum(ops.where(among, above(similarity, item), zero), axis=1)

        def backward(*upstreams: Any, upstream: Any = None) -> tuple[Any, Any]:
            upstream = upstreams[-1] if upstream is None else upstream
            slopes = ops.transpose(upstream) / temperature
            index = ops.arange(ops.shape(items)[0], dtype="int32")[:, None]

            def add(place: Any, gradients: tuple[Any, Any]) -> tuple[Any, Any]:
                by_similarity, by_items = gradients
                share = above(similarity, ops.take(items, place, axis=0))
                share = ops.take(slopes, place, axis=0)[:, None] * share * (1 - share)
                share = ops.where(among, share, zero)
                by_item = ops.where(index == place, -ops.sum(share, axis=1), 0)
                return by_similarity + share, by_items + by_item

            start = (zero, ops.zeros_like(items))
            by_similarity, by_items = ops.fori_loop(0, ops.shape(items)[0], add, start)
            return by_similarity, ops.transpose(by_items)

        return ops.transpose(ops.map(rank, items)), backward

    return ranks_of(similarity, of)
