import numpy as np
import pytest
from reference import index_search

from keras_siamese.index.labels import LabelColumn, as_index_labels
from keras_siamese.index.vote import as_unknown_label, vote


def column(labels):
    inside = LabelColumn()
    inside.append(None if labels is None else as_index_labels(labels))
    return inside


@pytest.mark.parametrize("k", [1, 2, 7])
@pytest.mark.parametrize("threshold", [0.3, 0.7, np.inf])
def test_against_loops(rng, k, threshold):
    labels = rng.integers(0, 3, (40, k))
    distances = np.sort(rng.random((40, k)), axis=1)
    winners, is_known = vote(labels, distances, threshold)
    found = np.where(is_known, labels[np.arange(40), winners], -1)
    expected = [
        index_search.voted(row.tolist(), d.tolist(), threshold, -1)
        for row, d in zip(labels, distances, strict=True)
    ]
    assert found.tolist() == expected


def test_the_winner_is_the_nearest_of_its_label():
    winners, is_known = vote(
        np.array([["a", "b", "b"], ["a", "b", "b"], ["a", "b", "b"]]),
        np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.9], [0.8, 0.9, 1.0]]),
        threshold=0.5,
    )
    assert winners[:2].tolist() == [1, 0] and is_known.tolist() == [True, True, False]


def test_at_the_threshold():
    assert vote(np.array([[1]]), np.array([[0.5]]), 0.5)[1].tolist() == [True]


def test_unknown_labels():
    assert as_unknown_label(None, column(["a"])) == "unknown"
    assert as_unknown_label(None, column([0])) == -1
    assert as_unknown_label("other", column(["a"])) == "other"


@pytest.mark.parametrize(
    "label, inside, message",
    [
        (None, None, "have no labels"),
        (None, [-1, 3], "Received: -1, which is one"),
        ("a", ["a"], "which is one"),
        (3, ["a"], "kind of the labels, names"),
        ("a", [1], "kind of the labels, integers"),
        (True, [3], "kind of the labels, integers"),
        (2**63, [3], "kind of the labels, integers"),
    ],
)
def test_refused(label, inside, message):
    with pytest.raises(ValueError, match=message):
        as_unknown_label(label, column(inside))
