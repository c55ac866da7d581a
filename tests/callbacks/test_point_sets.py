import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.callbacks.point_sets import join_sets
from keras_siamese.callbacks.points import gather_sets
from keras_siamese.data import from_arrays


def join(**sets):
    return join_sets(gather_sets(sets, 100))


def test_sets_follow_each_other_in_their_order():
    points = join(b=([[1.0], [2.0]], [5, 6]), a=([[3.0]], [7]))
    np.testing.assert_array_equal(points.x, [[1], [2], [3]])
    assert points.labels.tolist() == [5, 6, 7]
    assert points.positions.tolist() == [0, 1, 0]
    assert points.num_available == 3
    assert points.groups is None


def test_an_only_set_is_not_copied():
    sets = gather_sets({"a": ([[1.0], [2.0]], [5, 6])}, 100)
    assert join_sets(sets) is sets["a"]


def test_nests_are_joined_array_by_array():
    parts = [{"a": np.ones(n), "b": (np.zeros((n, 2)),)} for n in (2, 3)]
    points = join(first=(parts[0], [0, 1]), second=(parts[1], [0, 1, 2]))
    assert points.x["a"].shape == (5,)
    assert points.x["b"][0].shape == (5, 2)


def test_groups_are_empty_where_there_are_none():
    grouped = from_arrays(np.zeros((2, 1)), ["a", "b"], groups=["g", "h"])
    points = join(grouped=grouped, plain=(np.zeros((1, 1)), ["a"]))
    assert points.groups.tolist() == ["g", "h", ""]


def test_text_of_any_kind_is_joined():
    dataset = tf.data.Dataset.from_tensor_slices((["naïve", "b"], ["u", "v"])).batch(2)
    points = join(strings=(["ü"], ["u"]), array=(np.array(["c"]), ["w"]), dataset=dataset)
    assert points.x.tolist() == ["ü", "c", "naïve", "b"]
    assert points.labels.tolist() == ["u", "w", "u", "v"]


@pytest.mark.parametrize("dtypes", [("int64", "uint64"), ("uint8", "int32"), ("int8", "int64")])
def test_integers_stay_integers(dtypes):
    x = np.array([3, 4])
    points = join(**{dtype: (x.astype(dtype), x.astype(dtype)) for dtype in dtypes})
    assert points.labels.dtype.kind in "iu"
    assert points.x.dtype.kind in "iu"
    assert points.labels.tolist() == points.x.tolist() == [3, 4, 3, 4]


FLOATS = np.zeros((2, 3), "float32")


@pytest.mark.parametrize(
    "x,y,message",
    [
        (np.zeros((2, 4), "float32"), [0, 1], r"items.*shape \(3,\)'.*, in 'b'.*shape \(4,\)"),
        (np.zeros((2, 3), "uint8"), [0, 1], "items.*floats.*integers"),
        (np.full((2, 3), "a"), [0, 1], "items.*floats.*text"),
        ({"x": FLOATS}, [0, 1], r"items.*x\['x'\]"),
        (FLOATS, ["0", "1"], "labels.*integers.*text"),
        (FLOATS, np.array([0, 2**63], "uint64"), r"labels.*above 2\^63"),
    ],
)
def test_sets_that_are_not_alike(x, y, message):
    with pytest.raises(ValueError, match=message):
        join(a=(FLOATS, [0, 1]), b=(x, y))
