import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.inputs import as_labelled_arrays, as_seed, take


def test_nests_keep_structure_and_dtypes():
    x = {"image": np.zeros((3, 2), np.uint8), "parts": (tf.ones(3, tf.float16), [1, 2, 3])}
    arrays, labels = as_labelled_arrays(x, [0, 1, 0])
    assert arrays["image"].dtype == np.uint8
    assert arrays["parts"][0].dtype == np.float16
    assert arrays["parts"][1].tolist() == [1, 2, 3]
    assert labels.tolist() == [0, 1, 0]


def test_take_takes_the_same_items_of_all_arrays():
    taken = take({"a": np.arange(4), "b": (np.arange(8).reshape(4, 2),)}, np.array([3, 0]))
    assert taken["a"].tolist() == [3, 0]
    assert taken["b"][0].tolist() == [[6, 7], [0, 1]]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((3, 2)), [0, 1], r"'x': 3, 'y': 2"),
        ({"a": np.zeros(2), "b": (np.zeros(3),)}, [0, 1], r"x\['b'\]\[0\]"),
        (np.zeros((0, 2)), np.zeros(0, int), "empty"),
        (np.zeros((0, 2)), [], "empty"),
        (None, [0, 1], "must be an array"),
        ((), [0, 1], "must be an array"),
        (tf.data.Dataset.range(2), [0, 1], "must be an array"),
    ],
)
def test_bad_data_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        as_labelled_arrays(x, y)


def test_drawn_seed_follows_set_random_seed():
    keras.utils.set_random_seed(3)
    first, second = as_seed(None), as_seed(None)
    keras.utils.set_random_seed(3)
    assert (as_seed(None), as_seed(None)) == (first, second)
    assert first != second


def test_given_seed_draws_nothing():
    state = random.getstate()
    assert as_seed(np.int64(5)) == 5
    assert random.getstate() == state


@pytest.mark.parametrize("seed", [-1, 1.5, "0", 2**63])
def test_bad_seed_is_refused(seed):
    with pytest.raises(ValueError, match="seed"):
        as_seed(seed)
