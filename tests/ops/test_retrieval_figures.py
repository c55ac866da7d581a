import itertools
import math

import numpy as np
import pytest
from reference.retrieval import figure_of

from keras_siamese.ops import retrieval_figures as figures
from keras_siamese.ops.rankings import Rankings


def one(groups, num_relevant):
    """Rankings of one query from groups `(size, relevant)`."""
    size, relevant = np.array(groups, np.int64).T[:, None]
    return Rankings(np.array([num_relevant]), size, relevant)


@pytest.mark.parametrize(
    ("closer", "irrelevant", "relevant", "k", "expected"),
    [
        (0, 0, 1, 1, 1.0),
        (1, 0, 1, 1, 0.0),
        (1, 0, 1, 2, 1.0),
        (0, 1, 1, 1, 1 / 2),
        # Two of three drawn: both irrelevant with probability 1 / 3.
        (0, 2, 1, 2, 2 / 3),
        # Two of five drawn: both of three irrelevant with probability 3 / 10.
        (1, 3, 2, 3, 7 / 10),
        # More places than tied irrelevant ones: one is relevant.
        (0, 2, 1, 3, 1.0),
        (3, 9, 9, 3, 0.0),
    ],
)
def test_hit_by_hand(closer, irrelevant, relevant, k, expected):
    rankings = one([(closer, 0), (irrelevant + relevant, relevant)], relevant)
    assert figures.hit_at_k(rankings, k)[0] == pytest.approx(expected, abs=1e-15)


def test_average_precision_by_hand():
    # R = 2: the nearest relevant item comes first (precision 1), the second third: (1 + 0) / 2.
    rankings = one([(1, 1), (1, 0), (1, 1)], 2)
    assert figures.average_precision_sum(rankings, 2) / 2 == pytest.approx([1 / 2])
    # Both at the distance of an irrelevant one. Of the three orders RRI 1, RIR 1/2, IRR (1/2) / 2.
    rankings = one([(3, 2)], 2)
    assert figures.average_precision_sum(rankings, 2) / 2 == pytest.approx([7 / 12], abs=1e-15)


def test_reciprocal_rank_by_hand():
    # Behind one irrelevant item, one relevant of two: rank 2 or 3.
    assert figures.reciprocal_rank(one([(1, 0), (2, 1)], 1)) == pytest.approx([(1 / 2 + 1 / 3) / 2])


def test_reciprocal_rank_of_a_large_tie():
    # One of a million places, each as likely: the harmonic number over a million.
    rankings = one([(100_000, 1)], 1)
    expected = np.mean(1 / np.arange(1, 100_001))
    assert figures.reciprocal_rank(rankings)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_against_all_orders(seed):
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 4, 4)
    relevant = rng.integers(0, size + 1)
    relevant[rng.integers(4)] = 1
    size = np.maximum(size, relevant)
    total, k = int(relevant.sum()), int(rng.integers(1, 6))
    rankings = one(np.stack([size, relevant], axis=1), total)
    parts = [
        set(itertools.permutations([True] * r + [False] * (n - r)))
        for n, r in zip(size, relevant, strict=True)
    ]
    orders = [list(itertools.chain(*order)) for order in itertools.product(*parts)]
    for name, value in {
        "recall": figures.hit_at_k(rankings, k),
        "true_recall": figures.hits_within(rankings, k) / total,
        "r_precision": figures.hits_within(rankings, np.array([total])) / total,
        "map_at_r": figures.average_precision_sum(rankings, np.array([total])) / total,
        "map": figures.average_precision_sum(rankings, k) / min(k, total),
        "mean_reciprocal_rank": figures.reciprocal_rank(rankings),
        "ndcg": figures.discounted_gain(rankings, k) / figures.ideal_gain(rankings.num_relevant, k),
    }.items():
        expected = np.mean([figure_of(name, flags, total, k) for flags in orders])
        assert value[0] == pytest.approx(expected), name


def test_ideal_gain():
    # 1 + 1 / log2(3), and 1.
    expected = [1 + 1 / math.log2(3), 1.0]
    assert figures.ideal_gain(np.array([7, 1]), 2) == pytest.approx(expected)


def test_no_query_at_all():
    none = np.zeros((0, 1), np.int64)
    rankings = Rankings(none[:, 0], none, none)
    assert figures.hit_at_k(rankings, 1).shape == (0,)
    assert figures.reciprocal_rank(rankings).shape == (0,)
    assert figures.average_precision_sum(rankings, 1).shape == (0,)
    assert figures.discounted_gain(rankings, 1).shape == (0,)
