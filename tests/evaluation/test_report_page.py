"""add_plots: what is on the page of sets of all kinds."""

import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.data import from_arrays
from keras_siamese.evaluation.html import Page
from keras_siamese.evaluation.labelled_space import read_space
from keras_siamese.evaluation.report_page import add_plots
from keras_siamese.evaluation.validation_pairs import count_pairs

EUCLIDEAN = distances.get("euclidean")


def page_of(embeddings, labels, items=None, **options):
    page, space = Page("Title"), read_space(embeddings, labels)
    sizes = np.bincount(space.class_ids)
    pairs = None
    if sizes.max() > 1 and len(sizes) > 1:
        pairs, _ = count_pairs(embeddings, labels, None, EUCLIDEAN)
    add_plots(page, space, EUCLIDEAN, pairs=pairs, threshold=1.0, items=items, method="pca")
    return page.render()


@pytest.fixture
def points(rng):
    labels = np.repeat(["ant", "bee", "cat"], 6)
    return rng.normal(size=(18, 3)) + 2 * np.repeat(np.eye(3), 6, axis=0), labels


def test_pictures(points, rng):
    images = rng.random((18, 4, 4))
    text = page_of(*points, images)
    for title in ("Map of", "Verification", "Retrieval", "Worst: one", "Best: two", "at random"):
        assert title in text
    assert text.count("<figure") > 40
    assert page_of(*points, from_arrays(images, points[1])) == text


def test_texts_and_places(points):
    texts = [f"text number {number}" for number in range(18)]
    assert page_of(*points, texts).count("text number") > 40
    assert page_of(*points).count("item ") > 40


def test_a_gallery(points, rng):
    embeddings, labels = points
    page = Page("Title")
    add_plots(
        page,
        read_space(embeddings[:4], labels[:4]),
        EUCLIDEAN,
        pairs=None,
        threshold=None,
        items=rng.random((4, 3, 3)),
        gallery=read_space(embeddings, labels),
        gallery_items=rng.random((18, 3, 3)),
        method="pca",
    )
    text = page.render()
    assert "Recall at k" in text and "Worst" not in text and "Verification" not in text
    assert text.count("<figure") == 4 * 9
    assert "of another class" not in text  # each one finds itself


def test_queries_that_fail_are_counted():
    # The items at 1, 1.25 and 9 have their nearest in the other class.
    text = page_of([[0.0], [1.0], [1.25], [9.0], [9.5]], list("aabbc"))
    assert "nearest item is of another class: 3 of 3" in text


@pytest.mark.parametrize(
    ("embeddings", "labels"),
    [
        ([[0.0], [1.0], [3.0]], [7, 7, 7]),
        ([[0.0], [1.0], [3.0]], [0, 1, 2]),
        (np.zeros((6, 2)), [0, 0, 1, 1, 2, 2]),
        ([[0.0]], [0]),
        ([[0.0], [1.0]], [0, 0]),
    ],
    ids=["one class", "all alone", "collapsed", "one item", "two items"],
)
def test_any_set_has_a_page(embeddings, labels):
    assert "Map of the embeddings" in page_of(embeddings, labels)


def test_bad_input(points):
    with pytest.raises(ValueError, match="17 items and 18 embeddings"):
        page_of(*points, np.zeros((17, 4, 4)))
