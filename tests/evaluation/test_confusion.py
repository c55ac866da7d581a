from collections import defaultdict

import numpy as np
import pytest

from keras_siamese.evaluation import confusion
from keras_siamese.evaluation.confusion import confused_classes


def by_loops(embeddings, labels, num_confused):
    """The counts of each class, by loops over items and classes."""
    counts = defaultdict(lambda: defaultdict(float))
    for i, label in enumerate(labels):
        nearest = {}
        for j, other in enumerate(labels):
            if other != label:
                distance = np.linalg.norm(embeddings[i] - embeddings[j])
                nearest[other] = min(distance, nearest.get(other, np.inf))
        for rank, other in enumerate(sorted(nearest, key=nearest.get)[:num_confused]):
            counts[label][other] += 1 / (1 + rank)
    return counts


def test_example():
    embeddings = [[0.0], [1.0], [1.2], [5.0], [6.0]]
    labels = ["a", "a", "b", "c", "c"]
    assert confused_classes(embeddings, labels, num_confused=1) == {
        "a": ["b"],
        "b": ["a"],
        "c": ["b"],
    }


def test_counts_by_hand():
    # The items of class 0 stand at 0, 1 and 10; nearest to them are 1, 1 and 2, next 2, 2 and 1:
    # class 1 counts 1 + 1 + 1/2, class 2 1/2 + 1/2 + 1. Class 3 is far from all.
    embeddings = np.array([0, 1, 10, 0.4, 3, 11, 30, 31.0])[:, None]
    labels = np.array([0, 0, 0, 1, 2, 2, 3, 3])
    confused = confused_classes(embeddings, labels, num_confused=2)
    assert confused[0] == [1, 2]
    assert confused[3][0] == 2
    assert confused_classes(embeddings, labels, num_confused=9)[0] == [1, 2, 3]


@pytest.mark.parametrize("num_confused", [1, 3, 8])
def test_equals_loops(rng, num_confused, monkeypatch):
    labels = rng.permutation(np.repeat(np.arange(9) * 7 - 20, rng.integers(1, 9, 9)))
    embeddings = rng.normal(size=(len(labels), 3)) + 0.1 * labels[:, None]
    expected = by_loops(embeddings, labels, num_confused)
    for elements in (2**22, 8):
        monkeypatch.setattr(confusion, "_BLOCK_ELEMENTS", elements)
        confused = confused_classes(embeddings, labels, num_confused=num_confused)
        assert list(confused) == sorted(set(labels.tolist()))
        for label, others in confused.items():
            counts = expected[label]
            assert len(set(others)) == num_confused
            found = [counts[other] for other in others]
            assert found == sorted(counts.values(), reverse=True)[:num_confused]


def test_distance_of_choice():
    # By angle, a is beside b; by length of the difference, beside c.
    embeddings, labels = [[1.0, 0.1], [9.0, 0.0], [0.0, 1.0]], ["a", "b", "c"]
    assert confused_classes(embeddings, labels, num_confused=1)["a"] == ["c"]
    cosine = confused_classes(embeddings, labels, num_confused=1, distance="cosine")
    assert cosine["a"] == ["b"]


@pytest.mark.parametrize(
    ("embeddings", "labels", "num_confused", "message"),
    [
        ([[0.0], [1.0]], [3, 3], 1, "nothing to confuse"),
        ([[0.0], [1.0]], [3, 4, 4], 1, "as many labels"),
        ([[0.0], [np.nan]], [3, 4], 1, "finite"),
        ([0.0, 1.0], [3, 4], 1, "embedding_dim"),
        ([[0.0], [1.0]], [3, 4], 0, "num_confused"),
    ],
)
def test_bad_input_is_refused(embeddings, labels, num_confused, message):
    with pytest.raises(ValueError, match=message):
        confused_classes(np.array(embeddings), labels, num_confused=num_confused)
