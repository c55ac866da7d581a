"""Curves of recall at k: how far down the ranking a query's class is found."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.labelled_space import LabelledSpace, read_space
from keras_siamese.evaluation.plots.style import (
    Style,
    add_legend,
    finish_axes,
    get_style,
    new_figure,
)
from keras_siamese.evaluation.plots.text import shorten
from keras_siamese.evaluation.retrieval import evaluate_retrieval
from keras_siamese.metrics import RecallAtK
from keras_siamese.ops.checks import check_count

_KS = (1, 2, 5, 10, 20, 50, 100)
_MARKS = ("o", "s", "^", "D", "v")


def plot_recall_at_k(
    embeddings: Any,
    labels: Any,
    *,
    ks: Sequence[int] = _KS,
    distance: "str | Distance" = "euclidean",
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws recall at k for several k, each item being a query against all others.

    Args:
        embeddings: Finite floats, shape `(num_items, ...)`. Or several, to be compared: name of
            each curve -> its embeddings.
        labels: Class of each item, shape `(num_items,)` or `(num_items, 1)`.
        ks: Which k. Those for which there are too few items are left out. Defaults to 1, 2, 5, 10,
            20, 50 and 100.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        title: Over everything.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`.

    Raises: ValueError: If lengths differ or are 0, an embedding is not finite, no class has 2
        items, or no k is smaller than the number of items. See
        `keras_siamese.metrics.RecallAtK` for ties.
    """
    sets = embeddings if isinstance(embeddings, Mapping) else {"": embeddings}
    if not sets:
        raise ValueError("`embeddings` is empty. Expected {name: embeddings}.")
    measured = distances.get(distance)
    curves = {
        str(name): recall_curve(read_space(values, labels), measured, ks)
        for name, values in sets.items()
    }
    return draw_recall_at_k(curves, get_style(style), title)


def recall_curve(
    space: LabelledSpace,
    distance: Distance,
    ks: Sequence[int] = _KS,
    gallery: LabelledSpace | None = None,
) -> dict[int, float]:
    """Returns recall at each k, ascending, for which there are enough items.

    Args:
        space: The set, or the queries.
        distance: The distance.
        ks: Which k.
        gallery: The set to search in. Defaults to the first one, without the query.

    Raises: ValueError: If there is none, or no query has a match.
    """
    num_others = len(space) - 1 if gallery is None else len(gallery)
    usable = [k for k in sorted({check_count("ks", k) for k in ks}) if k <= num_others]
    if not usable:
        raise ValueError(
            "`ks` must hold one that is no larger than the number of items to be found. Received: "
            f"{list(ks)} and {num_others} of them."
        )
    found = evaluate_retrieval(
        space.embeddings,
        space.labels,
        *(() if gallery is None else (gallery.embeddings, gallery.labels)),
        metrics=[RecallAtK(k) for k in usable],
        distance=distance,
    )
    return dict(zip(usable, found.figures.values(), strict=True))


def draw_recall_at_k(
    curves: Mapping[str, Mapping[int, float]], style: Style, title: str | None = None
) -> Figure:
    """Draws curves of recall at k.

    Args:
        curves: Name of each curve -> recall at each k.
        style: The colours.
        title: Over everything.
    """
    figure = new_figure(style, 5.6, 3.9, title)
    axes = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        axes.plot(
            list(curve),
            list(curve.values()),
            color=style.series[number % len(style.series)],
            marker=_MARKS[number % len(_MARKS)],
            markersize=5,
            linewidth=1.6,
            label=shorten(name),
            clip_on=False,
        )
        if len(curves) == 1:
            for k, value in curve.items():
                axes.annotate(
                    f"{value:.1%}",
                    (k, value),
                    xytext=(-3, 5),
                    textcoords="offset points",
                    ha="right",
                    fontsize=8,
                    color=style.text,
                )
    ks = sorted({k for curve in curves.values() for k in curve})
    axes.set_xscale("log")
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(ks[0] / 1.6, ks[-1] * 1.25)
    low = min(min(curve.values()) for curve in curves.values())
    bottom = max(0.0, np.floor((low - 0.08) * 10) / 10)
    axes.set_ylim(bottom, 1 + 0.08 * (1 - bottom))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    finish_axes(axes, style, xlabel="k", ylabel="queries with a match among the k nearest")
    if any(curves):
        add_legend(axes, style, loc="lower right", fontsize=8)
    return figure
