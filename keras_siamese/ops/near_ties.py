"""The order of items that rounding makes uncertain, where it matters."""

from collections.abc import Callable

import numpy as np

from keras_siamese.ops.counts import places_in_runs


def settle(
    reduced: np.ndarray,
    errors: np.ndarray,
    size: np.ndarray,
    relevant: np.ndarray,
    exact: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders near-ties by exact distances, and finds the exact ties.

    Items whose distances differ by less than their errors make a run. A run of relevant items
    alone, or of irrelevant ones, is as good in any order; any other is sorted by exact distances.

    Args:
        reduced: Distances, ascending, then infinity, shape `(queries, width)`.
        errors: By how much each may be off, shape `(queries,)`; 0 where they are exact.
        size: How many items are at each distance, shape `(queries, width)`.
        relevant: How many of them are relevant, same shape.
        exact: Takes rows and columns of `reduced`, gives exact distances.

    Returns: `(size, relevant, is_tied)`: the first two in the new order, and whether a place is as
        far as the one before it.
    """
    close = np.zeros(reduced.shape, bool)
    width = reduced.shape[1]
    with np.errstate(invalid="ignore"):  # infinity less infinity
        close[:, 1:] = reduced[:, 1:] - reduced[:, :-1] <= 2 * errors[:, None]
    is_exact = np.asarray(errors == 0)
    is_tied = close & is_exact[:, None]
    starts = np.flatnonzero(~close)
    if len(starts) == close.size or is_exact.all():
        return size, relevant, is_tied
    has_relevant = np.logical_or.reduceat((relevant > 0).ravel(), starts)
    has_irrelevant = np.logical_or.reduceat((size > relevant).ravel(), starts)
    lengths = np.diff(starts, append=close.size)
    is_mixed = has_relevant & has_irrelevant & (lengths > 1)
    is_mixed &= ~is_exact[starts // width]
    run, places = places_in_runs(starts[is_mixed], lengths[is_mixed])
    if not len(run):
        return size, relevant, is_tied
    distances = exact(*np.divmod(places, width))
    order = np.lexsort((distances, run))
    size, relevant = size.copy(), relevant.copy()
    for counts in (size, relevant):
        flat = counts.reshape(-1)
        flat[places] = flat[places[order]]
    distances = distances[order]
    is_tied.reshape(-1)[places[1:]] = (run[1:] == run[:-1]) & (distances[1:] == distances[:-1])
    return size, relevant, is_tied
