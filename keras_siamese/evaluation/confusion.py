"""Which classes embeddings confuse with which."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_siamese import distances
from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance
from keras_siamese.ops.blocks import rows_within
from keras_siamese.ops.checks import as_embeddings, check_count, check_finite, check_same_length

_BLOCK_ELEMENTS = 2**22  # Distances in one block: 16 MiB in float32.


def confused_classes(
    embeddings: Any,
    labels: Sequence[Any] | np.ndarray,
    *,
    num_confused: int = 3,
    distance: str | Distance = "euclidean",
) -> dict[Any, list[Any]]:
    """Finds for each class the other classes that it is most confused with.

    An item is confused with the other classes that have the items nearest to it: the nearest class
    counts 1, the next one 1/2, then 1/3, down to `1 / num_confused`. These counts, summed over the
    items of a class, rank the classes that it is confused with. A class is near whose nearest item
    is: items of its own class are never in the way.

    Time is in proportion to `N**2`; a block of distances, 16 MiB, exists at a time.

    Args:
        embeddings: Finite floats, shape `(N, embedding_dim)`.
        labels: Class of each item, integers or strings, shape `(N,)` or `(N, 1)`.
        num_confused: Number of classes to find for each, or all others if they are fewer. Defaults
            to 3.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.

    Returns: For each class a list of `num_confused` classes, the most confused first.

    Raises: ValueError: If there is one class only, lengths differ, or embeddings are not finite.

    Example:
        >>> embeddings = [[0.0], [1.0], [1.2], [5.0], [6.0]]
        >>> confused_classes(embeddings, ["a", "a", "b", "c", "c"], num_confused=1)
        {'a': ['b'], 'b': ['a'], 'c': ['b']}
    """
    check_count("num_confused", num_confused)
    distance = distances.get(distance)
    embeddings = as_embeddings(embeddings)
    ids, classes = encode_labels(labels)
    num_items = check_same_length(embeddings=embeddings, labels=ids)
    check_finite("Embeddings", ops.convert_to_numpy(embeddings))
    if len(classes) < 2:
        raise ValueError("There is nothing to confuse. Expected 2 classes or more. Received: 1.")
    order = np.argsort(ids, kind="stable")
    ids, embeddings = ids[order], ops.take(embeddings, order, axis=0)
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    num_confused = min(num_confused, len(classes) - 1)

    def nearest_classes(rows: slice) -> np.ndarray:
        to_all = ops.convert_to_numpy(distance.pairwise(embeddings[rows], embeddings))
        to_class = np.minimum.reduceat(to_all, starts, axis=1)  # (rows, C)
        np.put_along_axis(to_class, ids[rows, None], np.inf, axis=1)
        nearest = np.argpartition(to_class, num_confused - 1, axis=1)[:, :num_confused]
        ranks = np.argsort(np.take_along_axis(to_class, nearest, axis=1), axis=1, kind="stable")
        return np.take_along_axis(nearest, ranks, axis=1)

    block_rows = rows_within(_BLOCK_ELEMENTS, num_items)
    blocks = [slice(first, first + block_rows) for first in range(0, num_items, block_rows)]
    nearest = np.concatenate([nearest_classes(rows) for rows in blocks])  # (N, num_confused)
    pairs, places = np.unique(ids[:, None] * len(classes) + nearest, return_inverse=True)
    weights = np.broadcast_to(1 / np.arange(1, num_confused + 1), nearest.shape)
    counts = np.bincount(places.ravel(), weights.ravel())
    of_class, others = np.divmod(pairs, len(classes))
    others = classes[others[np.lexsort((-counts, of_class))]].tolist()
    firsts = np.flatnonzero(np.diff(of_class, prepend=-1))
    return {
        label: others[first : first + num_confused]
        for label, first in zip(classes.tolist(), firsts.tolist(), strict=True)
    }
