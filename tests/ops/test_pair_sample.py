"""Pairs drawn at random: all of them, or evenly, and their weights."""

import itertools

import numpy as np
import pytest

from keras_siamese.ops.pair_sample import PairSample


def _keys(sample):
    return [tuple(sorted(pair)) for pair in zip(sample.first.tolist(), sample.second.tolist(),
                                                 strict=True)]  # fmt: skip


@pytest.mark.parametrize("ids", [[0, 1, 0, 2, 1, 0], [0, 0], [0, 1], [4, 2, 4, 4]])
def test_all_pairs(ids):
    ids = np.array(ids)
    sample = PairSample.draw(ids, 100, seed=0)
    assert sample.is_complete
    assert sorted(_keys(sample)) == list(itertools.combinations(range(len(ids)), 2))
    assert (sample.same == (ids[sample.first] == ids[sample.second])).all()


def test_one_kind_whole_and_one_drawn():
    ids = np.repeat(np.arange(20), 3)
    sample = PairSample.draw(ids, 100, seed=0)
    assert not sample.is_complete
    assert len(set(_keys(sample.at(np.flatnonzero(sample.same))))) == 60
    assert (~sample.same).sum() == 100
    assert (sample.same == (ids[sample.first] == ids[sample.second])).all()


def test_an_even_draw():
    ids = np.repeat(np.arange(4), [90, 60, 60, 1])
    sample = PairSample.draw(ids, 3000, seed=1)
    assert (sample.first != sample.second).all()
    classes = ids[sample.first[sample.same]]
    shares = np.bincount(classes, minlength=4) / 3000
    possible = np.array([90 * 89, 60 * 59, 60 * 59, 0])
    np.testing.assert_allclose(shares, possible / possible.sum(), atol=0.03)  # 3 standard errors
    negatives = ids[np.stack([sample.first, sample.second])[:, ~sample.same]]
    assert (negatives == 3).any(axis=0).mean() == pytest.approx(
        210 / (210 + 3600 + 10_800), abs=0.01
    )


def test_the_seed_decides():
    ids = np.arange(60) % 3
    first, again, other = (_keys(PairSample.draw(ids, 40, seed)) for seed in (0, 0, 1))
    assert first == again != other


def test_weights_by_hand():
    ids = np.array([0, 0, 1, 1])
    sample = PairSample.draw(ids, 100, seed=0)
    of_items = sample.weights(np.arange(4), np.array([[1.0, 1, 1, 1], [2, 1, 0, 3]]))
    wanted = {(0, 1): 2, (0, 2): 0, (0, 3): 6, (1, 2): 0, (1, 3): 3, (2, 3): 0}
    assert of_items[:, 0].tolist() == [1] * 6
    assert dict(zip(_keys(sample), of_items[:, 1].tolist(), strict=True)) == wanted
    # Of classes drawn 3 times and once: pairs within count 3 and 1, pairs between them 3.
    of_classes = sample.weights(ids, np.array([[3.0, 1.0]]))[:, 0]
    wanted = {(0, 1): 3, (2, 3): 1, (0, 2): 3, (0, 3): 3, (1, 2): 3, (1, 3): 3}
    assert dict(zip(_keys(sample), of_classes.tolist(), strict=True)) == wanted


def test_both_orders():
    sample = PairSample.draw(np.array([0, 0, 1]), 100, seed=0).in_both_orders()
    pairs = set(zip(sample.first.tolist(), sample.second.tolist(), strict=True))
    assert pairs == set(itertools.permutations(range(3), 2))
    assert sample.same.sum() == 2
