import numpy as np

from keras_siamese.ops.given_pairs import GivenPairs


def test_pairs_are_told_apart():
    pairs = GivenPairs(np.array([1, 0, 0, 1]), np.array([0.5, 2.0, 4.0, 1.0]))
    assert (pairs.num_positive_pairs, pairs.num_negative_pairs) == (2, 2)
    assert pairs.positive_pairs[0].tolist() == [0.5, 1.0]
    assert pairs.negative_pairs[0].tolist() == [2.0, 4.0]
    assert (pairs.positive_sum, pairs.negative_sum) == (1.5, 6.0)
    assert list(pairs.blocks()) == [pairs]
    assert pairs.distance_range() == (0.5, 4.0)
