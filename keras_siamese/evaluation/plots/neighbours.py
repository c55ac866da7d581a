"""The nearest neighbours of some queries, as pictures or texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.labelled_space import LabelledSpace, read_space
from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.rows import Cell, Group, draw_rows
from keras_siamese.evaluation.plots.style import Style, get_style
from keras_siamese.ops.checks import check_count, check_places
from keras_siamese.ops.neighbours import nearest_neighbours


def plot_neighbours(
    embeddings: Any,
    labels: Any,
    items: Any = None,
    *,
    gallery: tuple[Any, Any, Any] | None = None,
    queries: int | Sequence[int] | np.ndarray = 8,
    k: int = 8,
    distance: "str | Distance" = "euclidean",
    seed: int = 0,
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws queries, each with its nearest neighbours and their distances, right or wrong.

    Args:
        embeddings: Finite floats, shape `(num_items, ...)`.
        labels: Class of each item, ints or strings, shape `(num_items,)` or `(num_items, 1)`.
        items: What the embeddings are of: images, texts (drawn as a table), or a
            `keras_siamese.data.Source`. Images may be bytes, floats of any range, grey or in
            colour. Defaults to `None`: the places in the set are named.
        gallery: `(embeddings, labels, items)` to search in. Defaults to `None`: the set itself,
            without the query.
        queries: Places of the queries, or how many to draw at random. Defaults to 8.
        k: Number of neighbours. Defaults to 8, or all there are if they are fewer.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        seed: Seed of the choice of queries. Defaults to 0.
        title: Over everything.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`. Neighbours of another class have a cross and a dashed
        frame, those of the query's class a tick.

    Raises: ValueError: If lengths differ or are 0, an embedding is not finite, a query does not
        exist, or there is no neighbour.
    """
    style = get_style(style)
    space = read_space(embeddings, labels)
    shown = [Items(items, len(space))]
    others = None
    if gallery is not None:
        others = read_space(*gallery[:2])
        shown.append(Items(gallery[2], len(others)))
    places = choose_queries(queries, len(space), seed)
    rows = neighbour_rows(space, others, places, k, distances.get(distance))
    return draw_rows(rows, shown, style, title)


def choose_queries(
    queries: int | Sequence[int] | np.ndarray, num_items: int, seed: int = 0
) -> np.ndarray:
    """Returns places of queries: the given ones, or as many random ones, in ascending order.

    Raises: ValueError: If there are none, or one does not exist.
    """
    if np.ndim(queries) == 0:
        count = min(check_count("queries", queries), num_items)  # type: ignore[arg-type]
        return np.sort(np.random.default_rng(seed).permutation(num_items)[:count])
    places = np.asarray(queries)
    if places.dtype.kind not in "iu" or places.ndim != 1 or not places.size:
        raise ValueError(
            "`queries` must be a number of them, or places of items, integers of shape "
            f"(num_queries,). Received: dtype {places.dtype}, shape {places.shape}."
        )
    check_places("queries", places, num_items)
    return places


def neighbour_rows(
    space: LabelledSpace,
    gallery: LabelledSpace | None,
    queries: np.ndarray,
    k: int,
    distance: Distance,
) -> list[list[Group]]:
    """Returns queries with their neighbours as rows to be drawn.

    Args:
        space: The set that the queries are of.
        gallery: The set to search in, or None: the first one.
        queries: Places of the queries.
        k: Number of neighbours at most.
        distance: The distance.

    Raises: ValueError: If there is no neighbour, or embeddings differ in size.
    """
    check_count("k", k)
    others = space if gallery is None else gallery
    if len(others) == 1 and gallery is None:
        raise ValueError("There is no neighbour. Expected 2 items or more. Received: 1.")
    if others.embeddings.shape[1] != space.embeddings.shape[1]:
        raise ValueError(
            "Embeddings of queries and of the gallery must have the same size. Received: "
            f"{space.embeddings.shape[1]} and {others.embeddings.shape[1]}."
        )
    # One more, for the query itself.
    num_found = min(k + (gallery is None), len(others))
    found, far = nearest_neighbours(
        distance, space.embeddings[queries], others.embeddings, num_found
    )
    rows = []
    for query, items, distances_to in zip(queries.tolist(), found, far, strict=True):
        name = space.name(query)
        kept = [
            Cell(int(item), (f"{value:#.3g}", others.name(item)), others.name(item) == name)
            for item, value in zip(items, distances_to, strict=True)
            if gallery is not None or item != query
        ]
        rows.append([Group((Cell(query, ("query", name)), *kept[:k]))])
    return rows
