import itertools
from collections import Counter

import numpy as np
import pytest

from keras_siamese.data.sampling.draws import TupleDraws, num_matching_of

# Class 5 has four items, class -2 three, class 9 two, class 1 one.
LABELS = np.array([5, -2, 9, 5, 1, -2, 5, 9, 5, -2])
SIZES = Counter(LABELS.tolist())
PLACES = range(len(LABELS))
WITH_POSITIVE = 3  # classes


def size_of(item):
    return SIZES[LABELS[item].item()]


def matching_pairs(by_class):
    pairs = [(a, b) for a, b in itertools.permutations(PLACES, 2) if LABELS[a] == LABELS[b]]
    assert len(pairs) == 2 * (6 + 3 + 1)
    if not by_class:
        return dict.fromkeys(pairs, 1 / len(pairs))
    return {(a, b): 1 / WITH_POSITIVE / (size_of(a) * (size_of(a) - 1)) for a, b in pairs}


def different_pairs(by_class):
    pairs = [(a, b) for a, b in itertools.permutations(PLACES, 2) if LABELS[a] != LABELS[b]]
    assert len(pairs) == 2 * (45 - 10)
    if not by_class:
        return dict.fromkeys(pairs, 1 / len(pairs))
    # Four classes make twelve ordered pairs.
    return {(a, b): 1 / 12 / (size_of(a) * size_of(b)) for a, b in pairs}


def triplets(by_class):
    triplets = [
        (a, p, n)
        for (a, p), n in itertools.product(matching_pairs(False), PLACES)
        if LABELS[a] != LABELS[n]
    ]
    assert len(triplets) == 4 * 3 * 6 + 3 * 2 * 7 + 2 * 1 * 8
    if not by_class:
        return dict.fromkeys(triplets, 1 / len(triplets))
    of_pair = matching_pairs(True)
    return {(a, p, n): of_pair[a, p] / 3 / size_of(n) for a, p, n in triplets}


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize(
    ("kind", "probabilities"),
    [("matching", matching_pairs), ("different", different_pairs), ("triplets", triplets)],
)
def test_tuples_come_as_often_as_stated(kind, probabilities, by_class):
    num = 100_000
    drawn = getattr(TupleDraws(LABELS, by_class), kind)(num, np.random.default_rng(0))
    counts = Counter(map(tuple, drawn.T.tolist()))
    expected = probabilities(by_class)
    assert sum(expected.values()) == pytest.approx(1)
    assert set(counts) == set(expected)
    for tuple_, probability in expected.items():
        deviation = np.sqrt(num * probability * (1 - probability))
        assert abs(counts[tuple_] - num * probability) < 5 * deviation, tuple_


@pytest.mark.parametrize("by_class", [False, True])
def test_classes_of_very_different_sizes(by_class):
    labels = np.repeat([0, 1, 2], [1_000_000, 2, 1])
    draws = TupleDraws(labels, by_class)
    first, second = draws.matching(2000, np.random.default_rng(0))
    assert (first != second).all()
    np.testing.assert_array_equal(labels[first], labels[second])
    share = (labels[first] == 1).mean()
    assert abs(share - 0.5) < 0.06 if by_class else share == 0


@pytest.mark.parametrize("kind", ["matching", "different", "triplets"])
def test_none_are_none(kind):
    drawn = getattr(TupleDraws(LABELS, False), kind)(0, np.random.default_rng(0))
    assert drawn.shape == (3 if kind == "triplets" else 2, 0)


def test_what_cannot_be_drawn_is_refused():
    singletons, one_class = TupleDraws(np.arange(3), False), TupleDraws(np.zeros(3, int), False)
    singletons.check(matching=False, different=True)
    one_class.check(matching=True, different=False)
    with pytest.raises(ValueError, match="no positive"):
        singletons.check(matching=True, different=False)
    with pytest.raises(ValueError, match="no negative"):
        one_class.check(matching=False, different=True)


@pytest.mark.parametrize(
    ("num", "fraction", "expected"), [(10, 0.5, 5), (11, 0.3, 3), (7, 0, 0), (7, 1, 7), (1, 1, 1)]
)
def test_number_of_matching_pairs(num, fraction, expected):
    assert num_matching_of(num, fraction) == expected


@pytest.mark.parametrize(
    ("num", "fraction", "message"),
    [
        (4, -0.1, "from 0 to 1"),
        (4, 1.1, "from 0 to 1"),
        (4, float("nan"), "from 0 to 1"),
        (4, 0.1, "of 4 pairs, which is rounded to 0"),
        (1, 0.9, "of 1 pairs, which is rounded to 1"),
    ],
)
def test_bad_positive_fraction_is_refused(num, fraction, message):
    with pytest.raises(ValueError, match=message):
        num_matching_of(num, fraction)
