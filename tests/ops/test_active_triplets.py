import itertools

import numpy as np
import pytest
from keras import ops
from loss_harness import tensor

from keras_siamese.ops import active_triplets
from keras_siamese.ops.active_triplets import (
    count_active_triplets,
    count_by_comparing,
    count_by_sorting,
)


def _counted(d_ap, d_an, positive, negative):
    of_positives, of_candidates = np.zeros(d_ap.shape, int), np.zeros(d_an.shape, int)
    for a in range(len(d_ap)):
        for p, n in itertools.product(range(d_ap.shape[1]), range(d_an.shape[1])):
            if positive[a, p] and negative[a, n] and d_an[a, n] < d_ap[a, p]:
                of_positives[a, p] += 1
                of_candidates[a, n] += 1
    return of_positives, of_candidates


def _is_equal(counts, expected):
    for count, wanted in zip(counts, expected, strict=True):
        assert ops.convert_to_numpy(count).tolist() == wanted.tolist()


def test_golden():
    # Thresholds 2 and 5 against 1, 2, 3: a tie is no triplet with a loss.
    counts = count_active_triplets(
        tensor([[2.0, 5.0]]), tensor([[1.0, 2.0, 3.0]]), tensor([[True] * 2]), tensor([[True] * 3])
    )
    _is_equal(counts, (np.array([[1, 3]]), np.array([[2, 1, 1]])))


@pytest.mark.parametrize("num_slots", [1, 3, 9])
@pytest.mark.parametrize("most_compared", [0, 512], ids=["sorting", "comparing"])
def test_against_loops(rng, num_slots, most_compared, monkeypatch):
    monkeypatch.setattr(active_triplets, "_MOST_COMPARED", most_compared)
    # Of few different values, so that there are ties.
    d_ap, d_an = (rng.integers(-2, 4, (7, size)) / 4 for size in (num_slots, 8))
    positive, negative = rng.random((7, num_slots)) < 0.7, rng.random((7, 8)) < 0.6
    positive[0], negative[1] = False, False
    counts = count_active_triplets(*map(tensor, (d_ap, d_an, positive, negative)))
    _is_equal(counts, _counted(d_ap, d_an, positive, negative))


def test_both_ways_agree(rng):
    d_ap, d_an = rng.normal(size=(5, 4)).astype("float32"), rng.normal(size=(5, 30))
    d_ap[2, 1] = -np.inf
    d_an = np.where(rng.random((5, 30)) < 0.5, d_an, np.inf).astype("float32")
    every = np.ones((5, 4), bool), np.ones((5, 30), bool)
    for count in (count_by_comparing, count_by_sorting):
        _is_equal(count(tensor(d_ap), tensor(d_an)), _counted(d_ap, d_an, *every))
