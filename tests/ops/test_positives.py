import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import BACKEND, LABELS, tensorflow_only

from keras_siamese.ops.positives import find_classes, find_positives


def _table(labels, candidate_labels=None):
    positives = find_positives(find_classes(labels, candidate_labels))
    return positives.candidate, positives.mask


def _check(table, labels, candidate_labels=None):
    sets = [ops.convert_to_tensor(x) for x in (labels, candidate_labels) if x is not None]
    candidate, mask = (ops.convert_to_numpy(x) for x in table(*sets))
    same_set = candidate_labels is None
    candidate_labels = labels if same_set else candidate_labels
    # Outside of the mask, too, an index must be one that can be gathered.
    assert candidate.min() >= 0
    assert candidate.max() < len(candidate_labels)
    for a, label in enumerate(labels):
        expected = [
            c
            for c, other in enumerate(candidate_labels)
            if other == label and not (same_set and a == c)
        ]
        assert sorted(candidate[a][mask[a]].tolist()) == expected


@pytest.fixture(params=["eager", pytest.param("jit_compile", marks=tensorflow_only)])
def table(request):
    if request.param == "eager":
        return _table
    return tf.function(_table, jit_compile=True, autograph=False)


@pytest.mark.parametrize("name", LABELS)
def test_one_set(table, name):
    labels = LABELS[name]
    _check(table, labels)


@pytest.mark.parametrize("name", LABELS)
def test_two_sets(table, name):
    labels = LABELS[name]
    # Some classes are missing, one is new, and one is larger than in the first set.
    candidates = np.concatenate([labels[:5], np.repeat(labels[-1], 9), [10**9]])
    _check(table, labels, candidates)


def test_random_labels(rng):
    for _ in range(20 if BACKEND != "jax" else 2):  # which compiles for each shape
        labels = rng.integers(-3, 4, rng.integers(1, 24))
        candidates = rng.integers(-4, 3, rng.integers(1, 24))
        _check(_table, labels)
        _check(_table, labels, candidates)


def test_two_sets_of_different_integer_types(table):
    # A cast of the second to the type of the first would make them equal.
    labels, candidates = np.array([0, 1], "int32"), np.array([2**32, 1], "int64")
    _check(table, labels, candidates)


@tensorflow_only
@pytest.mark.parametrize(
    ("examples_per_class", "columns"), [(1, 1), (2, 1), (3, 2), (4, 3), (8, 7), (16, 15)]
)
def test_the_usual_class_sizes_are_met_exactly(examples_per_class, columns):
    labels = np.repeat(np.arange(3), examples_per_class)
    assert _table(ops.convert_to_tensor(labels))[0].shape == (3 * examples_per_class, columns)


@tensorflow_only
def test_shapes_depend_on_the_largest_class_alone():
    # Each set of shapes is compiled for.
    def shapes(labels):
        return [np.shape(x) for x in find_classes(ops.convert_to_tensor(labels))]

    assert shapes([0, 0, 0, 0, 1, 2]) == shapes([5, 5, 5, 5, 9, 9])
    assert shapes(np.repeat([0, 1], [13, 7])) == shapes(np.repeat([0, 1, 2], [16, 3, 1]))


def test_the_table_stays_near_the_largest_class():
    for largest in range(2, 200) if BACKEND != "jax" else (2, 5, 199):
        columns = len(find_classes(ops.zeros(largest, "int32")).slots)
        assert largest - 1 <= columns < 1.5 * largest


@tensorflow_only
def test_shapes_are_static_inside_of_xla():
    shapes = []

    @tf.function(jit_compile=True)
    def function(labels):
        positives = find_positives(find_classes(labels))
        shapes.append(positives.mask.shape)
        return positives.mask

    function(tf.constant([0, 0, 1]))
    assert shapes == [(3, 3)]
