"""A sheet on which pictures and texts are put at places given in inches."""

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keras_siamese.evaluation.plots.style import Style
from keras_siamese.evaluation.plots.text import as_plain, fit_text

_MARGIN = 0.15
_TITLE_HEIGHT, _TITLE_SIZE = 0.25, 12  # Of one line; in points.
_POINTS = 72  # In an inch.
LINE_SPACING = 1.35  # In units of the size of the type.


class Board:
    """A figure with places counted in inches from the top left corner, below the title.

    Args:
        style: The colours.
        width: Of what is put on it.
        height: The same.
        title: Over everything.

    Attributes:
        figure: The figure.
    """

    def __init__(self, style: Style, width: float, height: float, title: str | None = None) -> None:
        self._style = style
        fitted = fit_text(title, width, size=_TITLE_SIZE, bold=True, max_lines=4) if title else ""
        lines = fitted.split("\n") if title else []
        top = _MARGIN + _TITLE_HEIGHT * len(lines)
        size = (width + 2 * _MARGIN, height + top + _MARGIN)
        self.figure = Figure(figsize=size, dpi=120, facecolor=style.background)
        FigureCanvasAgg(self.figure)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(-_MARGIN, width + _MARGIN), ylim=(height + _MARGIN, -top))
        self._axes.set_autoscale_on(False)
        self._axes.set_axis_off()
        for place, line in enumerate(lines):
            y = _TITLE_HEIGHT * (place + 0.3) - top + _MARGIN / 2
            self.text(line, 0, y, size=_TITLE_SIZE, bold=True)

    def text(
        self,
        text: str,
        left: float,
        top: float,
        *,
        size: float = 8,
        color: str | None = None,
        align: Any = "left",
        bold: bool = False,
    ) -> None:
        """Puts a text, whose lines are broken already, below a place.

        Args:
            text: What to write.
            left: Where it begins, or where its middle is.
            top: Its upper edge.
            size: In points.
            color: Defaults to that of texts.
            align: `"left"` or `"center"`.
            bold: Whether in bold type.
        """
        for number, line in enumerate(text.split("\n")):
            self._axes.text(
                left,
                top + (1.1 + LINE_SPACING * number) * size / _POINTS,
                as_plain(line),
                fontsize=size,
                color=color or self._style.text,
                ha=align,
                va="baseline",
                fontweight="bold" if bold else "normal",
            )

    def picture(
        self,
        picture: np.ndarray,
        left: float,
        top: float,
        side: float,
        *,
        color: str | None = None,
        is_dashed: bool = False,
    ) -> None:
        """Puts a picture, its proportions kept, into the middle of a square.

        Args:
            picture: Bytes, shape `(H, W, 3 or 4)`.
            left: Left edge of the square.
            top: Upper edge.
            side: Length of its edges.
            color: Of a frame.
            is_dashed: Whether the frame is dashed.
        """
        height, width = np.array(picture.shape[:2]) * (side / max(picture.shape[:2]))
        x, y = left + (side - width) / 2, top + (side - height) / 2
        is_small = max(picture.shape[:2]) < side * 120
        self._axes.imshow(
            picture,
            extent=(x, x + width, y + height, y),
            aspect="auto",
            interpolation="nearest" if is_small else "antialiased",
        )
        if color:
            self.frame(x, y, width, height, color, is_dashed=is_dashed)

    def frame(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        color: str,
        *,
        is_dashed: bool = False,
    ) -> None:
        """Draws a rectangle, dashed or not."""
        self._axes.add_patch(
            Rectangle(
                (left, top),
                width,
                height,
                fill=False,
                edgecolor=color,
                linewidth=2,
                linestyle=(0, (3, 1.5)) if is_dashed else "solid",
                zorder=4,
            )
        )

    def line(self, top: float, left: float, right: float) -> None:
        """Draws a thin horizontal line."""
        self._axes.plot([left, right], [top, top], color=self._style.grid, linewidth=0.8)
