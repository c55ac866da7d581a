"""What a model makes of points, in columns: the nearest one's label, and the class's centre."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_siamese.data.labels import encode_labels
from keras_siamese.ops.neighbours import nearest_neighbours
from keras_siamese.ops.tiles import DistanceTiles

COMPUTED = ("predicted_label", "nearest_is_correct", "distance_to_centre")


def compute_columns(
    columns: Sequence[str],
    embeddings: np.ndarray,
    labels: np.ndarray,
    names: Sequence[Any],
    distance: Any,
) -> dict[str, list[Any]]:
    """Computes columns from embeddings, exactly.

    Args:
        columns: Which, of `COMPUTED`.
        embeddings: Finite floats, shape `(N, embedding_dim)`, `N` at least 2.
        labels: Integers or strings, shape `(N,)`.
        names: How the labels are shown, length `N`.
        distance: The `Distance` that decides what is near.

    Returns:
        `predicted_label`: The label of the nearest other point; of two as near, the first one's.
        `nearest_is_correct`: 1 if that is the point's own label, else 0; None for the only point of
            a class, for which none is right. Were they words, the Projector would label points by
            them at first, and not by integer labels.
        `distance_to_centre`: The distance to the mean of the points of the own class, as text of
            six digits; 0 for the only point of a class.

    Raises: ValueError: If a distance is not finite.
    """
    computed: dict[str, list[Any]] = {}
    ids, classes = encode_labels(labels)
    sizes = np.bincount(ids)
    if {"predicted_label", "nearest_is_correct"} & set(columns):
        nearest = nearest_neighbours(distance, embeddings, embeddings, 1, exclude_self=True)[0][
            :, 0
        ]
        is_right = ids[nearest] == ids
        computed["predicted_label"] = [names[place] for place in nearest]
        computed["nearest_is_correct"] = [
            int(right) if size > 1 else None
            for right, size in zip(is_right, sizes[ids], strict=True)
        ]
    if "distance_to_centre" in columns:
        sums = np.zeros((len(classes), embeddings.shape[1]))
        np.add.at(sums, ids, embeddings)
        centres = sums / sizes[:, None]
        tiles = DistanceTiles(distance, embeddings, centres)
        distances = tiles.exact(np.arange(len(ids)), ids)
        computed["distance_to_centre"] = [f"{value:.6g}" for value in distances]
    return {name: computed[name] for name in columns}
