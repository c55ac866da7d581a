"""Triplets of a batch: anchors, positives and negatives, as pictures or texts."""

from typing import Any

import numpy as np
from keras import ops
from matplotlib.figure import Figure

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.rows import Cell, Group, draw_rows
from keras_siamese.evaluation.plots.style import Style, get_style
from keras_siamese.miners.triplets import Triplets
from keras_siamese.ops.checks import as_embeddings, check_count, check_places

_IN_A_ROW = 2


def plot_triplets(
    items: Any,
    triplets: Any = None,
    *,
    embeddings: Any = None,
    labels: Any = None,
    distance: "str | Distance" = "euclidean",
    num_triplets: int = 8,
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws triplets of a batch, each as anchor, positive and negative.

    Args:
        items: The items of the batch, images or texts; or, without `triplets`, a tuple of three
            such batches: anchors, positives and negatives. None, if there are `embeddings`: the
            places in the batch are named.
        triplets: What a triplet miner gave for this batch, or the places of anchor, positive and
            negative, integers of shape `(num_triplets, 3)`.
        embeddings: Of the batch (of a tuple: a tuple of three), shape `(batch_size, ...)`. With
            them, distances to the anchor are shown, and a negative that is no farther than the
            positive has a cross.
        labels: Of the batch, to be shown with its items, shape `(batch_size,)`.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        num_triplets: Number of triplets to draw at most: evenly spread ones. Defaults to 8.
        title: Over everything.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`.

    Raises: ValueError: If there is no triplet, a place does not exist, or lengths differ.
    """
    style = get_style(style)
    check_count("num_triplets", num_triplets)
    if triplets is None:
        items, embeddings, labels, triplets = _joined(items, embeddings, labels)
    places = _as_places(triplets)
    num_items = len(items if embeddings is None else embeddings)
    shown = Items(items, num_items)
    check_places("triplets", places, num_items)
    places = places[np.linspace(0, len(places) - 1, min(num_triplets, len(places))).astype(int)]
    far = None
    if embeddings is not None:
        vectors = ops.reshape(ops.convert_to_tensor(embeddings), (num_items, -1))
        vectors = as_embeddings(vectors)
        anchors, *others = (ops.take(vectors, column, axis=0) for column in places.T)
        measured = distances.get(distance)
        far = np.stack([ops.convert_to_numpy(measured.paired(anchors, x)) for x in others], axis=1)
    names = None if labels is None else np.asarray(labels).reshape(num_items)
    groups = [
        _group(triplet, None if far is None else far[row], names)
        for row, triplet in enumerate(places.tolist())
    ]
    rows = [groups[start : start + _IN_A_ROW] for start in range(0, len(groups), _IN_A_ROW)]
    return draw_rows(rows, [shown], style, title)


def _group(triplet: list[int], far: np.ndarray | None, names: np.ndarray | None) -> Group:
    captions = [["anchor"], ["positive"], ["negative"]]
    is_right: list[bool | None] = [None, None, None]
    if names is not None:
        for caption, place in zip(captions, triplet, strict=True):
            caption.append(str(names[place]))
    if far is not None:
        for caption, value in zip(captions[1:], far, strict=True):
            caption.append(f"{value:#.3g}")
        is_right[2] = bool(far[1] > far[0])
    cells = zip(triplet, captions, is_right, strict=True)
    return Group(tuple(Cell(place, tuple(caption), right) for place, caption, right in cells))


def _joined(items: Any, embeddings: Any, labels: Any) -> tuple[Any, Any, Any, np.ndarray]:
    """Returns anchors, positives and negatives as one batch, and the triplets of it."""
    parts = [items, *([] if embeddings is None else [embeddings])]
    if not all(isinstance(part, tuple | list) and len(part) == 3 for part in parts):
        raise ValueError(
            "Without `triplets`, `items` must be (anchors, positives, negatives), and `embeddings` "
            f"likewise. Received: {', '.join(type(part).__name__ for part in parts)}."
        )
    sizes = [len(part) for three in parts for part in three]
    if len(set(sizes)) != 1 or not sizes[0]:
        raise ValueError(
            "Expected as many anchors as positives and negatives, and at least one. Received: "
            f"{sizes}."
        )
    joined = [np.concatenate([np.asarray(part) for part in three]) for three in parts]
    if labels is not None:
        labels = np.concatenate([np.asarray(part).reshape(-1) for part in labels])
    triplets = np.arange(3 * sizes[0]).reshape(3, -1).T
    return joined[0], joined[1] if embeddings is not None else None, labels, triplets


def _as_places(triplets: Any) -> np.ndarray:
    if isinstance(triplets, Triplets):
        mask = ops.convert_to_numpy(triplets.mask)
        three = (triplets.anchor, triplets.positive, triplets.negative)
        places = np.stack([ops.convert_to_numpy(part)[mask] for part in three], axis=1)
    else:
        places = np.asarray(triplets)
    if places.dtype.kind not in "iu" or places.ndim != 2 or places.shape[1] != 3:
        raise ValueError(
            "`triplets` must be what a triplet miner gave, or integers of shape (num_triplets, 3). "
            f"Received: dtype {places.dtype}, shape {places.shape}."
        )
    if not len(places):
        raise ValueError(
            "There is no triplet to draw. Received: 0 triplets. The miner found none in this "
            "batch: use a larger `margin`, or more classes in a batch."
        )
    return places
