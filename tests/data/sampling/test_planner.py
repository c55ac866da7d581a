import time
from collections import Counter

import numpy as np
import pytest

from keras_siamese.data.sampling.planner import PKOptions, PKPlanner

# 12 classes of 3 to 14 items, in four super-classes of 2, 3, 3 and 4 classes.
SIZES = np.arange(3, 15)
GROUP_OF_CLASS = np.array([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3])
LABELS = np.random.default_rng(3).permutation(np.repeat(np.arange(12), SIZES))
GROUPS = np.array(["a", "b", "c", "d"])[GROUP_OF_CLASS[LABELS]]


def plan_of(labels=LABELS, groups=None, steps_per_epoch=None, seed=0, **options):
    """One epoch: the items of each batch."""
    options = PKOptions(**{"classes_per_batch": 4, "examples_per_class": 3, **options})
    planner = PKPlanner(labels, groups, options, steps_per_epoch)
    items, sizes = planner.epoch(np.random.default_rng(seed))
    assert len(sizes) == planner.steps_per_epoch and len(items) == sizes.sum()
    return np.split(items, np.cumsum(sizes)[:-1])


def visits_of(plan):
    """How often each class comes; in no batch twice."""
    visits = Counter()
    for batch in plan:
        labels = LABELS[batch]
        starts = np.flatnonzero(np.diff(labels, prepend=-1))
        assert len(set(labels[starts])) == len(starts)
        visits.update(labels[starts].tolist())
    return np.array([visits[label] for label in range(12)])


@pytest.mark.parametrize("class_weighting", ["uniform", "sqrt", "size"])
def test_class_weighting(class_weighting):
    visits = visits_of(plan_of(class_weighting=class_weighting, steps_per_epoch=3000))
    weights = {"uniform": np.ones(12), "sqrt": np.sqrt(SIZES), "size": SIZES}[class_weighting]
    expected = 12_000 * weights / weights.sum()
    # The largest class by size: 1,647 of 3,000 batches, standard deviation 27.
    assert (np.abs(visits - expected) < 5 * np.sqrt(expected)).all()


def test_by_size_items_come_equally_often():
    plan = plan_of(class_weighting="size", steps_per_epoch=3000)
    counts = np.bincount(np.concatenate(plan))
    # 102 items, 353 times each.
    assert abs(counts - 36_000 / 102).max() < 60


def test_a_class_that_outweighs_all_is_in_every_batch():
    labels = np.repeat(np.arange(6), [1000, 10, 10, 10, 10, 10])
    plan = plan_of(labels, class_weighting="size", classes_per_batch=3, steps_per_epoch=1000)
    visits = np.bincount(labels[np.concatenate(plan)]) // 3
    assert visits[0] == 1000
    assert (abs(visits[1:] - 400) < 80).all()


def test_as_many_classes_as_there_are():
    for class_weighting in ("uniform", "sqrt", "size"):
        plan = plan_of(classes_per_batch=12, class_weighting=class_weighting, steps_per_epoch=5)
        assert visits_of(plan).tolist() == [5] * 12


def test_range_of_examples():
    plan = plan_of(examples_per_class=(5, 8), short_classes="repeat", steps_per_epoch=60)
    sizes = set()
    for batch in plan:
        labels, counts = np.unique(LABELS[batch], return_counts=True)
        assert len(labels) == 4
        np.testing.assert_array_equal(counts, np.clip(SIZES[labels], 5, 8))
        for label in labels:
            assert len(set(batch[LABELS[batch] == label])) == min(SIZES[label], 8)
        sizes.add(len(batch))
    assert len(sizes) > 5


def test_short_classes_of_a_range():
    with pytest.raises(ValueError, match=r"2 of 12 classes .* among them 0 \(3\), 1 \(4\)"):
        plan_of(examples_per_class=(5, 8))
    plan = plan_of(examples_per_class=(5, 8), short_classes="drop", steps_per_epoch=60)
    assert set(LABELS[np.concatenate(plan)]) == set(range(2, 12))


def test_steps_per_epoch():
    assert SIZES.sum() == 102
    assert len(plan_of()) == 102 // 12
    assert len(plan_of(steps_per_epoch=77)) == 77
    assert len(plan_of(classes_per_batch=12, examples_per_class=14, short_classes="repeat")) == 1
    # All classes give all their items: 8.5 on average.
    assert len(plan_of(examples_per_class=(2, 99))) == int(102 // (4 * 8.5))


def test_equal_seeds_give_equal_plans():
    assert [b.tolist() for b in plan_of(seed=5)] == [b.tolist() for b in plan_of(seed=5)]
    assert [b.tolist() for b in plan_of(seed=5)] != [b.tolist() for b in plan_of(seed=6)]


@pytest.mark.parametrize(("p", "s"), [(2, 1), (4, 2), (6, 3), (4, 4)])
def test_super_classes(p, s):
    plan = plan_of(
        groups=GROUPS,
        classes_per_batch=p,
        super_classes_per_batch=s,
        short_classes="drop",
        steps_per_epoch=60,
    )
    # All four have the classes that it takes, two; so rounds of four // s batches.
    for batch in plan:
        by_class = LABELS[batch].reshape(p, 3)
        assert (by_class == by_class[:, :1]).all()
        groups = GROUP_OF_CLASS[by_class[:, 0]].reshape(s, p // s)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == s
        assert len(set(by_class[:, 0])) == p
    groups = GROUP_OF_CLASS[LABELS[np.concatenate(plan)].reshape(-1, 3)[:, 0]]
    per_round = 4 // s
    for start in range(0, 60, per_round):
        drawn = groups[start * p : (start + per_round) * p]
        assert set(Counter(drawn.tolist()).values()) == {p // s}
    visits = visits_of(plan)
    for group in range(4):
        of_group = visits[GROUP_OF_CLASS == group]
        assert np.ptp(of_group) <= 1
    counts = np.bincount(np.concatenate(plan), minlength=102)
    for label in range(12):
        assert np.ptp(counts[LABELS == label]) <= 1


def test_super_classes_by_size():
    plan = plan_of(
        groups=GROUPS,
        classes_per_batch=2,
        super_classes_per_batch=1,
        class_weighting="size",
        steps_per_epoch=4000,
    )
    groups = GROUP_OF_CLASS[LABELS[[batch[0] for batch in plan]]]
    expected = 4000 * np.bincount(GROUP_OF_CLASS, SIZES) / 102
    assert (np.abs(np.bincount(groups) - expected) < 5 * np.sqrt(expected)).all()


def test_small_super_classes_are_dropped():
    plan = plan_of(
        groups=GROUPS,
        classes_per_batch=3,
        super_classes_per_batch=1,
        examples_per_class=6,
        short_classes="drop",
        steps_per_epoch=20,
    )
    # The classes of 3, 4 and 5 items are short; "a" is left with none, "b" with two.
    assert set(LABELS[np.concatenate(plan)]) == set(range(5, 12))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes_per_batch": 1}, "no negative"),
        ({"examples_per_class": 1}, "no positive"),
        ({"examples_per_class": (1, 4)}, "no positive"),
        ({"examples_per_class": (4, 3)}, r"least and the largest number. Received: \(4, 3\)"),
        ({"examples_per_class": (2, 3, 4)}, r"Received: \(2, 3, 4\)"),
        ({"examples_per_class": ()}, r"Received: \(\)"),
        ({"examples_per_class": "3"}, "examples_per_class"),
        ({"class_weighting": "sized"}, "Did you mean 'size'"),
        ({"short_classes": "skip"}, "short_classes"),
        ({"super_classes_per_batch": 0}, "super_classes_per_batch"),
        ({"super_classes_per_batch": 3}, "multiple of `super_classes_per_batch`.*4 and 3"),
        ({"classes_per_batch": 13}, "more than the 12 classes"),
        ({"examples_per_class": 4}, r"1 of 12 classes with fewer, among them 0 \(3\)"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        plan_of(**options)


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        (None, {"super_classes_per_batch": 2}, r"needs the super-class.*groups=\.\.\."),
        (
            np.where(np.arange(102) == np.flatnonzero(LABELS == 7)[3], "a", GROUPS),
            {"super_classes_per_batch": 2},
            "Received: class 7 in 'a' and in 'c'|Received: class 7 in 'c' and in 'a'",
        ),
        (
            GROUPS,
            {"super_classes_per_batch": 1},
            r"at least 4 classes .* 3 of 4 with fewer, among them 'a' \(2\), 'b' \(3\), 'c' \(3\)",
        ),
        (
            GROUPS,
            {"classes_per_batch": 6, "super_classes_per_batch": 2, "short_classes": "repeat"},
            r"at least 3 classes .* 1 of 4 with fewer, among them 'a' \(2\)",
        ),
        (
            GROUPS,
            {"classes_per_batch": 8, "super_classes_per_batch": 2, "short_classes": "drop"},
            "more than the 1 super-classes with 4 classes or more",
        ),
        (
            GROUPS,
            {"classes_per_batch": 5, "super_classes_per_batch": 1, "short_classes": "drop"},
            "more than the 0 super-classes with 5 classes or more",
        ),
    ],
)
def test_bad_super_classes_are_refused(groups, options, message):
    with pytest.raises(ValueError, match=message):
        plan_of(groups=groups, **options)


def test_many_classes_are_planned_fast():
    labels = np.random.default_rng(0).permutation(np.arange(10**6) % 20_000)
    planner = PKPlanner(labels, None, PKOptions(16, 8))
    start = time.perf_counter()
    items, sizes = planner.epoch(np.random.default_rng(0))
    assert time.perf_counter() - start < 10  # 0.3 s on an idle core
    assert planner.steps_per_epoch == len(sizes) == 10**6 // 128
    assert len(np.unique(items)) > 0.95 * len(items)
