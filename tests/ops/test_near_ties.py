import numpy as np
import pytest

from keras_siamese.ops.near_ties import settle

INF = np.inf


def settled(reduced, relevant, exact, error=0.1, size=None):
    reduced = np.array([reduced], np.float32)
    relevant = np.array([relevant])
    size = np.ones_like(relevant) if size is None else np.array([size])
    asked = []

    def distances(rows, columns):
        asked.extend(columns.tolist())
        return np.array(exact, np.float64)[columns]

    new_size, new_relevant, tied = settle(reduced, np.array([error]), size, relevant, distances)
    return new_size[0].tolist(), new_relevant[0].tolist(), tied[0].tolist(), asked


def test_a_mixed_run_is_sorted_by_exact_distances():
    # 1 and 1.1 are one run, of which the second is nearer; 2 is beyond the errors.
    size, relevant, tied, asked = settled([1.0, 1.1, 2.0], [0, 1, 0], [1.06, 1.05, 2.0])
    assert relevant == [1, 0, 0]
    assert tied == [False, False, False]
    assert asked == [0, 1]
    assert size == [1, 1, 1]


def test_exact_ties_are_found_and_only_in_the_run():
    _, relevant, tied, _ = settled([1.0, 1.1, 1.2, 5.0], [0, 1, 0, 1], [1.1, 1.1, 1.0, 5.0])
    assert relevant == [0, 0, 1, 1]
    assert tied == [False, False, True, False]


def test_runs_of_one_kind_are_left_alone():
    _, relevant, tied, asked = settled([1.0, 1.1, 9.0, 9.1], [1, 1, 0, 0], [0.0] * 4)
    assert (relevant, tied, asked) == ([1, 1, 0, 0], [False] * 4, [])


def test_a_vector_that_is_both_is_no_run():
    size, relevant, tied, asked = settled([1.0, 2.0], [1, 0], [1.0, 2.0], size=[2, 1])
    assert (size, relevant, tied, asked) == ([2, 1], [1, 0], [False, False], [])


def test_copies_move_with_their_vector():
    size, relevant, _, _ = settled([1.0, 1.1], [0, 2], [3.0, 2.0], size=[4, 2])
    assert (size, relevant) == ([2, 4], [2, 0])


def test_without_errors_equal_distances_tie():
    _, relevant, tied, asked = settled([1.0, 1.0, 2.0, INF], [0, 1, 1, 0], [], error=0.0)
    assert (relevant, tied[:3], asked) == ([0, 1, 1, 0], [False, True, False], [])


def test_rows_do_not_mix():
    reduced = np.array([[1.0, 2.0], [2.0, 3.0]], np.float32)
    relevant = np.array([[0, 1], [0, 1]])
    size, new, tied = settle(
        reduced, np.array([0.01, 0.01]), np.ones_like(relevant), relevant, pytest.fail
    )
    assert new.tolist() == relevant.tolist()
    assert not tied.any() and size.all()
