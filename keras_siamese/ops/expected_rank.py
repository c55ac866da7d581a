"""Retrieval figures of single queries, expected over all orders of exactly tied items."""

import numpy as np


def expected_hit_at_k(
    closer: np.ndarray, tied_negatives: np.ndarray, tied_positives: np.ndarray, k: int
) -> np.ndarray:
    """Probability that a positive is among the k nearest items.

    After the `closer` items come m `tied_negatives` and p `tied_positives` at one distance, in
    random order. `k - closer` of them are among the k nearest, and all of these are negatives with
    probability `C(m, k - closer) / C(m + p, k - closer)`.

    Args:
        closer: Number of negatives strictly closer than the nearest positive, shape `(queries,)`.
        tied_negatives: Number of negatives as close as it, shape `(queries,)`.
        tied_positives: Number of positives as close as it, at least 1, shape `(queries,)`.
        k: Positive integer.

    Returns: Shape `(queries,)`, float64.
    """
    missed = np.ones(len(closer))
    # One draw after the other; once there are no tied negatives left, none is missed.
    for draw in range(min(k, int(tied_negatives.max(initial=0)) + 1)):
        left = tied_negatives + tied_positives - draw
        probability = np.maximum(tied_negatives - draw, 0) / np.maximum(left, 1)
        missed *= np.where(closer + draw < k, probability, 1.0)
    return 1.0 - missed


def expected_average_precision_at_r(
    positives: np.ndarray, num_relevant: np.ndarray, closer: np.ndarray, tied: np.ndarray
) -> np.ndarray:
    """Average precision at R: `(1 / R) * sum over i <= R of P(i) * rel(i)`.

    A group of n tied items, r of them positive, that follows N closer items, h of them positive,
    adds `(r / n) * (h + 1 + (j - 1) * b) / (N + j)` at its j-th place, `b = (r - 1) / (n - 1)`: the
    probability of a positive there, times the expected precision given that. The sum over the
    places j <= J that are within the first R is
    `(r / n) * ((h + 1 - b * (N + 1)) * (H(N + J) - H(N)) + b * J)`, H being the harmonic numbers.

    Args:
        positives: Distances to the relevant items, ascending, padded with infinity to the shape
            `(queries, R_max)`.
        num_relevant: R of each query, at least 1, shape `(queries,)`.
        closer: Number of negatives strictly closer than each positive, shape `(queries, R_max)`.
            Where it is R or more, any such number will do.
        tied: Number of negatives as close as each positive, shape `(queries, R_max)`.

    Returns: Shape `(queries,)`, float64.

    Reference: [McSherry & Najork, 2008](https://doi.org/10.1007/978-3-540-78646-7_38), for average
        precision; [Musgrave et al., 2020](https://arxiv.org/abs/2003.08505), for MAP@R.
    """
    relevant = num_relevant[:, None]
    place = np.arange(positives.shape[1])
    closer_positives, tied_positives = _tie_groups(positives)
    group = tied + tied_positives
    before = np.minimum(closer + closer_positives, relevant)
    within = np.minimum(group, relevant - before)
    slope = (tied_positives - 1) / np.maximum(group - 1, 1)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / (1.0 + place))])
    sums = (closer_positives + 1 - slope * (before + 1)) * (
        harmonic[before + within] - harmonic[before]
    ) + slope * within
    # A group is summed once for each of its r positives, hence 1 / n for r / n. The padding comes
    # after R closer positives and adds 0.
    return (sums / group).sum(axis=1) / num_relevant


def _tie_groups(ascending: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # For each value of a row: how many are smaller, and how many are equal (itself included).
    place = np.arange(ascending.shape[1])
    differs = ascending[:, 1:] != ascending[:, :-1]
    edge = np.ones((len(ascending), 1), bool)
    first = np.where(np.concatenate([edge, differs], axis=1), place, 0)
    last = np.where(np.concatenate([differs, edge], axis=1), place, ascending.shape[1])
    first = np.maximum.accumulate(first, axis=1)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    return first, last - first + 1
