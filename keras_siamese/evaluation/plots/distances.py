"""Histograms of the distances of pairs of one class and of two."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_siamese.distances import Distance
from keras_siamese.evaluation.plots.counted_pairs import count_pairs
from keras_siamese.evaluation.plots.style import (
    Style,
    add_legend,
    finish_axes,
    get_style,
    new_figure,
)
from keras_siamese.ops.checks import check_count
from keras_siamese.ops.pair_counts import PairCounts


def plot_distances(
    embeddings: Any,
    labels: Any,
    *,
    threshold: float | None = None,
    num_bins: int = 60,
    limits: tuple[float, float] | None = None,
    distance: "str | Distance" = "euclidean",
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws how far apart pairs of one class are, and pairs of two classes.

    Each of the two histograms is a share of its own pairs, for there are usually many more pairs of
    two classes. Where they overlap, no threshold tells the pairs apart.

    Args:
        embeddings: Finite floats, shape `(num_items, ...)`; or distances of given pairs, shape
            `(num_pairs,)`. Or several: title of each panel -> one of these.
        labels: Class of each item, shape `(num_items,)` or `(num_items, 1)`; of given pairs 1 for a
            match and 0 for none.
        threshold: A distance to mark, with the shares of pairs on its wrong side.
        num_bins: Number of bars. Defaults to 60.
        limits: Least and greatest distance on the axis, which is longer if the pairs need it: so
            several plots can be compared. Defaults to those of the pairs.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        title: Over everything.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`.

    Raises: ValueError: If lengths differ or are 0, values are not finite, or there are no pairs of
        one of the kinds.
    """
    check_count("num_bins", num_bins)
    pairs = count_pairs(embeddings, labels, distance)
    return draw_distances(pairs, get_style(style), threshold, num_bins, title, limits)


def draw_distances(
    pairs: dict[str, PairCounts],
    style: Style,
    threshold: float | None = None,
    num_bins: int = 60,
    title: str | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draws histograms: see `plot_distances`.

    Args:
        pairs: Title of each panel -> its pairs.
        style: The colours.
        threshold: A distance to mark.
        num_bins: Number of bars.
        title: Over everything.
        limits: Least and greatest distance on the axis, if the pairs need no more.
    """
    figure = new_figure(style, 5.6 * len(pairs), 3.9, title)
    subplots = figure.subplots(1, len(pairs), squeeze=False)[0]
    for axes, (name, counts) in zip(subplots, pairs.items(), strict=True):
        edges = _edges(counts, num_bins, limits)
        kinds = [
            ("one class", counts.positives_within, counts.num_positives, style.right, "solid"),
            ("two classes", counts.negatives_within, counts.num_negatives, style.wrong, "dashed"),
        ]
        for label, within, total, color, line in kinds:
            shares = _within(counts.thresholds, within, edges) / total
            heights = np.diff(shares, prepend=0)[1:]
            options = {"color": color, "linewidth": 1.4, "linestyle": line}
            axes.stairs(heights, edges, fill=True, color=color, alpha=0.25)
            axes.stairs(heights, edges, label=f"pairs of {label}: {total:,.0f}", **options)
        if threshold is not None:
            axes.axvline(threshold, ymax=0.76, color=style.text, linewidth=1.2, linestyle=":")
            axes.plot([], [], color=style.text, linestyle=":", label=_shares(counts, threshold))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:.0%}")
        finish_axes(axes, style, title=name, xlabel="distance", ylabel="share of the pairs")
        axes.set_ylim(top=axes.get_ylim()[1] * 1.32)  # room for the legend
        add_legend(axes, style, loc="upper left", framealpha=1, fontsize=8)
    return figure


def _edges(
    counts: PairCounts, num_bins: int, limits: tuple[float, float] | None = None
) -> np.ndarray:
    least, greatest = float(counts.thresholds[0]), float(counts.thresholds[-1])
    if limits is not None:
        least, greatest = min(least, limits[0]), max(greatest, limits[1])
    if greatest <= least:  # collapsed: one bar in the middle
        return np.linspace(least - 0.5, greatest + 0.5, num_bins + 1)
    # The first pair is to be within the first bar.
    edges = np.linspace(least, greatest, num_bins + 1)
    edges[0] = np.nextafter(least, -np.inf)
    return edges


def _within(thresholds: np.ndarray, within: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Returns the number of pairs up to each edge."""
    places = np.searchsorted(thresholds, edges, side="right")
    return np.concatenate([[0], within])[places]


def _shares(counts: PairCounts, threshold: float) -> str:
    at = np.array([threshold])
    missed = 1 - _within(counts.thresholds, counts.positives_within, at)[0] / counts.num_positives
    taken = _within(counts.thresholds, counts.negatives_within, at)[0] / counts.num_negatives
    return f"threshold {threshold:.3g}: misses {missed:.2%}, takes {taken:.2%} wrongly"
