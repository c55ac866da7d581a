"""plot_class_distances: the right means, whatever the tiles, and the right classes."""

import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.evaluation.labelled_space import read_space
from keras_siamese.evaluation.plots import class_distances as module
from keras_siamese.evaluation.plots.class_distances import (
    class_distances,
    most_confused,
    plot_class_distances,
)


def slow_means(embeddings, ids):
    num_classes = max(ids) + 1
    values = [[[] for _ in range(num_classes)] for _ in range(num_classes)]
    for i, one in enumerate(embeddings):
        for j, other in enumerate(embeddings):
            if i != j:
                far = sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
                values[ids[i]][ids[j]].append(far)
    return [[sum(x) / len(x) if x else float("nan") for x in row] for row in values]


@pytest.mark.parametrize("tile", [1, 50, 2**22])
def test_means_are_those_of_a_loop(tile, rng, monkeypatch):
    monkeypatch.setattr(module, "_TILE_ELEMENTS", tile)
    embeddings, ids = rng.normal(size=(23, 3)), rng.integers(0, 4, 23)
    ids[0], ids[ids == 3] = 3, 2
    ids[0] = 3  # alone in its class
    found = class_distances(read_space(embeddings, ids), distances.get("euclidean"))
    np.testing.assert_allclose(found, slow_means(embeddings, ids), rtol=1e-5)
    assert np.isnan(found[3, 3])


def test_the_most_confused_classes_are_the_nearest_for_their_width():
    # Classes 1 and 3 are as near to each other as to themselves.
    means = np.array(
        [
            [1.0, 9.0, 8.0, 9.0],
            [9.0, 1.0, 9.0, 1.0],
            [8.0, 9.0, 7.0, 9.0],
            [9.0, 1.0, 9.0, 1.0],
        ]
    )
    assert most_confused(means, 2).tolist() == [1, 3]
    assert most_confused(means, 3).tolist() == [1, 3, 0]
    assert most_confused(means, 4).tolist() == [0, 1, 2, 3]
    assert most_confused(np.full((5, 5), np.nan), 2).shape == (2,)


@pytest.mark.parametrize("num_classes", [1, 2, 12, 200])
def test_any_number_of_classes(num_classes, style_name, rng, draw, texts_of):
    labels = np.array([f"a class with a name, {i:03d}" for i in range(num_classes)])
    labels = np.repeat(labels, 2)
    figure = plot_class_distances(
        rng.normal(size=(len(labels), 3)), labels, max_classes=15, style=style_name
    )
    draw(figure)
    assert figure.axes[0].images[0].get_array().shape == (min(num_classes, 15),) * 2
    assert ("the 15 most confused of 200" in texts_of(figure)) == (num_classes == 200)


def test_classes_of_one_item_have_an_empty_place(draw):
    figure = draw(plot_class_distances([[0.0], [1.0], [3.0]], [0, 1, 2]))
    assert np.ma.getmaskarray(figure.axes[0].images[0].get_array()).sum() == 3


def test_bad_input():
    with pytest.raises(ValueError, match="`max_classes`"):
        plot_class_distances([[0.0], [1.0]], [0, 1], max_classes=1)
    with pytest.raises(ValueError, match="as many labels"):
        plot_class_distances([[0.0], [1.0]], [0])
