"""Board: what is put on it stays where it was put, and is whole."""

import numpy as np
import pytest

from keras_siamese.evaluation.plots.board import Board
from keras_siamese.evaluation.plots.style import STYLES


def test_places_are_inches_from_the_top_left(draw):
    board = Board(STYLES["light"], 3, 2, "A title that needs more than one line of the board")
    picture = np.zeros((10, 20, 3), np.uint8)
    board.picture(picture, 0.5, 0.25, 1.0, color="#ff0000", is_dashed=True)
    board.text("two\nlines of $x$", 1, 1.5, align="center")
    board.line(1.4, 0, 3)
    figure = draw(board.figure)
    width, height = figure.get_size_inches()
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    # Twice as wide as high, in the middle of the square.
    assert (left, right) == (0.5, 1.5) and (top, bottom) == (0.5, 1.0)
    box = figure.axes[0].images[0].get_window_extent()
    assert box.width / figure.dpi == pytest.approx(1.0)
    limits = (*figure.axes[0].get_xlim(), *figure.axes[0].get_ylim())
    assert limits[1] - limits[0] == pytest.approx(width)
    assert limits[2] - limits[3] == pytest.approx(height)
