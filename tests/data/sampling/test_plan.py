import tracemalloc
from collections import Counter

import numpy as np
import pytest

from keras_siamese.data.sampling.plan import WEIGHTINGS, Members, deal_out, take_next

SKEWED = np.array([1000, 300, 40, 30, 20, 5, 4, 3, 2, 2, 1, 1])


def expected_visits(weights, num_per_row):
    """Of each owner, its visits a row: in proportion to the weights, but at most 1."""
    visits = np.zeros(len(weights))
    free = np.ones(len(weights), bool)
    while True:
        visits[free] = (num_per_row - np.count_nonzero(~free)) * weights[free] / weights[free].sum()
        too_many = free & (visits > 1)
        if not too_many.any():
            return visits
        visits[too_many] = 1
        free &= ~too_many


def test_weightings():
    sizes = np.array([1, 4, 10_000])
    assert WEIGHTINGS["uniform"](sizes).tolist() == [1, 1, 1]
    assert WEIGHTINGS["size"](sizes).tolist() == [1, 4, 10_000]
    assert WEIGHTINGS["sqrt"](sizes).tolist() == [1024, 2048, 102_400]
    assert WEIGHTINGS["sqrt"](np.array([2])) / 1024 == pytest.approx(2**0.5, rel=4e-4)


def test_members_of_owners():
    of = Members.of(np.array([2, 0, 1, 0, 2, 2]))
    assert of.members.tolist() == [1, 3, 2, 0, 4, 5]
    assert of.counts.tolist() == [2, 1, 3]
    assert of.starts.tolist() == [0, 2, 3]


@pytest.mark.parametrize("weights", [np.ones(12, int), SKEWED, np.arange(1, 13), SKEWED**4])
@pytest.mark.parametrize("num_per_row", [1, 2, 5, 11, 12])
def test_rows_are_distinct_and_weights_are_kept(weights, num_per_row, rng):
    num_rows = 4000
    rows = deal_out(weights, num_per_row, num_rows, rng)
    assert rows.shape == (num_rows, num_per_row)
    assert (np.diff(np.sort(rows, axis=1), axis=1) > 0).all()
    visits = np.bincount(rows.ravel(), minlength=12)
    expected = num_rows * expected_visits(weights, num_per_row)
    # Rounds are evener than rows drawn one by one, whose deviation this is.
    deviation = np.sqrt(np.maximum(expected * (1 - expected / num_rows), 1e-9))
    assert (np.abs(visits - expected) < 1 + 5 * deviation).all()
    np.testing.assert_array_equal(visits[expected > num_rows - 1e-6], num_rows)


@pytest.mark.parametrize("num_rows", [1, 2, 3, 7])
def test_few_rows(num_rows, rng):
    for weights in (np.ones(12, int), SKEWED):
        assert deal_out(weights, 4, num_rows, rng).shape == (num_rows, 4)


def test_who_meets_whom_is_uniform():
    rows = deal_out(np.ones(6, int), 2, 9000, np.random.default_rng(0))
    pairs = Counter(tuple(sorted(row)) for row in rows.tolist())
    # 15 pairs, 600 rows each, standard deviation 24.
    assert len(pairs) == 15
    assert all(abs(count - 600) < 120 for count in pairs.values())


def test_extreme_skew_takes_little_memory(rng):
    # A round holds 16 of 20,000: were each to permute them all, 2,000 rounds would take 320 MB.
    weights = 10**6 // np.arange(1, 20_001)
    tracemalloc.start()
    rows = deal_out(weights, 16, 2000, rng)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows.shape == (2000, 16)
    assert np.bincount(rows.ravel())[0] == 2000
    assert peak < 20e6


def test_those_alike_share_rows(rng):
    alike = np.stack([np.arange(24) ^ 1, np.full(24, -1)], axis=1)  # 0 and 1, 2 and 3, ...
    rows = deal_out(np.ones(24, int), 6, 40, rng, alike)
    for row in rows:
        assert set(row.tolist()) == {int(owner) ^ 1 for owner in row}
    rounds = np.sort(rows.reshape(10, 24), axis=1)
    np.testing.assert_array_equal(rounds, np.tile(np.arange(24), (10, 1)))


def test_the_most_wanted_come_first(rng):
    # All want 0, 1, 2 and 3, of whom a row of four has three, or four.
    alike = np.tile(np.arange(4), (12, 1))
    rounds = deal_out(np.ones(12, int), 4, 300, rng, alike).reshape(100, 3, 4)
    for rows in rounds:
        num_wanted = [sum(owner < 4 for owner in row) for row in rows]
        assert sorted(num_wanted) in ([0, 0, 4], [0, 1, 3])
        first = rows[np.argmax(num_wanted)]
        assert first[1:].tolist() == [owner for owner in range(4) if owner != first[0]][:3]


def test_the_wanted_are_not_favoured_by_a_round_that_is_cut_short(rng):
    alike = np.tile([[0, 1]], (12, 1))
    # Two of the four rows of a round: each owner is in half of them, standard deviation 22.
    rows = np.concatenate([deal_out(np.ones(12, int), 3, 2, rng, alike) for _ in range(2000)])
    assert (abs(np.bincount(rows.ravel()) - 1000) < 110).all()


def test_shares_do_not_depend_on_who_is_alike(rng):
    alike = np.tile([[10, 11]], (12, 1))
    visits = np.bincount(deal_out(SKEWED, 3, 4000, rng, alike).ravel(), minlength=12)
    expected = 4000 * expected_visits(SKEWED, 3)
    assert (np.abs(visits - expected) < 1 + 5 * np.sqrt(expected)).all()


def test_members_are_taken_in_turn(rng):
    counts = np.array([3, 7, 5, 1])
    of = Members.of(np.repeat(np.arange(4), counts))
    num_each = np.array([2, 3, 5, 4])
    owners = rng.integers(0, 4, 60)
    taken = take_next(owners, of, num_each, rng)
    assert len(taken) == num_each[owners].sum()
    visits = np.split(taken, np.cumsum(num_each[owners])[:-1])
    for owner in range(4):
        own = np.concatenate([visits[visit] for visit in np.flatnonzero(owners == owner)])
        size = counts[owner]
        members = of.members[of.starts[owner] : of.starts[owner] + size]
        assert sorted(own[:size].tolist()) == members.tolist()
        np.testing.assert_array_equal(own, np.resize(own[:size], len(own)))


def test_orders_of_members_are_uniform():
    of = Members.of(np.array([0, 0, 0, 1, 1, 1]))
    rng = np.random.default_rng(0)
    orders = Counter(
        tuple(take_next(np.array([1]), of, np.array([3, 3]), rng).tolist()) for _ in range(1200)
    )
    # Six orders, 200 times each, standard deviation 13.
    assert len(orders) == 6
    assert all(abs(count - 200) < 65 for count in orders.values())
