"""watch_points: several items of each class; choose_evenly: classes take turns."""

import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.callbacks.points import gather_points
from keras_siamese.callbacks.watched_points import choose_evenly, watch_points
from keras_siamese.data import from_arrays

# 60 classes of 20 items, and 40 of one item.
LABELS = np.random.default_rng(0).permutation(np.r_[np.repeat(np.arange(60), 20), 100:140])
X = np.stack([LABELS, np.arange(len(LABELS))], axis=1).astype("float32")
NAMES = np.char.add("class ", LABELS.astype(str))


def batches(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(50)


@pytest.mark.parametrize("make", [from_arrays, lambda x, y: (x, y), batches])
@pytest.mark.parametrize("labels", [LABELS, NAMES, LABELS[:, None]])
def test_of_many_classes_some_are_taken_with_several_items(make, labels):
    points = watch_points(make(X, labels), 80)
    sizes = np.unique(points.labels, return_counts=True)[1]
    assert sizes.tolist() == [8] * 10, "none of them is alone"
    np.testing.assert_array_equal(points.labels, np.ravel(labels)[points.x[:, 1].astype(int)])


def test_few_classes_are_taken_as_gather_points_does():
    data = X, LABELS % 5
    points = watch_points(data, 80)
    np.testing.assert_array_equal(points.x, gather_points(data, 80).x)
    assert len(watch_points((X, LABELS), len(X)).labels) == len(X)


def test_a_gallery_has_the_classes_of_the_queries():
    classes = np.unique(watch_points((X, LABELS), 80).labels)
    for gallery in ((X, LABELS), batches(X, LABELS), batches(X, LABELS.astype("uint8"))):
        points = watch_points(gallery, 100, classes)
        np.testing.assert_array_equal(np.unique(points.labels), classes)
        assert len(points.labels) == 100
    points = watch_points((X, LABELS + 1000), 100, classes)
    assert len(points.labels) == 100, "if it has none of them, others"


def test_lone_items_are_taken_where_there_is_nothing_else():
    points = watch_points((X, np.arange(len(X))), 80)
    assert len(np.unique(points.labels)) == 80


def test_small_classes_are_taken_as_a_whole():
    points = watch_points((X, np.arange(len(X)) // 5), 82)
    sizes = np.unique(points.labels, return_counts=True)[1]
    assert len(sizes) == 17 and sizes.sum() == 82 and set(sizes) == {4, 5}


def test_items_are_chosen_evenly_over_the_classes_and_in_their_order():
    labels = np.array(list("cccccabbb"))
    everything = np.ones(9, bool)
    assert labels[choose_evenly(labels, everything, 3, 0)].tolist() == list("abc")
    assert labels[choose_evenly(labels, everything, 6, 0)].tolist() == list("abbccc") or (
        labels[choose_evenly(labels, everything, 6, 0)].tolist() == list("abbbcc")
    )
    assert sorted(choose_evenly(labels, everything, 20, 0)) == list(range(9))
    assert labels[choose_evenly(labels, labels != "c", 3, 0)].tolist() == list("abb")
    chosen = [choose_evenly(LABELS, LABELS < 60, 8, seed).tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(LABELS[chosen[2]])) == 8
