import numpy as np
import pytest

from keras_siamese.data.sources.arrays import from_arrays
from keras_siamese.data.splits import (
    class_disjoint_split,
    class_folds,
    group_disjoint_split,
    stratified_split,
)

SPLITS = [class_disjoint_split, group_disjoint_split, stratified_split]


def source_of(labels, groups=None):
    """A source of items that are their own numbers."""
    return from_arrays(np.arange(len(labels)), labels, groups=groups)


def items_of(source):
    return source.arrays()[0].tolist()


def test_each_class_is_whole_on_one_side(rng):
    y = rng.integers(0, 40, 500)
    x = np.arange(500)
    parts = class_disjoint_split(x, y, fractions=(0.5, 0.3, 0.2), seed=1)
    assert [len(set(labels.tolist())) for _, labels in parts] == [20, 12, 8]
    assert sorted(np.concatenate([items for items, _ in parts]).tolist()) == x.tolist()
    for items, labels in parts:
        assert (np.diff(items) > 0).all()
        np.testing.assert_array_equal(labels, y[items])
        np.testing.assert_array_equal(items, np.flatnonzero(np.isin(y, labels)))


@pytest.mark.parametrize(
    ("num_classes", "fractions", "sizes"),
    [
        (3, (0.6, 0.2, 0.2), [1, 1, 1]),
        (5, (0.6, 0.2, 0.2), [3, 1, 1]),
        (10, (0.6, 0.2, 0.2), [6, 2, 2]),
        (100, (0.99, 0.005, 0.005), [98, 1, 1]),
        (15, (0.1,) * 10, [2] * 5 + [1] * 5),
        (7, (1.0,), [7]),
    ],
)
def test_sizes_follow_the_fractions(num_classes, fractions, sizes):
    parts = class_disjoint_split(
        np.zeros(num_classes), np.arange(num_classes), fractions=fractions, seed=0
    )
    assert [len(labels) for _, labels in parts] == sizes


def test_seed_makes_the_split_reproducible():
    x = np.arange(30)
    splits = [class_disjoint_split(x, x, seed=seed)[0][0].tolist() for seed in (4, 4, 5)]
    assert splits[0] == splits[1] != splits[2]


def test_classes_are_dealt_out_at_random():
    x = np.arange(3)
    first = [class_disjoint_split(x, x, seed=seed)[0][0].item() for seed in range(300)]
    # Each of the three classes: 100 expected, standard deviation 8.
    assert (np.bincount(first, minlength=3) > 60).all()


def test_strings_columns_and_nests():
    x = {"id": np.arange(4), "image": np.arange(8, dtype=np.uint8).reshape(4, 2)}
    y = np.array([["b"], ["a"], ["b"], ["a"]])
    for items, labels in class_disjoint_split(x, y, fractions=(0.5, 0.5), seed=0):
        assert labels.shape == (2,)
        assert labels.tolist() == [["b", "a"][i % 2] for i in items["id"]]
        assert items["image"].dtype == np.uint8
        assert items["image"][:, 0].tolist() == (2 * items["id"]).tolist()


@pytest.mark.parametrize(
    ("y", "fractions", "message"),
    [
        ([0, 0, 1, 1], (0.6, 0.2, 0.2), "2 classes for 3 parts"),
        ([0, 1, 2, 3], (0.6, 0.3), "sum to 1"),
        ([0, 1, 2, 3], (), "sum to 1"),
        ([0, 1, 2, 3], (1.2, -0.2), "above 0"),
        ([0, 1, 2], (0.5, 0.5), "as many labels"),
    ],
)
def test_bad_input_is_refused(y, fractions, message):
    with pytest.raises(ValueError, match=message):
        class_disjoint_split(np.zeros(4), y, fractions=fractions)


def test_fractions_are_rounded_numbers():
    parts = stratified_split(np.arange(10**6), np.zeros(10**6, int), fractions=(0.3333336,) * 3)
    assert sorted(len(labels) for _, labels in parts) == [333_333, 333_333, 333_334]


@pytest.mark.parametrize("split", SPLITS)
def test_a_source_is_split_as_its_arrays_are(split, rng):
    y = rng.integers(0, 20, 200)
    x, groups = np.arange(200), np.char.add("group ", (y % 7).astype(str))
    options = {"groups": groups} if split is group_disjoint_split else {}
    by_arrays = split(x, y[:, None], seed=3, **options)
    by_source = split(from_arrays(x, y, groups=groups), seed=3)
    assert len(by_arrays) == len(by_source) == 3
    for (items, labels), source in zip(by_arrays, by_source, strict=True):
        assert items_of(source) == items.tolist()
        assert source.labels.tolist() == labels.tolist() == y[items].tolist()
        assert source.groups.tolist() == groups[items].tolist()


def test_parts_keep_the_class_ids_of_the_whole():
    source = source_of(["a", "b", "c", "d"])
    for part in class_disjoint_split(source, fractions=(0.5, 0.5), seed=0):
        assert part.class_ids.tolist() == ["abcd".index(name) for name in part.labels]


@pytest.mark.parametrize("split", SPLITS)
def test_any_split_is_reproducible_by_its_seed(split):
    source = source_of(np.arange(60) // 3, groups=np.arange(60) // 3)
    parts = [items_of(split(source, seed=seed)[0]) for seed in (4, 4, 5)]
    assert parts[0] == parts[1] != parts[2]


def test_each_group_is_whole_in_one_part(rng):
    groups = rng.integers(0, 30, 400)
    source = source_of(np.arange(400) % 5, groups)
    parts = group_disjoint_split(source, fractions=(0.5, 0.3, 0.2), seed=0)
    # Fractions of the groups, however many items they have.
    assert [len(set(part.groups.tolist())) for part in parts] == [15, 9, 6]
    assert sum(len(part) for part in parts) == 400
    for part in parts:
        kept = np.isin(groups, part.groups)
        assert items_of(part) == np.flatnonzero(kept).tolist()
        assert set(part.labels.tolist()) == set(range(5))


def test_given_groups_come_before_those_of_the_source():
    source = source_of(np.zeros(8, int), groups=np.zeros(8, int))
    writers = list("aabbccdd")
    first, second = group_disjoint_split(source, groups=writers, fractions=(0.5, 0.5), seed=0)
    assert {writers[item] for item in items_of(first)}.isdisjoint(
        writers[item] for item in items_of(second)
    )


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.2), (0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.125,) * 8]
)
@pytest.mark.parametrize("largest", [1, 3, 50])
def test_stratified_parts_are_in_proportion(fractions, largest, rng):
    y = np.repeat(np.arange(150), rng.integers(1, largest + 1, 150))
    rng.shuffle(y)
    parts = stratified_split(np.arange(len(y)), y, fractions=fractions, seed=0)
    assert sorted(np.concatenate([items for items, _ in parts]).tolist()) == list(range(len(y)))
    for (items, labels), fraction in zip(parts, fractions, strict=True):
        assert (np.diff(items) > 0).all()
        np.testing.assert_array_equal(labels, y[items])
        share = fraction * np.bincount(y)
        size = np.bincount(labels, minlength=150)
        assert (size >= np.floor(share + 1e-9)).all() and (size <= np.ceil(share - 1e-9)).all()
        assert abs(len(labels) - fraction * len(y)) < 1


def test_items_of_a_class_are_dealt_out_at_random():
    first = np.concatenate(
        [
            stratified_split(np.arange(4), [0] * 4, fractions=(0.5, 0.5), seed=seed)[0][0]
            for seed in range(200)
        ]
    )
    # Each item: 100 expected, standard deviation 7.
    assert (np.bincount(first) > 70).all()


@pytest.mark.parametrize(("num_classes", "num_folds"), [(20, 5), (11, 4), (3, 3)])
def test_each_class_is_in_one_fold(num_classes, num_folds, rng):
    y = rng.permutation(np.repeat(np.arange(num_classes), 4))
    folds = list(class_folds(source_of(y), num_folds=num_folds, seed=0))
    assert len(folds) == num_folds
    tested = []
    for train, test in folds:
        classes = set(test.labels.tolist())
        assert len(classes) in (num_classes // num_folds, -(-num_classes // num_folds))
        assert classes.isdisjoint(train.labels.tolist())
        assert sorted(items_of(train) + items_of(test)) == list(range(len(y)))
        tested += classes
    assert sorted(tested) == list(range(num_classes))


def test_folds_of_arrays():
    x, y = {"id": np.arange(6)}, list("aabbcc")
    folds = [list(class_folds(x, y, num_folds=3, seed=seed)) for seed in (1, 1, 2)]
    for (x_train, y_train), (x_test, y_test) in folds[0]:
        assert [y[item] for item in x_train["id"]] == y_train.tolist()
        assert [y[item] for item in x_test["id"]] == y_test.tolist()
        assert len(y_test) == 2
    tested = [[test[1].tolist() for _, test in fold] for fold in folds]
    assert tested[0] == tested[1] != tested[2]


def test_what_the_other_splits_refuse():
    x, y = np.zeros(4), [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"no groups to keep whole.*`class_disjoint_split`"):
        group_disjoint_split(x, y)
    with pytest.raises(ValueError, match="no groups to keep whole"):
        group_disjoint_split(source_of(y))
    with pytest.raises(ValueError, match=r"Received lengths: .*'groups': 2"):
        group_disjoint_split(x, y, groups=[0, 1])
    with pytest.raises(ValueError, match="2 groups for 3 parts"):
        group_disjoint_split(x, y, groups=[0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"parts of \[4, 0\] items"):
        stratified_split(x, y, fractions=(0.95, 0.05))
    with pytest.raises(ValueError, match="4 classes for 5 parts"):
        class_folds(x, y)
    with pytest.raises(ValueError, match="`num_folds` must be an integer of at least 2"):
        class_folds(x, y, num_folds=1)
    with pytest.raises(ValueError, match="A source has its own labels"):
        stratified_split(source_of(y), y)
    with pytest.raises(ValueError, match="Expected a source"):
        stratified_split(x)
