"""How plots look, on light and on dark: colours, marks, and figures on which nothing is cut off."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgba_array
from matplotlib.figure import Figure

from keras_siamese.evaluation.plots.text import as_plain, fit_text, shorten
from keras_siamese.ops.checks import check_choice

MAX_NAMED_CLASSES = 20
# Up to ten classes have a colour each; where colours come again, the mark is another.
_TITLE_SIZE = 13
_MARKS = ("o", "^")


@dataclass(frozen=True)
class Style:
    """The colours of a plot.

    Attributes:
        background: Behind everything.
        text: Of titles and labels.
        muted: Of ticks, marks of reference and remarks.
        grid: Of grid lines and frames.
        series: Of classes and curves, ten, any two of them apart for people with each kind of
            colour blindness.
        right: Of matches.
        wrong: Of mismatches.
        shades: Colour map of figures and of ordered classes, from one that is near the background.
        zoom: Size of type and lines on axes, for plots that are shown small; the plot stays of the
            same size. Defaults to 1.
    """

    background: str
    text: str
    muted: str
    grid: str
    series: tuple[str, ...]
    right: str
    wrong: str
    shades: Colormap
    zoom: float = 1.0


def _shades(first: float, last: float) -> Colormap:
    colors = colormaps["viridis"](np.linspace(first, last, 128))
    return LinearSegmentedColormap.from_list("shades", colors, N=2048)


STYLES = {
    "light": Style(
        background="#ffffff",
        text="#1f2328",
        muted="#59636e",
        grid="#d1d9e0",
        series=(
            *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"),
            *("#56b4e9", "#222222", "#7a2f1f", "#4b1a66", "#2a2ad0"),
        ),
        right="#0072b2",
        wrong="#d55e00",
        shades=_shades(0.95, 0.0),
    ),
    "dark": Style(
        background="#15191e",
        text="#e6edf3",
        muted="#9aa4af",
        grid="#3a424b",
        series=(
            *("#4da6e8", "#f28e2b", "#f0e442", "#f4f4f4", "#d63031"),
            *("#6f5ef2", "#a94fa9", "#8f8f8f", "#2fe0ff", "#afcf9f"),
        ),
        right="#4da6e8",
        wrong="#f28e2b",
        shades=_shades(0.1, 1.0),
    ),
}


def get_style(style: "str | Style") -> Style:
    """Returns the style of a name.

    Args:
        style: `"light"`, `"dark"`, or a `Style`.

    Raises: ValueError: If there is none of this name.
    """
    return style if isinstance(style, Style) else STYLES[check_choice("style", style, STYLES)]


def new_figure(style: Style, width: float, height: float, title: str | None = None) -> Figure:
    """Returns an empty figure without a display and without `matplotlib.pyplot`.

    Args:
        style: Its colours.
        width: In inches, without a zoom.
        height: The same.
        title: Over the whole figure.
    """
    width, height, dpi = width / style.zoom, height / style.zoom, 120 * style.zoom
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor=style.background)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    if title:
        lines = fit_text(title, width - 0.2, size=_TITLE_SIZE, bold=True, max_lines=4)
        figure.suptitle(as_plain(lines), fontsize=_TITLE_SIZE, fontweight="bold", color=style.text)
    return figure


def as_pixels(figure: Figure) -> np.ndarray:
    """Returns a figure of `new_figure`, or of a `Board`, as a picture.

    Returns: uint8, RGB, shape `(height, width, 3)`.
    """
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.array(np.asarray(canvas.buffer_rgba())[..., :3])


def finish_axes(
    axes: Axes, style: Style, *, title: str | None = None, grid: bool = True, **texts: str
) -> None:
    """Gives axes the colours of a style.

    Args:
        axes: What was drawn on.
        style: The colours.
        title: Over the axes.
        grid: Whether to draw grid lines.
        **texts: `xlabel` and `ylabel`.
    """
    axes.set_facecolor(style.background)
    axes.tick_params(colors=style.muted, which="both", labelsize=9)
    axes.spines[:].set_color(style.grid)
    axes.set(**texts)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(style.text)
        label.set_fontsize(10)
    if title:
        axes.set_title(shorten(title, 60), fontsize=11, color=style.text)
    if grid:
        axes.grid(True, color=style.grid, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)


def add_legend(owner: Any, style: Style, **options: Any) -> None:
    """Adds a legend in the colours of a style.

    Args:
        owner: A figure or axes.
        style: The colours.
        **options: Of `legend`.
    """
    options = {"frameon": True, "fontsize": 9, "framealpha": 0.85, **options}
    legend = owner.legend(
        labelcolor=style.text,
        facecolor=style.background,
        edgecolor=style.grid,
        **options,
    )
    if legend.get_title() is not None:
        legend.get_title().set_color(style.text)


def class_colors(num_classes: int, style: Style) -> np.ndarray:
    """Returns a colour for each class, RGBA, shape `(num_classes, 4)`.

    Up to 20 classes share the series colours, told apart by `class_marks`; more are shades in the
    order of the classes.
    """
    if num_classes <= MAX_NAMED_CLASSES:
        series = to_rgba_array(style.series)
        return series[np.arange(num_classes) % len(series)]
    return style.shades(np.linspace(0, 1, num_classes))


def class_marks(num_classes: int, style: Style) -> list[str]:
    """Returns a mark for each class: other ones where the colours begin again."""
    if num_classes > MAX_NAMED_CLASSES:
        return ["o"] * num_classes
    return [_MARKS[i // len(style.series)] for i in range(num_classes)]
