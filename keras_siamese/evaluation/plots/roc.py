"""ROC curves: how many pairs of one class are recognised at the cost of how many of two."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from keras_siamese.distances import Distance
from keras_siamese.evaluation.plots.counted_pairs import count_pairs
from keras_siamese.evaluation.plots.style import (
    Style,
    add_legend,
    finish_axes,
    get_style,
    new_figure,
)
from keras_siamese.evaluation.plots.text import shorten
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import equal_error_rate, roc_curve, true_accept_rate

_MAX_POINTS = 2000  # No eye tells more.
_MAX_INSIDE = 3  # Curves whose names have room inside of the axes.
_LINES = ("solid", "dashed", "dashdot", "dotted")


def plot_roc(
    embeddings: Any,
    labels: Any,
    *,
    false_match_rates: Sequence[float] = (0.1, 0.01, 0.001),
    log_scale: bool = False,
    distance: "str | Distance" = "euclidean",
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws the ROC curve of all pairs, with its area, equal error rate and operating points.

    Args:
        embeddings: Finite floats, shape `(num_items, ...)`; or distances of given pairs, shape
            `(num_pairs,)`. Or several, to be compared: name of each curve -> one of these.
        labels: Class of each item, shape `(num_items,)` or `(num_items, 1)`; of given pairs 1 for a
            match and 0 for none.
        false_match_rates: Operating points to mark, each between 0 and 1. Those that are too small
            for the number of pairs are left out. Defaults to 10 %, 1 % and 0.1 %.
        log_scale: Whether false-match rates are on a logarithmic scale, down to one pair. Defaults
            to `False`.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        title: Over everything.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`.

    Raises: ValueError: If lengths differ or are 0, values are not finite, there are no pairs of one
        of the kinds, or a rate is not between 0 and 1.
    """
    for rate in false_match_rates:
        check_positive("false_match_rates", rate, below=1.0)
    pairs = count_pairs(embeddings, labels, distance)
    return draw_roc(pairs, get_style(style), false_match_rates, log_scale, title)


def draw_roc(
    pairs: Mapping[str, PairCounts],
    style: Style,
    false_match_rates: Sequence[float] = (0.1, 0.01, 0.001),
    log_scale: bool = False,
    title: str | None = None,
) -> Figure:
    """Draws ROC curves: see `plot_roc`.

    Args:
        pairs: Name of each curve -> its pairs.
        style: The colours.
        false_match_rates: Operating points to mark.
        log_scale: Whether false-match rates are on a logarithmic scale.
        title: Over everything.
    """
    is_outside = len(pairs) > _MAX_INSIDE
    figure = new_figure(style, 5.6, 5.0 + is_outside * (0.19 * len(pairs) + 0.8), title)
    axes = figure.subplots()
    least = 1 / max(counts.num_negatives for counts in pairs.values())
    for number, (name, counts) in enumerate(pairs.items()):
        color = style.series[number % len(style.series)]
        line = _LINES[number // len(style.series) % len(_LINES)]
        error = equal_error_rate(counts).rate
        figures = f"AUC {counts.area:.4f}, EER {error:.2%}"
        label = f"{shorten(name)}: {figures}" if name else figures
        curve = roc_curve(counts, _MAX_POINTS)
        x, y = curve.false_accept_rates, curve.true_accept_rates
        axes.plot(x, y, color=color, linestyle=line, linewidth=1.8, label=label)
        axes.plot(error, 1 - error, "D", color=color, markersize=6, clip_on=False)
        points = [
            (rate, true_accept_rate(counts, rate).rate)
            for rate in false_match_rates
            if rate * counts.num_negatives >= 1
        ]
        if points:
            axes.plot(*zip(*points, strict=True), "o", color=color, markersize=6, clip_on=False)
        if len(pairs) == 1:
            for rate, accepted in points:
                axes.annotate(
                    f"{accepted:.1%} at {100 * rate:.3g}%",
                    (rate, accepted),
                    xytext=(8, -11 if accepted > 0.1 else 4),
                    textcoords="offset points",
                    fontsize=8,
                    color=style.text,
                )
    chance = np.geomspace(least, 1, 200) if log_scale else np.array([0, 1])
    axes.plot(chance, chance, color=style.muted, linewidth=0.9, linestyle=":", label="by chance")
    axes.plot([], [], "D", color=style.muted, markersize=5, label="equal error rate")
    axes.plot([], [], "o", color=style.muted, markersize=5, label="operating point")
    if log_scale:
        axes.set_xscale("log")
        axes.set_xlim(least, 1)
    else:
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    finish_axes(
        axes,
        style,
        xlabel="false-match rate: pairs of two classes taken for one",
        ylabel="true-match rate: pairs of one class recognised",
    )
    if is_outside:
        add_legend(figure, style, loc="outside lower center", fontsize=8)
    else:
        add_legend(axes, style, loc="upper left" if log_scale else "lower right", fontsize=8)
    return figure
