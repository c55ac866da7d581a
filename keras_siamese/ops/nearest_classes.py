"""How far each item is from the nearest one of its class, and of another class."""

import numpy as np

from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.threads import worker_threads
from keras_siamese.ops.tiles import DistanceTiles

_ROWS, _COLUMNS = 512, 4096


def nearest_of_both_kinds(data: LabelledSet) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest other item of the same class, and the nearest item of another class.

    Args:
        data: A set.

    Returns: Both distances of each item, shape `(N,)` each, float64; infinity where there is none.
    """
    order = np.argsort(data.labels, kind="stable")
    labels = data.labels[order]
    tiles = DistanceTiles(data.distance, data.embeddings[order])
    least = np.full((2, len(labels)), np.float32(np.inf))
    nearest = np.full((2, len(labels)), -1)

    def note(kind: int, rows: slice, column: int, reduced: np.ndarray) -> None:
        found = reduced.argmin(axis=1)
        values = reduced[np.arange(len(found)), found]
        is_closer = values < least[kind, rows]
        least[kind, rows][is_closer] = values[is_closer]
        nearest[kind, rows][is_closer] = column + found[is_closer]

    def search(start: int) -> None:
        rows = slice(start, min(start + _ROWS, len(labels)))
        for column in range(0, len(labels), _COLUMNS):
            columns = slice(column, min(column + _COLUMNS, len(labels)))
            reduced = tiles.tile(rows, columns)
            # In order of class, most tiles hold pairs of two classes alone.
            if labels[rows.start] <= labels[columns.stop - 1] and (
                labels[columns.start] <= labels[rows.stop - 1]
            ):
                same = labels[rows, None] == labels[columns]
                itself = np.arange(start, rows.stop)[:, None] == np.arange(column, columns.stop)
                note(0, rows, column, np.where(same & ~itself, reduced, np.float32(np.inf)))
                reduced[same] = np.inf
            note(1, rows, column, reduced)

    with worker_threads() as pool:
        list(pool.map(search, range(0, len(labels), _ROWS)))
    distances = np.full((2, len(labels)), np.inf)
    for kind in (0, 1):
        exists = np.flatnonzero(nearest[kind] >= 0)
        distances[kind, order[exists]] = tiles.exact(exists, nearest[kind, exists])
    return distances[0], distances[1]
