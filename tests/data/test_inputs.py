import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data import inputs
from keras_siamese.data.inputs import as_labelled_arrays, as_seed, is_mapped, take


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
        (
            [[1, 2, 3], [4, 5, 6], [7, 8]],
            [0, 1, 0],
            r"shape \(3,\) at row 0 and shape \(2,\) at row 2",
        ),
        (
            {"a": [np.zeros((2, 2)), np.zeros((2, 3))]},
            [0, 1],
            r"\(2, 2\) at row 0 and shape \(2, 3\)",
        ),
        ([[[1], [2, 3]], [[1], [2]]], [0, 1], "a list of lists of several lengths at row 0"),
        (
            np.array(["a", None, float("nan")], object),
            [0, 1, 0],
            "str at row 0 and NoneType at row 1",
        ),
    ],
)
def test_bad_data_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        as_labelled_arrays(x, y)


def test_text_in_object_arrays_is_kept():
    x, _ = as_labelled_arrays(np.array(["one", b"three"], object), [0, 1])
    assert x.tolist() == ["one", b"three"]


def test_lists_of_strings_keep_their_values():
    files = [b"a\0", b"\0"]
    x, _ = as_labelled_arrays({"text": ["a", "much longer"], "file": files}, [0, 1])
    assert x["text"].tolist() == ["a", "much longer"]
    assert x["file"].tolist() == files
    with pytest.raises(ValueError, match="str at row 0 and float at row 1"):
        as_labelled_arrays(["a", float("nan")], [0, 1])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_items_that_are_not_finite_are_refused(dtype, value, monkeypatch):
    monkeypatch.setattr(inputs, "_BLOCK", 6)  # Two items at a time.
    x = np.zeros((7, 3), dtype)
    as_labelled_arrays(x, np.arange(7))
    x[4, 1] = x[6, 0] = x[6, 2] = value
    with pytest.raises(ValueError, match=r"`x\['a'\]` .* in 2 of 7 items, the first at row 4\."):
        as_labelled_arrays({"a": x}, np.arange(7))


def test_files_are_not_searched_for_nan(tmp_path):
    np.save(tmp_path / "x.npy", np.full((3, 2), np.nan))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    x, _ = as_labelled_arrays(mapped[1:], [0, 1])
    assert is_mapped(x)
    assert not is_mapped(np.array(mapped))


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
