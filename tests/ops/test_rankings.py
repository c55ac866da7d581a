import numpy as np

from keras_siamese.ops.rankings import Rankings

# Of 3 relevant items: one among two at the least distance, then an empty group, two, none of three.
RANKINGS = Rankings(
    num_relevant=np.array([3, 1]),
    size=np.array([[2, 0, 2, 3], [0, 1, 1, 4]]),
    relevant=np.array([[1, 0, 2, 0], [0, 0, 0, 0]]),
)


def test_what_stands_before_a_group():
    assert RANKINGS.before.tolist() == [[0, 2, 2, 4], [0, 0, 1, 2]]
    assert RANKINGS.relevant_before.tolist() == [[0, 1, 1, 3], [0, 0, 0, 0]]


def test_the_first_hit():
    before, irrelevant, relevant = RANKINGS.first_hit
    # The second query has found none among all of its six.
    assert (before.tolist(), irrelevant.tolist(), relevant.tolist()) == ([0, 6], [1, 0], [1, 1])


def test_places_within_a_depth():
    assert RANKINGS.places_within(3).tolist() == [[2, 0, 1, 0], [0, 1, 1, 1]]
    assert RANKINGS.places_within(np.array([1, 9])).tolist() == [[1, 0, 0, 0], [0, 1, 1, 4]]


def test_what_is_nearer_than_all_groups():
    rankings = Rankings(np.array([1]), np.array([[2, 1]]), np.array([[0, 1]]), np.array([5]))
    assert rankings.before.tolist() == [[5, 7]]
    assert [int(part[0]) for part in rankings.first_hit] == [7, 0, 1]
    assert rankings.places_within(6).tolist() == [[1, 0]]


def test_cut_at_a_depth():
    cut = RANKINGS.to_depth(1)
    assert cut.size.tolist() == [[2, 0], [0, 1]]
    assert cut.places_within(1).tolist() == RANKINGS.places_within(1)[:, :2].tolist()
    assert RANKINGS.to_depth(100).size.shape == (2, 4)
