import numpy as np
import pytest

from keras_siamese.data.splits import class_disjoint_split


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
