import numpy as np
import pytest

from keras_siamese.ops import labelled_set as module
from keras_siamese.ops.labelled_set import LabelledSet


def _pairwise(x, y):
    return np.abs(x[:, None, :] - y[None, :, :]).sum(axis=-1)


def _paired(x, y):
    return np.abs(x - y).sum(axis=-1)


def _make(labels, embeddings):
    labels, embeddings = np.asarray(labels), np.asarray(embeddings, np.float32)
    return LabelledSet(labels, embeddings, _pairwise, _paired)


@pytest.fixture(params=[1, 100, 2**22], ids=["a row a block", "some rows", "one block"])
def block_elements(request, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", request.param)


def test_counts():
    data = _make([4, 9, 4, 4, 1], np.zeros((5, 2)))
    assert data.num_items == 5
    assert data.num_queries == 3
    assert data.num_positive_pairs == 3
    assert data.num_negative_pairs == 7


@pytest.mark.usefixtures("block_elements")
def test_blocks_hold_each_pair_once_and_each_query_once():
    # Places on a line whose differences are all different: a distance names its pair.
    place = np.array([0, 1, 3, 7, 12, 20, 30, 44])
    labels = np.array([2, 0, 2, 1, 2, 0, 3, 2])
    blocks = list(_make(labels, place[:, None]).blocks())
    expected = {True: [], False: []}
    for i in range(8):
        for j in range(i):
            expected[bool(labels[i] == labels[j])].append(abs(place[i] - place[j]))
    positives = np.concatenate([pairs.ravel() for b in blocks for pairs in b.positive_pairs])
    negatives = np.concatenate([pairs.ravel() for b in blocks for pairs in b.negative_pairs])
    assert sorted(positives) == sorted(expected[True])
    assert sorted(negatives) == sorted(expected[False])
    assert sum(b.positive_sum for b in blocks) == sum(expected[True])
    assert sum(b.negative_sum for b in blocks) == sum(expected[False])

    queries = [row for b in blocks for row in b.positives[b.queries].tolist()]
    found = sorted(tuple(d for d in row if d != np.inf) for row in queries)
    # By hand: class 2 stands at 0, 3, 12, 44, class 0 at 1 and 20; the others are alone.
    assert found == [(3, 9, 41), (3, 12, 44), (9, 12, 32), (19,), (19,), (32, 41, 44)]


@pytest.mark.usefixtures("block_elements")
def test_negatives_around_positives_against_counting(rng):
    labels = rng.integers(0, 4, 30)
    for block in _make(labels, rng.integers(0, 4, (30, 2))).blocks():
        closer, tied = block.negatives_around_positives
        for row, num_relevant in enumerate(block.num_relevant):
            for place in range(num_relevant):
                distance = block.positives[row, place]
                expected = np.sum(block.negatives[row] < distance)
                if expected >= num_relevant:
                    assert closer[row, place] >= num_relevant
                else:
                    assert closer[row, place] == expected
                    assert tied[row, place] == np.sum(block.negatives[row] == distance)


def test_identical_embeddings_tie_though_their_computed_distances_do_not(rng):
    def noisy(x, y):
        return _pairwise(x, y) + rng.uniform(0, 1e-3, (len(x), len(y))).astype(np.float32)

    points = rng.normal(size=(3, 4)).astype(np.float32)
    points[1, 0], points[2, 0] = 0.0, -0.0
    which = np.array([0, 1, 2, 1, 0, 1, 2, 0])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    data = LabelledSet(labels, points[which], noisy, _paired)
    (block,) = data.blocks()
    # Classes are of one size and so keep their order.
    for row in range(8):
        gaps = {0: set(), 1: set(), 2: set()}
        for column in range(8):
            if labels[row] != labels[column]:
                gaps[which[column]].add(float(block.negatives[row, column]))
        assert all(len(values) == 1 for values in gaps.values())
        assert gaps[which[row]] == {0.0}


def test_negative_zero_equals_zero():
    def noisy(x, y):
        return _pairwise(x, y) + np.arange(len(y), dtype=np.float32)

    data = LabelledSet(
        np.array([0, 0, 1]), np.array([[1.0, 0.0], [5.0, 5.0], [1.0, -0.0]]), noisy, _paired
    )
    (block,) = data.blocks()
    # The smallest class comes first: row 0 is the lone item.
    assert block.negatives[0, 1] == 0.0
    assert block.negatives[0, 2] > 8.0


@pytest.mark.parametrize("overflow", [np.inf, -np.inf, np.nan])
def test_overflowing_distances_are_refused(overflow):
    data = LabelledSet(
        np.array([0, 0, 1]),
        np.array([[3e38], [-3e38], [0.0]], np.float32),
        lambda x, y: np.array([[0.0, overflow, 1.0]] * len(x), np.float32),
        _paired,
    )
    with pytest.raises(ValueError, match=r"not finite.*3e\+38"):
        list(data.blocks())


def test_distance_range():
    assert _make([0, 1, 0], [[0.0], [1.0], [5.0]]).distance_range() == (0.0, 5.0)
