"""plot_triplets: of a miner, of places, and of three batches."""

import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.evaluation.plots.triplets import plot_triplets
from keras_siamese.miners import SemiHardMiner, Triplets


def test_triplets_of_a_miner(style_name, digits, draw, texts_of):
    embeddings, labels, images = digits
    ids = np.unique(labels, return_inverse=True)[1]
    miner = SemiHardMiner()
    triplets = miner(ids, embeddings, distance=distances.get("euclidean"), margin=50.0)
    assert isinstance(triplets, Triplets)
    figure = plot_triplets(
        images, triplets, embeddings=embeddings, labels=labels, style=style_name, title="Mined"
    )
    assert len(draw(figure).axes[0].images) == 8 * 3
    texts = texts_of(figure)
    assert texts.count("anchor") == texts.count("positive") == texts.count("negative") == 8
    assert texts.count("✓") + texts.count("✗") == 8


def test_distances_and_marks_by_hand(draw, texts_of):
    embeddings = [[0.0], [1.0], [0.5], [3.0]]
    figure = plot_triplets(
        np.zeros((4, 3, 3)), [[0, 1, 2], [0, 1, 3]], embeddings=embeddings, labels=list("aabb")
    )
    texts = texts_of(draw(figure)).split("\n")
    assert texts.count("1.00") == 2 and texts.count("0.500") == texts.count("3.00") == 1
    assert texts.count("✗ negative") == texts.count("✓ negative") == 1


def test_three_batches(draw, texts_of, rng):
    items = tuple(rng.random((3, 5, 4, 4)))
    figure = draw(plot_triplets(items, num_triplets=2))
    assert len(figure.axes[0].images) == 6 and "✗" not in texts_of(figure)
    vectors = tuple(rng.normal(size=(3, 5, 2)))
    labels = (["a"] * 5, ["a"] * 5, ["b"] * 5)
    figure = draw(plot_triplets(items, embeddings=vectors, labels=labels))
    assert len(figure.axes[0].images) == 15 and texts_of(figure).count("b") >= 5


def test_texts(draw, texts_of):
    figure = draw(plot_triplets(["one", "two", "three"], [[0, 1, 2]], embeddings=np.eye(3)))
    assert all(text in texts_of(figure) for text in ("one", "two", "three"))


def test_places_of_what_cannot_be_shown(draw, texts_of):
    figure = draw(plot_triplets(None, [[0, 1, 2]], embeddings=np.eye(3), labels=list("aab")))
    assert all(f"item {place}" in texts_of(figure) for place in range(3))


def test_bad_input():
    images = np.zeros((4, 3, 3))
    with pytest.raises(ValueError, match="0 triplets"):
        plot_triplets(images, np.zeros((0, 3), int))
    with pytest.raises(ValueError, match=r"shape \(num_triplets, 3\).*shape \(2,\)"):
        plot_triplets(images, [0, 1])
    with pytest.raises(ValueError, match="`triplets` must be places of items, 0 to 3"):
        plot_triplets(images, [[0, 1, 4]])
    with pytest.raises(ValueError, match="4 items and 3 embeddings"):
        plot_triplets(images, [[0, 1, 2]], embeddings=np.eye(3))
    with pytest.raises(ValueError, match="anchors, positives, negatives"):
        plot_triplets(images)
    with pytest.raises(ValueError, match=r"\[4, 4, 3\]"):
        plot_triplets((images, images, images[1:]))
