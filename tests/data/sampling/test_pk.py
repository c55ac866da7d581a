from collections import Counter, defaultdict

import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data.labels import encode_labels
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.arrays import from_arrays

# Class sizes of the labels below: 11 classes of 3 to 13 items, in no order.
SIZES = np.arange(3, 14)
LABELS = np.random.default_rng(7).permutation(np.repeat(100 * np.arange(11), SIZES))
ITEMS = np.arange(len(LABELS))


def batches_of(**arguments):
    """Batches of items that are their own indices."""
    defaults = {"classes_per_batch": 4, "examples_per_class": 3, "seed": 0}
    return pk_batches(ITEMS, LABELS, **(defaults | arguments))


def epoch_of(dataset):
    return [items.tolist() for items, _ in dataset.as_numpy_iterator()]


def visits_of(epoch, labels, k):
    """The items of each visit of each class, in order of time."""
    visits = defaultdict(list)
    for batch in epoch:
        for start in range(0, len(batch), k):
            visits[labels[batch[start]]].append(batch[start : start + k])
    return visits


def test_batches_hold_p_classes_of_k_items_side_by_side():
    dataset = batches_of(steps_per_epoch=40)
    assert dataset.element_spec[0].shape == dataset.element_spec[1].shape == (12,)
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == 40
    for items, labels in batches:
        np.testing.assert_array_equal(labels, LABELS[items])
        by_class = labels.reshape(4, 3)
        assert (by_class == by_class[:, :1]).all()
        assert len(set(by_class[:, 0].tolist())) == 4
        assert len(set(items.tolist())) == 12


@pytest.mark.parametrize(("p", "k"), [(2, 2), (4, 3), (11, 3)])
def test_classes_come_in_rounds(p, k):
    per_round = 11 // p
    epoch = epoch_of(batches_of(classes_per_batch=p, examples_per_class=k, steps_per_epoch=61))
    left_over = Counter()
    for start in range(0, 61, per_round):
        drawn = [LABELS[item] for batch in epoch[start : start + per_round] for item in batch[::k]]
        assert len(set(drawn)) == len(drawn)
        if len(drawn) == per_round * p:
            left_over[frozenset(set(LABELS.tolist()) - set(drawn))] += 1
    # P = 2: 11 ways to leave one class out; P = 4: 165 to leave three out; P = 11: only one.
    assert len(left_over) >= {2: 6, 4: 20, 11: 1}[p]


def test_left_over_classes_are_uniform():
    dataset = pk_batches(
        np.arange(9),
        np.arange(9) % 3,
        classes_per_batch=2,
        examples_per_class=2,
        steps_per_epoch=3000,
        seed=0,
    )
    visits = Counter(label for _, y in dataset.as_numpy_iterator() for label in y[::2].tolist())
    # Each class is left out of 1,000 of 3,000 batches, standard deviation 26.
    assert all(abs(visits[label] - 2000) < 130 for label in range(3))


@pytest.mark.parametrize("k", [2, 3])
def test_items_of_a_class_are_seen_equally_often_to_within_one(k):
    epoch = epoch_of(batches_of(examples_per_class=k, steps_per_epoch=23))
    for label, visits in visits_of(epoch, LABELS, k).items():
        seen = Counter(item for visit in visits for item in visit)
        counts = [seen[item] for item in np.flatnonzero(LABELS == label)]
        assert max(counts) - min(counts) <= 1


def test_visits_run_through_a_class_and_start_over():
    epoch = epoch_of(batches_of(steps_per_epoch=40))
    for label, visits in visits_of(epoch, LABELS, 3).items():
        size = (LABELS == label).sum()
        items = [item for visit in visits for item in visit]
        assert len(items) > size
        assert sorted(items[:size]) == np.flatnonzero(LABELS == label).tolist()
        assert items == [items[place % size] for place in range(len(items))]


def test_order_within_a_class_is_uniform_over_epochs():
    dataset = pk_batches(
        np.arange(8), np.arange(8) % 2, classes_per_batch=2, examples_per_class=2, seed=0
    )
    first_batches = epoch_of(dataset.repeat(400))[:: len(dataset)]
    firsts = Counter(batch[place] for batch in first_batches for place in (0, 2))
    # Each of the four items of a class comes first in 100 of 400 epochs, standard deviation 9.
    assert all(55 < firsts[item] < 145 for item in range(8))


def test_steps_and_cardinality():
    assert len(ITEMS) == 88
    assert batches_of().cardinality() == len(epoch_of(batches_of())) == 88 // 12
    # Without the classes of 3 and 4 items: 81 are left.
    dropped = batches_of(examples_per_class=5, short_classes="drop")
    assert dropped.cardinality() == 81 // 20
    assert (
        batches_of(
            classes_per_batch=11, examples_per_class=13, short_classes="repeat"
        ).cardinality()
        == 1
    )
    assert batches_of(steps_per_epoch=100).cardinality() == 100


def test_short_classes_are_dropped():
    dataset = batches_of(examples_per_class=6, short_classes="drop", steps_per_epoch=30)
    classes = {LABELS[item] for batch in epoch_of(dataset) for item in batch}
    assert classes == set(100 * np.arange(3, 11))


def test_short_classes_are_repeated_evenly():
    dataset = batches_of(examples_per_class=8, short_classes="repeat", steps_per_epoch=30)
    visits = visits_of(epoch_of(dataset), LABELS, 8)
    assert len(visits) == 11
    for label, size in zip(100 * np.arange(11), SIZES, strict=True):
        for visit in visits[label]:
            counts = Counter(visit)
            assert len(counts) == min(size, 8)
            assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([2**24, 2**24 + 1] * 3), [2**24, 2**24 + 1]),
        (np.array([-5, 2**62] * 3)[:, None], [-5, 2**62]),
        (np.array([3, 200] * 3, np.uint8), [3, 200]),
        (np.array([2**64 - 1, 2**63 - 1] * 3, np.uint64), [1, 0]),
        (["b", "a"] * 3, [1, 0]),
        (np.array([True, False] * 3), [1, 0]),
    ],
)
def test_labels_of_any_kind(labels, expected):
    dataset = pk_batches(np.arange(6), labels, classes_per_batch=2, examples_per_class=2)
    assert dataset.element_spec[1].dtype == tf.int64
    for items, y in dataset.as_numpy_iterator():
        assert y.tolist() == [expected[item % 2] for item in items]


def test_ids_of_names_are_those_of_all_names_even_if_some_are_dropped():
    names = ["c", "b", "a", "c", "b"]
    dataset = pk_batches(
        np.arange(5), names, classes_per_batch=2, examples_per_class=2, short_classes="drop"
    )
    items, labels = next(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(labels, encode_labels(names)[0][items])
    assert set(labels.tolist()) == {1, 2}


def test_classes_give_all_their_items_up_to_the_largest_number():
    dataset = batches_of(examples_per_class=(3, 6), steps_per_epoch=40)
    assert dataset.cardinality() == 40
    assert dataset.element_spec[0].shape == dataset.element_spec[1].shape == (None,)
    for items, labels in dataset.as_numpy_iterator():
        np.testing.assert_array_equal(labels, LABELS[items])
        _, counts = np.unique(labels, return_counts=True)
        np.testing.assert_array_equal(counts, np.minimum(SIZES[np.unique(labels) // 100], 6))
        assert len(set(items.tolist())) == len(items)


def test_super_classes_of_a_source():
    source = ks.data.from_arrays(ITEMS, LABELS, groups=LABELS // 300)  # of 3, 3, 3 and 2 classes
    dataset = pk_batches(
        source,
        classes_per_batch=4,
        examples_per_class=3,
        super_classes_per_batch=2,
        steps_per_epoch=30,
        seed=0,
    )
    for _, labels in dataset.as_numpy_iterator():
        groups = labels.reshape(4, 3)[:, 0] // 300
        assert groups[0] == groups[1] != groups[2] == groups[3]


def test_nests_keep_structure_dtypes_and_static_shapes(rng):
    images = rng.integers(0, 256, (88, 4, 4, 1), np.uint8)
    texts = np.array([f"text {item}" for item in ITEMS])
    dataset = pk_batches(
        {"image": images, "more": (ITEMS.astype(np.float64), texts)},
        LABELS,
        classes_per_batch=2,
        examples_per_class=3,
    )
    assert dataset.element_spec[0]["image"] == tf.TensorSpec((6, 4, 4, 1), tf.uint8)
    assert dataset.element_spec[0]["more"][0] == tf.TensorSpec((6,), tf.float64)
    x, _ = next(dataset.as_numpy_iterator())
    items = x["more"][0].astype(int)
    np.testing.assert_array_equal(x["image"], images[items])
    assert [text.decode() for text in x["more"][1]] == texts[items].tolist()


def test_many_classes_are_built_from_a_fixed_number_of_datasets():
    def num_sources(dataset):
        return 1 + sum(num_sources(source) for source in dataset._inputs())

    y = np.repeat(np.arange(5000), 2)
    dataset = pk_batches(y, y, classes_per_batch=50, examples_per_class=2, seed=0)
    assert num_sources(dataset) < 10
    epoch = epoch_of(dataset)
    assert sorted(item for batch in epoch for item in batch) == y.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes_per_batch": 1}, "no negative"),
        ({"examples_per_class": 1}, "no positive"),
        ({"classes_per_batch": 12}, "more than the 11 classes"),
        (
            {"classes_per_batch": 9, "examples_per_class": 6, "short_classes": "drop"},
            r"more than the 8 classes to draw from \(3 short ones were dropped\)",
        ),
        (
            {"examples_per_class": 7},
            r'4 of 11 .* 0 \(3\), 100 \(4\), 200 \(5\)\. .*"drop".*"repeat"',
        ),
        ({"short_classes": "skip"}, "short_classes"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        batches_of(**arguments)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "empty"),
        (np.zeros((5, 3)), np.arange(4), "as many labels"),
        (np.zeros((4, 3)), np.array([0.0, 0.0, 1.0, 1.0]), "whole numbers"),
        (np.zeros((4, 3)), np.eye(4, dtype=int), "argmax"),
    ],
)
def test_bad_data_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        pk_batches(x, y, classes_per_batch=2, examples_per_class=2)


def test_errors_call_classes_by_their_names():
    labels = np.repeat(["ant", "bee", "cat"], [3, 3, 1])
    options = {"classes_per_batch": 2, "examples_per_class": 2}
    with pytest.raises(ValueError, match=r"1 of 3 classes with fewer, among them 'cat' \(1\)"):
        pk_batches(np.zeros(7), labels, **options)
    source = from_arrays(np.zeros(7), labels, groups=[0, 0, 0, 1, 0, 1, 2])
    with pytest.raises(ValueError, match="Received: class 'bee' in "):
        pk_batches(source, **options, super_classes_per_batch=1, short_classes="drop")


def test_a_range_as_a_list():
    with pytest.raises(ValueError, match=r"Received: \[2, 4\].* is a tuple, such as \(2, 8\)"):
        pk_batches(np.zeros(8), [0, 1] * 4, classes_per_batch=2, examples_per_class=[2, 4])
