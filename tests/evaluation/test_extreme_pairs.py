"""find_extreme_pairs: the right pairs, each item once, whatever the tiles."""

import numpy as np
import pytest

from keras_siamese.evaluation import extreme_pairs as module
from keras_siamese.evaluation.extreme_pairs import find_extreme_pairs


def test_by_hand():
    # a: 0 and 1; b: 1.25 and 9; c: alone at 20.
    pairs = find_extreme_pairs([[0.0], [1.0], [1.25], [9.0], [20.0]], list("aabbc"))
    assert pairs.farthest_positives == [(2, 3, 7.75), (0, 1, 1.0)]
    assert pairs.nearest_positives == [(0, 1, 1.0), (2, 3, 7.75)]
    assert pairs.nearest_negatives[0] == (1, 2, 0.25)
    assert pairs.farthest_negatives[0][2] == 20.0


@pytest.mark.parametrize("tile", [1, 60, 2**22])
def test_the_first_of_each_list_is_the_most_extreme_of_all(tile, rng, monkeypatch):
    monkeypatch.setattr(module, "_TILE_ELEMENTS", tile)
    embeddings, labels = rng.normal(size=(30, 4)), rng.integers(0, 5, 30)
    found = find_extreme_pairs(embeddings, labels, num_pairs=4)
    far = np.linalg.norm(embeddings[:, None] - embeddings, axis=-1)
    one, two = np.triu_indices(30, k=1)
    same = labels[one] == labels[two]
    values = far[one, two]
    assert found.farthest_positives[0].distance == pytest.approx(values[same].max())
    assert found.nearest_positives[0].distance == pytest.approx(values[same].min())
    assert found.farthest_negatives[0].distance == pytest.approx(values[~same].max())
    assert found.nearest_negatives[0].distance == pytest.approx(values[~same].min())
    for kind in vars(found).values():
        items = [item for pair in kind for item in pair[:2]]
        assert len(kind) == 4 and len(set(items)) == 8
        for first, second, distance in kind:
            assert distance == pytest.approx(far[first, second])


def test_copies_and_lone_items():
    pairs = find_extreme_pairs(np.zeros((4, 2)), [0, 0, 1, 2])
    assert pairs.nearest_positives == pairs.farthest_positives == [(0, 1, 0.0)]
    assert pairs.nearest_negatives == [(0, 2, 0.0)]
    pairs = find_extreme_pairs([[0.0], [1.0]], [0, 1])
    assert pairs.nearest_positives == [] and pairs.nearest_negatives == [(0, 1, 1.0)]
    pairs = find_extreme_pairs([[0.0], [1.0]], [0, 0])
    assert pairs.nearest_negatives == [] and pairs.nearest_positives == [(0, 1, 1.0)]
    assert find_extreme_pairs([[0.0]], [0]).nearest_negatives == []


def test_bad_input():
    with pytest.raises(ValueError, match="`num_pairs`"):
        find_extreme_pairs([[0.0], [1.0]], [0, 1], num_pairs=0)
    with pytest.raises(ValueError, match="finite"):
        find_extreme_pairs([[0.0], [np.nan]], [0, 1])
    with pytest.raises(ValueError, match="as many labels"):
        find_extreme_pairs([[0.0], [1.0]], [0])
