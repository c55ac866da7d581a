import numpy as np
import pytest

from keras_siamese.data.sampling.pairs import make_pairs, make_triplets

# Items are their own indices: class 5 has four, class -2 three, class 9 two, class 1 one.
LABELS = np.array([5, -2, 9, 5, 1, -2, 5, 9, 5, -2])
ITEMS = np.arange(10)
SINGLETON = 4


def test_pairs_are_what_same_says():
    (first, second), same = make_pairs(ITEMS, LABELS, 5001, positive_fraction=0.3, seed=0)
    assert first.shape == second.shape == same.shape == (5001,)
    assert same.dtype == np.int32
    assert same.sum() == 1500
    np.testing.assert_array_equal(LABELS[first] == LABELS[second], same == 1)
    assert (first != second).all()
    assert 0.25 < same[:1000].mean() < 0.35


@pytest.mark.parametrize("fraction", [0, 1])
def test_pairs_of_one_kind(fraction):
    _, same = make_pairs(ITEMS, LABELS, 50, positive_fraction=fraction)
    assert (same == fraction).all()


def test_triplets_hold_two_items_of_one_class_and_one_of_another():
    anchor, positive, negative = make_triplets(ITEMS, LABELS, 5000, seed=0)
    assert anchor.shape == positive.shape == negative.shape == (5000,)
    assert (LABELS[anchor] == LABELS[positive]).all()
    assert (LABELS[anchor] != LABELS[negative]).all()
    assert (anchor != positive).all()


def test_draws_are_uniform():
    anchor, positive, negative = make_triplets(ITEMS, LABELS, 90_000, seed=0)
    # Nine items have a positive: 10,000 each, standard deviation 94.
    counts = np.bincount(anchor, minlength=10)
    assert counts[SINGLETON] == 0
    np.testing.assert_allclose(np.delete(counts, SINGLETON), 10_000, atol=500)
    # Given item 0 of class 5: three other items of its class, six of other classes.
    given = anchor == 0
    assert set(positive[given]) == {3, 6, 8}
    assert set(negative[given]) == {1, 2, 4, 5, 7, 9}
    for drawn in (positive[given], negative[given]):
        share = np.unique(drawn, return_counts=True)[1] / given.sum()
        np.testing.assert_allclose(share, 1 / len(share), atol=0.025)


def test_seed_makes_draws_reproducible():
    draws = [make_triplets(ITEMS, LABELS, 20, seed=seed)[0].tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    draws = [make_pairs(ITEMS, LABELS, 20, seed=seed)[0][1].tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_nests_strings_and_columns():
    x = {"id": ITEMS, "image": (10 * ITEMS).astype(np.uint8)[:, None]}
    names = np.array([f"class {label}" for label in LABELS])[:, None]
    (first, second), same = make_pairs(x, names, 40, seed=0)
    np.testing.assert_array_equal(names[first["id"], 0] == names[second["id"], 0], same)
    assert second["image"].dtype == np.uint8
    np.testing.assert_array_equal(second["image"][:, 0], 10 * second["id"])


@pytest.mark.parametrize("make", [make_pairs, make_triplets])
@pytest.mark.parametrize(
    ("y", "num", "message"),
    [
        ([3, 3, 3], 4, "no negative"),
        ([0, 1, 2], 4, "no positive"),
        ([0, 0], 4, "as many labels"),
        ([0, 0, 1], 0, "at least 1"),
        ([0.0, 0.0, 1.0], 4, "whole numbers"),
    ],
)
def test_bad_input_is_refused(make, y, num, message):
    with pytest.raises(ValueError, match=message):
        make(np.zeros(3), y, num)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_bad_positive_fraction_is_refused(fraction):
    with pytest.raises(ValueError, match="positive_fraction"):
        make_pairs(ITEMS, LABELS, 4, positive_fraction=fraction)
