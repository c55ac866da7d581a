"""The plots and examples of a report, put on a page."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_siamese.distances import Distance
from keras_siamese.evaluation.extreme_pairs import find_extreme_pairs
from keras_siamese.evaluation.html import Page
from keras_siamese.evaluation.labelled_space import LabelledSpace
from keras_siamese.evaluation.plots.class_distances import class_distances, draw_class_distances
from keras_siamese.evaluation.plots.distances import draw_distances
from keras_siamese.evaluation.plots.embeddings import draw_embeddings, lay_out_embeddings
from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.neighbours import choose_queries, neighbour_rows
from keras_siamese.evaluation.plots.pairs import pair_rows
from keras_siamese.evaluation.plots.recall_at_k import draw_recall_at_k, recall_curve
from keras_siamese.evaluation.plots.roc import draw_roc
from keras_siamese.evaluation.plots.rows import Group
from keras_siamese.evaluation.plots.style import Style
from keras_siamese.ops.neighbours import nearest_neighbours
from keras_siamese.ops.pair_counts import PairCounts

_NUM_PAIRS, _NUM_QUERIES, _NUM_NEIGHBOURS = 5, 6, 8
_Plots = Mapping[str, Callable[[Style], Figure]]


def add_plots(
    page: Page,
    space: LabelledSpace,
    distance: Distance,
    *,
    pairs: PairCounts | None,
    threshold: float | None,
    items: Any = None,
    gallery: LabelledSpace | None = None,
    gallery_items: Any = None,
    method: str = "tsne",
    max_points: int = 2000,
    seed: int = 0,
) -> None:
    """Adds all plots and examples that there are for a set, or for queries to a gallery.

    Args:
        page: Where to.
        space: The set.
        distance: The distance.
        pairs: Its pairs, or None if there are none of one of the kinds.
        threshold: A distance to mark, or None.
        items: What the embeddings are of: see `plot_pairs`.
        gallery: The set to search in, or None: the first one.
        gallery_items: What its embeddings are of.
        method: How the map is laid out: see `plot_embeddings`.
        max_points: Items on the map at most.
        seed: Seed of the map and of the choice of queries.

    Raises: ValueError: If there are not as many items as embeddings.
    """
    shown = Items(items, len(space))
    page.add_heading("Map of the embeddings")
    page.add_text(_map_note(method, min(max_points, len(space)), len(space)), is_note=True)
    pictures = items if shown.kind == "pictures" else None
    names = [str(name) for name in space.classes]
    found = lay_out_embeddings(
        space.embeddings,
        space.class_ids,
        method=method,
        items=pictures,
        class_names=names,
        max_points=max_points,
        seed=seed,
    )
    page.add_plots({"Map of the embeddings": lambda style: draw_embeddings(found, style)})
    if pairs is not None:
        page.add_heading("Verification: are two items of one class?")
        counts = {"": pairs}
        plots: _Plots = {
            "ROC curve": functools.partial(draw_roc, counts),
            "Distances of pairs": lambda style: draw_distances(counts, style, threshold),
        }
        page.add_plots(plots)
    page.add_heading("Retrieval: what is nearest?")
    _add_retrieval(page, space, distance, gallery)
    if gallery is None:
        _add_pairs(page, space, distance, shown)
        _add_neighbours(page, space, None, distance, [shown], seed)
    else:
        both = [shown, Items(gallery_items, len(gallery))]
        _add_neighbours(page, space, gallery, distance, both, seed)


def _add_retrieval(
    page: Page, space: LabelledSpace, distance: Distance, gallery: LabelledSpace | None
) -> None:
    plots: dict[str, Callable[[Style], Figure]] = {}
    if gallery is not None or np.bincount(space.class_ids).max() > 1:
        curve = {"": recall_curve(space, distance, gallery=gallery)}
        plots["Recall at k"] = functools.partial(draw_recall_at_k, curve)
    if gallery is None and len(space.classes) > 1:
        means = class_distances(space, distance)
        plots["Mean distances between classes"] = functools.partial(
            draw_class_distances, means, space.classes
        )
    page.add_plots(plots)


def _add_pairs(page: Page, space: LabelledSpace, distance: Distance, shown: Items) -> None:
    found = find_extreme_pairs(
        space.embeddings, space.class_ids, num_pairs=_NUM_PAIRS, distance=distance
    )
    page.add_heading("Worst and best pairs")
    page.add_text(
        "An item stands in one pair of a list at most. Among the worst there are often wrong "
        "labels, among the best of one class copies.",
        is_note=True,
    )
    rows: list[tuple[str, list[list[Group]]]] = []
    for row in pair_rows(found, space):
        if row[0].heading:
            rows.append((row[0].heading, []))
        rows[-1][1].append(row)
    for heading, of_kind in rows:
        page.add_heading(heading, level=3)
        page.add_rows(of_kind, [shown])


def _add_neighbours(
    page: Page,
    space: LabelledSpace,
    gallery: LabelledSpace | None,
    distance: Distance,
    shown: Sequence[Items],
    seed: int,
) -> None:
    if gallery is None and len(space) < 2:
        return
    page.add_heading("Nearest neighbours")
    groups = {"Queries at random": choose_queries(_NUM_QUERIES, len(space), seed)}
    wrong = _failed_queries(space, gallery, distance)
    if len(wrong):
        chosen = wrong[choose_queries(_NUM_QUERIES, len(wrong), seed)]
        title = f"Queries whose nearest item is of another class: {len(chosen)} of {len(wrong):,}"
        groups[title] = chosen
    for title, queries in groups.items():
        page.add_heading(title, level=3)
        rows = neighbour_rows(space, gallery, queries, _NUM_NEIGHBOURS, distance)
        page.add_rows(rows, shown, is_wide=True)


def _failed_queries(
    space: LabelledSpace, gallery: LabelledSpace | None, distance: Distance
) -> np.ndarray:
    """Returns the items with a match whose nearest item is none."""
    if gallery is None:
        vectors = others = space.embeddings
        labels = other_labels = space.class_ids
        has_match = np.bincount(labels)[labels] > 1
    else:
        vectors, others = space.embeddings, gallery.embeddings
        labels, other_labels = space.labels, gallery.labels
        has_match = np.isin(labels, other_labels)
    nearest, _ = nearest_neighbours(distance, vectors, others, 1, exclude_self=gallery is None)
    return np.flatnonzero(has_match & (other_labels[nearest[:, 0]] != labels))


def _map_note(method: str, num_drawn: int, num_items: int) -> str:
    names = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}
    note = f"By {names[method]}, {num_drawn:,} of {num_items:,} items."
    if method != "pca":
        note += " Neighbourhoods are kept, distances are not."
    return note
