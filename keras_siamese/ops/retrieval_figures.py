"""Retrieval figures of single queries, expected over all orders of exactly tied items.

All take `Rankings` and give shape `(queries,)`, float64. `depth` says how many of the nearest items
a figure looks at; the rankings must go as far.
"""

from collections.abc import Callable

import numpy as np

from keras_siamese.ops.rankings import Rankings


def hit_at_k(rankings: Rankings, k: int) -> np.ndarray:
    """Probability that a relevant item is among the k nearest.

    After the items that are closer than the nearest relevant one come m irrelevant and p relevant
    ones at its distance, in random order. `k - closer` of them are among the k nearest, and all of
    these are irrelevant with probability `C(m, k - closer) / C(m + p, k - closer)`.
    """
    closer, irrelevant, relevant = rankings.first_hit
    missed = np.ones(len(closer))
    # One draw after the other; once there are no tied irrelevant ones left, none is missed.
    for draw in range(min(k, int(irrelevant.max(initial=0)) + 1)):
        left = irrelevant + relevant - draw
        probability = np.maximum(irrelevant - draw, 0) / np.maximum(left, 1)
        missed *= np.where(closer + draw < k, probability, 1.0)
    return 1.0 - missed


def reciprocal_rank(rankings: Rankings) -> np.ndarray:
    """`1 / rank` of the nearest relevant item, which must be in the rankings."""
    closer, irrelevant, relevant = rankings.first_hit
    total, missed = np.zeros(len(closer)), np.ones(len(closer))
    for draw in range(int(irrelevant.max(initial=0)) + 1):
        left = np.maximum(irrelevant + relevant - draw, 1)
        total += missed * np.minimum(relevant / left, 1.0) / (closer + draw + 1)
        missed *= np.maximum(irrelevant - draw, 0) / left
        if missed.max(initial=0.0) < 1e-17:
            break
    return total


def hits_within(rankings: Rankings, depth: np.ndarray | int) -> np.ndarray:
    """Number of relevant items among the `depth` nearest."""
    share = rankings.relevant / np.maximum(rankings.size, 1)
    return (share * rankings.places_within(depth)).sum(axis=1)


def average_precision_sum(rankings: Rankings, depth: np.ndarray | int) -> np.ndarray:
    """Sum over the `depth` nearest places of precision there, where a relevant item stands.

    A group of n tied items, r of them relevant, that follows N closer items, h of them relevant,
    adds `(r / n) * (h + 1 + (j - 1) * b) / (N + j)` at its j-th place, `b = (r - 1) / (n - 1)`: the
    probability of a relevant item there, times the expected precision given that. The sum over the
    first J places is `(r / n) * ((h + 1 - b * (N + 1)) * (H(N + J) - H(N)) + b * J)`, H being the
    harmonic numbers.

    Reference: [McSherry & Najork, 2008](https://doi.org/10.1007/978-3-540-78646-7_38).
    """
    places, before = rankings.places_within(depth), rankings.before
    slope = (rankings.relevant - 1) / np.maximum(rankings.size - 1, 1)
    offset = rankings.relevant_before + 1 - slope * (before + 1)
    sums = offset * _sums_over_places(lambda place: 1 / place, before, places) + slope * places
    return (rankings.relevant / np.maximum(rankings.size, 1) * sums).sum(axis=1)


def discounted_gain(rankings: Rankings, depth: np.ndarray | int) -> np.ndarray:
    """Sum over the `depth` nearest places with a relevant item of `1 / log2(1 + place)`."""
    places = rankings.places_within(depth)
    sums = _sums_over_places(lambda place: 1 / np.log2(1 + place), rankings.before, places)
    return (rankings.relevant / np.maximum(rankings.size, 1) * sums).sum(axis=1)


def ideal_gain(num_relevant: np.ndarray, depth: int) -> np.ndarray:
    """`discounted_gain` where the relevant items come first."""
    hits = np.minimum(num_relevant, depth)
    return _cumulative(lambda place: 1 / np.log2(1 + place), int(hits.max(initial=0)))[hits]


def _sums_over_places(
    weight: Callable[[np.ndarray], np.ndarray], before: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Sum of the weights of the first `places` places after those `before`."""
    is_empty = places == 0
    start = np.where(is_empty, 0, before)
    cumulative = _cumulative(weight, int((start + places).max(initial=0)))
    return cumulative[start + places] - cumulative[start]


def _cumulative(weight: Callable[[np.ndarray], np.ndarray], num_places: int) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(weight(np.arange(1.0, num_places + 1)))])
