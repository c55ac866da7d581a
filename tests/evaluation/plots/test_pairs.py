"""plot_pairs: which pairs, with which marks."""

import numpy as np
import pytest

from keras_siamese.evaluation.plots.pairs import plot_pairs


def test_all_four_kinds(style_name, digits, draw, texts_of):
    embeddings, labels, images = digits
    figure = draw(plot_pairs(embeddings, labels, images, num_pairs=5, style=style_name, title="T"))
    assert len(figure.axes[0].images) == 4 * 5 * 2
    texts = texts_of(figure)
    assert texts.count("✓") == texts.count("✗") == 20
    assert texts.count("Worst") == texts.count("Best") == 2


def test_distances_and_names_are_shown(draw, texts_of):
    embeddings, labels = [[0.0], [1.0], [1.25], [9.0]], ["ant", "ant", "bee", "bee"]
    figure = draw(plot_pairs(embeddings, labels, which="worst", num_pairs=1))
    texts = texts_of(figure).split("\n")
    # Farthest of one class: bees at 1.25 and 9; nearest of two classes: at 1 and 1.25.
    assert texts.count("7.75") == texts.count("0.250") == 2
    assert {"item 1", "item 2", "item 3"} <= set(texts) and "item 0" not in texts


def test_texts_are_a_table(digits, draw, texts_of):
    embeddings, labels, _ = digits
    texts = [f"text number {number}" for number in range(40)]
    figure = draw(plot_pairs(embeddings, labels, texts, which="best", num_pairs=2))
    assert texts_of(figure).count("text number") == 8


def test_one_class_has_no_negatives(draw, texts_of):
    figure = draw(plot_pairs([[0.0], [1.0], [3.0]], [7, 7, 7]))
    assert "two classes" not in texts_of(figure)


def test_bad_input(digits):
    embeddings, labels, images = digits
    with pytest.raises(ValueError, match=r"Expected 2 items or more\. Received: 1"):
        plot_pairs([[0.0]], [1])
    with pytest.raises(ValueError, match=r"`which`.*'worst'"):
        plot_pairs(embeddings, labels, which="wurst")
    with pytest.raises(ValueError, match="39 items and 40 embeddings"):
        plot_pairs(embeddings, labels, images[1:])
    with pytest.raises(ValueError, match="finite"):
        plot_pairs(np.full((40, 2), np.inf), labels)
