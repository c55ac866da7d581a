import numpy as np

from keras_siamese.ops.given_pairs import GivenPairs


def test_numbers_of_pairs():
    pairs = GivenPairs(np.array([1, 0, 0]), np.array([0.5, 1.0, 0.5]))
    assert pairs.num_positive_pairs == 1
    assert pairs.num_negative_pairs == 2
