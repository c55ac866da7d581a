import copy
from collections import Counter
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.callbacks.points import gather_points, gather_sets, turns_of_items
from keras_siamese.data import Source, from_arrays


def test_all_items_are_taken_in_order_if_they_are_few():
    points = gather_points(([[1], [2], [3]], ["b", "a", "b"]), 3)
    np.testing.assert_array_equal(points.x, [[1], [2], [3]])
    assert points.labels.tolist() == ["b", "a", "b"]
    assert points.positions.tolist() == [0, 1, 2]
    assert points.num_available == 3


def test_a_sample_is_even_over_the_classes_and_in_order():
    # Shares of 12 among 4 classes: 3 each; class 1 has 2 items only, and the rest goes to others.
    labels = np.repeat([0, 1, 2, 3], [100, 2, 50, 4])
    points = gather_points((np.arange(156), labels), 12)
    counts = Counter(points.labels.tolist())
    assert counts[1] == 2
    assert sorted(counts.values()) == [2, 3, 3, 4]
    assert (np.diff(points.positions) > 0).all()
    np.testing.assert_array_equal(points.x, points.positions)
    np.testing.assert_array_equal(points.labels, labels[points.positions])


def test_a_sample_is_not_the_first_items_of_each_class():
    points = gather_points((np.arange(1000), np.arange(1000) // 500), 20)
    assert points.positions.max() - 500 > 100


@pytest.mark.parametrize("batch_size", [1, 7, 64, 500])
def test_the_sample_of_a_dataset_is_that_of_the_arrays(rng, batch_size):
    x = np.arange(500).reshape(500, 1)
    labels = rng.choice(6, 500, p=[0.5, 0.3, 0.1, 0.05, 0.03, 0.02])
    dataset = tf.data.Dataset.from_tensor_slices((x, labels)).batch(batch_size)
    from_arrays, from_dataset = gather_points((x, labels), 40), gather_points(dataset, 40)
    assert len(from_arrays.x) == 40
    np.testing.assert_array_equal(from_arrays.positions, from_dataset.positions)
    np.testing.assert_array_equal(from_arrays.x, from_dataset.x)
    np.testing.assert_array_equal(from_arrays.labels, from_dataset.labels)
    assert from_dataset.num_available == 500


def test_the_sample_of_a_source_is_that_of_the_arrays_and_nothing_else_is_read(rng):
    fetched = []

    class Noted(Source):
        def fetch(self, indices):
            tf.py_function(lambda i: fetched.extend(i.numpy().tolist()), [indices], [])
            return indices[:, None]

    labels = np.array(["a", "b", "c"])[rng.choice(3, 500, p=[0.8, 0.15, 0.05])]
    expected = gather_points((np.arange(500)[:, None], labels), 40)
    points = gather_points(Noted(labels), 40)
    for name in ("x", "labels", "positions", "num_available"):
        np.testing.assert_array_equal(getattr(points, name), getattr(expected, name))
    assert fetched == points.positions.tolist()
    everything = gather_points(Noted(labels), 500)
    np.testing.assert_array_equal(everything.labels, labels)


def test_a_dataset_is_read_once():
    reads = []

    def batches():
        for start in range(0, 40, 8):
            reads.append(start)
            yield np.arange(start, start + 8), np.arange(8)

    signature = (tf.TensorSpec((None,), "int64"), tf.TensorSpec((None,), "int64"))
    gather_points(tf.data.Dataset.from_generator(batches, output_signature=signature), 10)
    assert reads == [0, 8, 16, 24, 32]


def test_nests_weights_column_labels_and_byte_strings_are_taken():
    dataset = tf.data.Dataset.from_tensor_slices(
        ({"a": np.arange(6), "b": np.ones((6, 2))}, [[b"u"], [b"v"]] * 3, np.ones(6))
    ).batch(4)
    points = gather_points(dataset, 4)
    assert Counter(points.labels.tolist()) == {"u": 2, "v": 2}
    np.testing.assert_array_equal(points.x["a"], points.positions)
    assert points.x["b"].shape == (4, 2)


def test_groups_follow_the_sample(rng):
    labels, groups = np.arange(60) % 6, rng.integers(0, 9, 60)
    points = gather_points(from_arrays(np.zeros((60, 1)), labels, groups=groups), 20)
    np.testing.assert_array_equal(points.groups, groups[points.positions])
    assert gather_points((np.zeros(3), [0, 1, 2]), 3).groups is None


@pytest.mark.parametrize(
    "sizes,max_points,expected",
    [
        ((100, 100, 100), 30, (10, 10, 10)),
        ((100, 3, 100), 30, (13, 3, 14)),
        ((2, 3, 4), 30, (2, 3, 4)),
        ((100, 100, 100), 10, (3, 3, 4)),
        ((1, 1, 100), 3, (1, 1, 1)),
    ],
)
def test_sets_share_the_points_evenly(sizes, max_points, expected):
    data = {f"set {i}": (np.arange(size), np.arange(size) % 2) for i, size in enumerate(sizes)}
    kinds = [dict(data), {name: from_arrays(*arrays) for name, arrays in data.items()}]
    kinds.append({n: tf.data.Dataset.from_tensor_slices(a).batch(7) for n, a in data.items()})
    for sets in kinds:
        points = gather_sets(sets, max_points)
        assert list(points) == list(data)
        assert tuple(len(part.x) for part in points.values()) == expected
        for name, part in points.items():
            alone = gather_points(data[name], len(part.x))
            np.testing.assert_array_equal(part.x, alone.x)
            np.testing.assert_array_equal(part.positions, alone.positions)
            assert abs(np.bincount(part.labels, minlength=2) @ [1, -1]) <= 1


def test_a_sample_of_200_000_items_is_bounded_and_even():
    labels = np.arange(200_000) % 50
    points = gather_points((np.arange(200_000), labels), 10_000)
    assert np.bincount(points.labels).tolist() == [200] * 50
    assert points.num_available == 200_000


@pytest.mark.parametrize("wrap", [list, np.array, lambda x: tf.constant(x).numpy()])
def test_texts_are_embedded(wrap):
    lengths = keras.layers.Lambda(lambda x: tf.cast(tf.strings.length(x), "float32")[:, None])
    model = keras.Sequential([keras.Input((), dtype="string"), lengths])
    points = gather_points((wrap(["a", "bcd"]), [0, 1]), 2)
    np.testing.assert_array_equal(points.embed(model), [[1], [3]])


def test_the_first_few_are_embedded_on_request():
    points = gather_points(({"a": np.arange(5.0)}, np.arange(5)), 5)
    model = SimpleNamespace(predict=lambda x, verbose: x["a"])
    assert points.embed(model, count=2).tolist() == [0, 1]
    assert points.embed(model).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("outputs", [{"a": np.zeros((2, 3))}, [np.zeros((2, 3))] * 2])
def test_several_outputs_are_refused(outputs):
    points = gather_points((np.arange(2), np.arange(2)), 2)
    with pytest.raises(ValueError, match=f"one output.*Received: {len(outputs)} in a"):
        points.embed(SimpleNamespace(predict=lambda x, verbose: outputs))


def test_copies_share_the_points():
    points = gather_points((np.arange(4), np.arange(4)), 4)
    assert copy.deepcopy({"points": points})["points"] is points


RANGE = tf.data.Dataset.range(4)
RAGGED = tf.data.Dataset.from_tensor_slices((tf.ragged.constant([[1], [2, 3]]), [0, 1]))


def of_two_shapes():
    for size in (3, 4):
        yield np.zeros((2, size)), np.arange(2)


SIGNATURE = (tf.TensorSpec((None, None)), tf.TensorSpec((None,), "int64"))
TWO_SHAPES = tf.data.Dataset.from_generator(of_two_shapes, output_signature=SIGNATURE)


@pytest.mark.parametrize(
    "data,message",
    [
        (([], []), "empty"),
        (([1, 2], [1]), "lengths"),
        (([1.0, 2.0], [0.5, 1.5]), "integers"),
        (np.zeros((3, 3)), "pair of arrays"),
        (RANGE.map(lambda i: (i, i)), "batch"),
        (RANGE.batch(2), "no labels"),
        (RANGE.map(lambda i: (i, i)).batch(2).take(0), "empty"),
        (RANGE.map(lambda i: (i, i)).batch(2).repeat(), "endless"),
        (RAGGED.batch(2), "one shape"),
        (TWO_SHAPES, r"one shape. Received: \(3,\) and \(4,\)"),
        (([np.zeros(2), np.zeros(3)], [0, 1]), "one shape"),
    ],
)
def test_bad_data(data, message):
    with pytest.raises(ValueError, match=message):
        gather_points(data, 10)


def test_items_of_a_class_take_turns_in_the_order_of_their_keys():
    ids, keys = np.array([1, 0, 1, 1, 3, 0]), np.array([0.5, 0.2, 0.9, 0.1, 0.3, 0.1])
    assert turns_of_items(ids, keys).tolist() == [1, 1, 2, 0, 0, 0]
