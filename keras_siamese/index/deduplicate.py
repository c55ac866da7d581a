"""Near-duplicates in an index: which items go, and which stand for them."""

import numpy as np

from keras_siamese.index.results import RemovedDuplicates
from keras_siamese.index.vector_index import VectorIndex, check_threshold

_ROWS = 256


def find_duplicates(index: VectorIndex, threshold: float) -> RemovedDuplicates:
    """Finds the items that are within a distance of an earlier item, which is not one of them.

    Items are looked at in their order: the first of a group stays, and what is near to it goes.
    What is near only to an item that goes, stays. Each item that goes is named with the first one
    that stays and is near.

    Args:
        index: Where to look. An approximate backend may miss some.
        threshold: Greatest distance of near-duplicates.

    Raises: ValueError: If the index is empty, or the threshold no number.
    """
    backend, threshold = index.running, check_threshold(threshold)
    num_items = len(index)
    kept_by = np.full(num_items, -1, np.int64)
    distances = np.zeros(num_items, np.float32)
    for start in range(0, num_items, _ROWS):
        rows = np.arange(start, min(start + _ROWS, num_items))
        rows = rows[kept_by[rows] < 0]
        if not len(rows):
            continue
        splits, positions, found = backend.within(np.array(backend.store.rows(rows)), threshold)
        for number, item in enumerate(rows):
            if kept_by[item] >= 0:  # since this block was begun
                continue
            near = slice(splits[number], splits[number + 1])
            others, d = positions[near], found[near]
            is_new = (others > item) & (kept_by[others] < 0)
            kept_by[others[is_new]] = item
            distances[others[is_new]] = d[is_new]
    gone = np.flatnonzero(kept_by >= 0)
    ids = index.items.ids
    return RemovedDuplicates(ids[gone], ids[kept_by[gone]], distances[gone])
