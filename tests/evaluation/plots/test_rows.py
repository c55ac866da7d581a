"""draw_rows: pictures or a table, right and wrong told apart without colour."""

import numpy as np

from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.rows import Cell, Group, draw_rows
from keras_siamese.evaluation.plots.style import get_style

ROWS = [
    [
        Group(
            (Cell(0, ("query", "a class with a very long name")), Cell(1, ("0.5", "b"), True)),
            "Heading, long as it is, of this row and the next",
        )
    ],
    [Group((Cell(2, ("query", "a")), Cell(0, ("0.7", "b"), False)))],
]


def test_pictures_have_frames_and_marks(style_name, draw, texts_of, rng):
    style = get_style(style_name)
    figure = draw(draw_rows(ROWS, [Items(rng.random((3, 6, 9)), 3)], style, "Title"))
    (axes,) = figure.axes
    assert len(axes.images) == 4
    assert [patch.get_linestyle() for patch in axes.patches] == ["solid", (0, (3, 1.5))]
    texts = texts_of(figure)
    assert "✓ 0.5" in texts and "✗ 0.7" in texts
    assert "Heading" in texts and "a class with" in texts


def test_texts_are_a_table(style_name, draw, texts_of):
    texts = ["first text", "word " * 200, "$a$ & <b>"]
    figure = draw(draw_rows(ROWS, [Items(texts, 3)], get_style(style_name), "Title"))
    assert not figure.axes[0].images
    found = texts_of(figure)
    assert "first text" in found and "…" in found and r"\$a\$ & <b>" in found
    assert found.count("✓") == found.count("✗") == 1


def test_queries_and_gallery_may_be_of_two_kinds(draw, texts_of, rng):
    texts, images = Items(["one", "two", "three"], 3), Items(rng.random((3, 6, 9)), 3)
    figure = draw(draw_rows(ROWS, [texts, images], get_style("light")))
    assert "item 1" in texts_of(figure) and "three" in texts_of(figure)
    figure = draw(draw_rows(ROWS, [images, Items(np.zeros((3, 2, 2)), 3)], get_style("light")))
    assert len(figure.axes[0].images) == 4
