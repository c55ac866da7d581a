"""The hardest triplets of a set."""

from typing import Any

import numpy as np
from keras import ops

from keras_siamese import distances
from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance
from keras_siamese.miners import BatchHardMiner
from keras_siamese.ops.checks import check_count


def hardest_triplets(
    embeddings: Any, labels: Any, *, num_triplets: int = 8, distance: "str | Distance" = "euclidean"
) -> np.ndarray:
    """Finds the triplets that an embedding gets most wrong.

    Each item is an anchor with its farthest positive and its nearest negative, and triplets are
    ranked by `d_ap - d_an`. An item stands in one of them at most: an outlier, which is the
    farthest positive of its whole class, does not fill the list with itself.

    Args:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        labels: Class of each item, integers or names, shape `(num_items,)` or `(num_items, 1)`.
        num_triplets: Number of triplets at most. Defaults to 8.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.

    Returns: Places of anchor, positive and negative, the hardest first, integers, shape
        `(num_found, 3)`: fewer, or none, where no more triplets have items of their own.
    """
    check_count("num_triplets", num_triplets)
    distance = distances.get(distance)
    embeddings = ops.convert_to_tensor(embeddings)
    mined = BatchHardMiner()(encode_labels(labels)[0], embeddings, distance=distance)
    is_there = ops.convert_to_numpy(mined.mask)
    sides = (mined.anchor, mined.positive, mined.negative)
    places = np.stack([ops.convert_to_numpy(side)[is_there] for side in sides], axis=1)
    if not len(places):
        return places
    anchors, *others = (ops.take(embeddings, column, axis=0) for column in places.T)
    d_ap, d_an = (ops.convert_to_numpy(distance.paired(anchors, other)) for other in others)
    chosen: list[np.ndarray] = []
    used: set[int] = set()
    for row in np.argsort(d_an - d_ap, kind="stable"):
        items = places[row].tolist()
        if used.isdisjoint(items):
            used.update(items)
            chosen.append(places[row])
            if len(chosen) == num_triplets:
                break
    return np.stack(chosen)
