"""What the tests of plots share: a set of items, and whether a figure shows all that is on it."""

import io

import numpy as np
import pytest
from matplotlib.text import Text

from keras_siamese.evaluation.plots.style import STYLES

STYLE_NAMES = tuple(STYLES)


@pytest.fixture(params=STYLE_NAMES)
def style_name(request):
    return request.param


@pytest.fixture
def digits(rng):
    """`(embeddings, labels, images)` of 40 items of 4 classes."""
    labels = np.repeat(["ant", "bee", "cat", "dog"], 10)
    embeddings = rng.normal(size=(40, 6)) + 4 * np.repeat(np.eye(6)[:4], 10, axis=0)
    return embeddings, labels, rng.random((40, 5, 7))


@pytest.fixture
def draw():
    """Draws a figure, and checks that all of its texts are inside of it."""

    def draw(figure):
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=40)
        figure.canvas.draw()
        hidden = set(_hidden_tick_labels(figure))
        for text in figure.findobj(Text):
            if text.get_text() and text.get_visible() and text not in hidden:
                box = text.get_window_extent()
                assert box.x0 >= -1 and box.y0 >= -1, text.get_text()
                assert box.x1 <= figure.bbox.x1 + 1, text.get_text()
                assert box.y1 <= figure.bbox.y1 + 1, text.get_text()
        return figure

    return draw


@pytest.fixture
def texts_of():
    """Gives all texts of a figure, in one string."""

    def texts_of(figure):
        return "\n".join(text.get_text() for text in figure.findobj(Text))

    return texts_of


def _hidden_tick_labels(figure):
    # Ticks out of the limits of their axis have labels that are not drawn.
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low <= tick.get_loc() <= high:
                    yield from (tick.label1, tick.label2)
