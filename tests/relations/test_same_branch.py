import numpy as np
import pytest
from keras import ops

from keras_siamese.relations import SameBranch


@pytest.mark.parametrize("level", [0, 1, 2])
def test_against_loops(rng, level):
    labels, others = rng.integers(0, 2, (9, 3)), rng.integers(0, 2, (7, 3))
    relation = SameBranch(level)
    expected = [
        [a[: level + 1].tolist() == b[: level + 1].tolist() for b in others] for a in labels
    ]
    matches = relation.matches(relation.as_labels(labels), relation.as_labels(others))
    assert ops.convert_to_numpy(matches).tolist() == expected


def test_large_ids_stay_apart():
    labels = np.array([[2**60, 1], [2**60 + 1, 1]])
    matches = SameBranch(1).matches(labels, labels)
    assert ops.convert_to_numpy(matches).tolist() == [[True, False], [False, True]]


def test_bad_labels():
    with pytest.raises(ValueError, match=r"from coarse to fine, with 3 columns or more.*\(4, 2\)"):
        SameBranch(2).as_labels(np.ones((4, 2), int))
    with pytest.raises(ValueError, match="Labels must be integer"):
        SameBranch(0).as_labels(np.ones((4, 2)))


def test_bad_arguments():
    with pytest.raises(ValueError, match="`level` must be an integer of at least 0"):
        SameBranch(-1)
