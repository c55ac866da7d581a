"""Texts fit by their length in inches, and labels are one line."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_siamese.evaluation.plots.text import as_plain, fit_text, shorten


def test_labels_are_one_short_line_and_no_formula():
    assert shorten("two\nlines\tand $x^2$") == r"two lines and \$x^2\$"
    assert shorten("x" * 50) == "x" * 27 + "…"
    assert shorten(7) == "7"
    assert as_plain("$1 or $2") == r"\$1 or \$2"


@pytest.mark.parametrize("dpi", [40, 120, 300])
@pytest.mark.parametrize("text", ["WWWWWWWWWWWWWWWW MMMMM", "i" * 300, "one two three " * 30])
def test_texts_are_cut_to_fit(text, dpi):
    found = fit_text(text, 1.0, size=8)
    assert found.count("\n") <= 1 and "…" in found
    figure = Figure(dpi=dpi)
    FigureCanvasAgg(figure)
    drawn = figure.text(0, 0, found, fontsize=8)
    assert drawn.get_window_extent().width <= 1.05 * dpi


def test_texts_that_fit_are_whole():
    assert fit_text("a\tshort\ntext", 3.0) == "a short text"
    assert fit_text("", 1.0) == ""
    assert fit_text("one two", 0.4, max_lines=2) == "one\ntwo"
