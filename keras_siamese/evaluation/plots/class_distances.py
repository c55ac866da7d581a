"""Mean distances between classes, as a matrix."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.labelled_space import LabelledSpace, read_space
from keras_siamese.evaluation.plots.style import (
    Style,
    finish_axes,
    get_style,
    new_figure,
)
from keras_siamese.evaluation.plots.text import shorten
from keras_siamese.ops.checks import check_count
from keras_siamese.ops.tiles import DistanceTiles

_TILE_ELEMENTS = 2**22  # Distances in one tile: 16 MiB.
_MAX_WITH_FIGURES = 12


def plot_class_distances(
    embeddings: Any,
    labels: Any,
    *,
    max_classes: int = 20,
    distance: "str | Distance" = "euclidean",
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws the mean distance between the items of each two classes, and within each class.

    A row is easy to tell apart where its place on the diagonal is the nearest of all.

    Args:
        embeddings: Finite floats, shape `(num_items, ...)`.
        labels: Class of each item, ints or strings, shape `(num_items,)` or `(num_items, 1)`.
        max_classes: Number of classes drawn at most. Where there are more, the most confused ones
            are: those whose distance to another class is least, compared with the mean distance
            within the two. Defaults to 20.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        title: Over everything; the default says which classes are shown.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`. A class of one item has no distance within it: its place
        is empty.

    Raises: ValueError: If lengths differ or are 0, or an embedding is not finite.
    """
    check_count("max_classes", max_classes, least=2)
    style = get_style(style)
    space = read_space(embeddings, labels)
    means = class_distances(space, distances.get(distance))
    return draw_class_distances(means, space.classes, style, max_classes, title)


def class_distances(space: LabelledSpace, distance: Distance) -> np.ndarray:
    """Returns mean distances between classes, shape `(C, C)`; NaN within classes of one item.

    Args:
        space: The set.
        distance: The distance.
    """
    order = np.argsort(space.class_ids, kind="stable")
    ids = space.class_ids[order]
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    tiles = DistanceTiles(distance, space.embeddings[order])
    num_items, num_classes = len(ids), len(starts)
    sums = np.zeros((num_classes, num_classes))
    num_rows = max(1, _TILE_ELEMENTS // num_items)
    for first in range(0, num_items, num_rows):
        rows = slice(first, min(first + num_rows, num_items))
        far = tiles.distances(tiles.tile(rows, slice(0, num_items)))
        far = np.require(far, requirements="W")
        far[np.arange(len(far)), np.arange(rows.start, rows.stop)] = 0  # To itself: not counted.
        to_classes = np.add.reduceat(far, starts, axis=1, dtype=np.float64)  # (rows, C)
        np.add.at(sums, ids[rows], to_classes)
    sizes = np.bincount(ids).astype(float)
    counts = sizes[:, None] * sizes - np.diag(sizes)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / np.where(counts > 0, counts, 1), np.nan)


def draw_class_distances(
    means: np.ndarray,
    classes: np.ndarray,
    style: Style,
    max_classes: int = 20,
    title: str | None = None,
) -> Figure:
    """Draws mean distances between classes: see `plot_class_distances`.

    Args:
        means: Shape `(C, C)`.
        classes: Labels of the classes, shape `(C,)`.
        style: The colours.
        max_classes: Number of classes drawn at most.
        title: Over everything.
    """
    shown = most_confused(means, max_classes)
    if title is None:
        title = "Mean distances between classes"
        if len(shown) < len(means):
            title += f": the {len(shown)} most confused of {len(means)}"
    names = [shorten(classes[place], 20) for place in shown]
    values = means[np.ix_(shown, shown)]
    side = 1.6 + 0.34 * max(len(shown), 6)
    longest = 0.075 * max(map(len, names))
    figure = new_figure(style, side + longest + 1.0, side + 0.7 * longest, title)
    axes = figure.subplots()
    shades = style.shades.with_extremes(bad=style.background)
    image = axes.imshow(np.ma.masked_invalid(values), cmap=shades)
    slanted = max(map(len, names)) > 3
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=45 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(len(names)), names)
    finish_axes(axes, style, grid=False)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.outline.set_edgecolor(style.grid)
    bar.ax.tick_params(colors=style.muted, labelsize=8)
    bar.set_label("mean distance", color=style.text, fontsize=9)
    for place in range(len(names)):
        axes.add_patch(_frame(place, style))
    if len(names) <= _MAX_WITH_FIGURES:
        _write_values(axes, values, image)
    return figure


def most_confused(means: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the classes to draw: all, or those that are nearest to another one.

    Args:
        means: Mean distances between classes, shape `(C, C)`.
        num_classes: How many.
    """
    if len(means) <= num_classes:
        return np.arange(len(means))
    within = np.diag(means)
    usual = np.nanmean(within) if np.isfinite(within).any() else 0.0
    within = np.where(np.isfinite(within), within, usual)
    excess = means - 0.5 * (within[:, None] + within)
    first, second = np.triu_indices(len(means), k=1)
    nearest = np.argsort(np.minimum(excess, excess.T)[first, second], kind="stable")
    in_order = np.stack([first[nearest], second[nearest]], axis=1).ravel()
    _, at = np.unique(in_order, return_index=True)
    return in_order[np.sort(at)[:num_classes]]


def _frame(place: int, style: Style) -> Rectangle:
    return Rectangle((place - 0.5, place - 0.5), 1, 1, fill=False, edgecolor=style.text)


def _write_values(axes: Axes, values: np.ndarray, image: AxesImage) -> None:
    red, green, blue, _ = np.moveaxis(np.asarray(image.cmap(image.norm(values))), -1, 0)
    is_bright = np.asarray(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            color = "#000000" if is_bright[row, column] else "#ffffff"
            axes.text(
                column, row, f"{value:#.3g}", ha="center", va="center", fontsize=7, color=color
            )
