import numpy as np
import pytest

from keras_siamese.ops.expected_rank import expected_average_precision_at_r, expected_hit_at_k


def _hit(closer, tied_negatives, tied_positives, k):
    return expected_hit_at_k(
        np.array([closer]), np.array([tied_negatives]), np.array([tied_positives]), k
    )[0]


@pytest.mark.parametrize(
    ("closer", "tied_negatives", "tied_positives", "k", "expected"),
    [
        (0, 0, 1, 1, 1.0),
        (1, 0, 1, 1, 0.0),
        (1, 0, 1, 2, 1.0),
        (0, 1, 1, 1, 1 / 2),
        # Two of three drawn: both negative with probability 1 / 3.
        (0, 2, 1, 2, 2 / 3),
        # Two of five drawn: both of three negatives with probability 3 / 10.
        (1, 3, 2, 3, 7 / 10),
        # More places than tied negatives: one is a positive.
        (0, 2, 1, 3, 1.0),
        (3, 9, 9, 3, 0.0),
    ],
)
def test_hit_by_hand(closer, tied_negatives, tied_positives, k, expected):
    assert _hit(closer, tied_negatives, tied_positives, k) == pytest.approx(expected, abs=1e-15)


def test_hits_of_several_queries_do_not_mix():
    hits = expected_hit_at_k(np.array([0, 0, 5]), np.array([0, 9, 0]), np.array([1, 1, 1]), 5)
    assert hits == pytest.approx([1.0, 0.5, 0.0])


def test_average_precision_by_hand():
    # R = 2: the nearest positive comes first (precision 1), the second third: (1 + 0) / 2.
    # R = 2, padded: both positives at the distance of one negative. Of the three orders
    # PPN 1, PNP 1/2, NPP (1/2) / 2: (1 + 1/2 + 1/4) / 3.
    score = expected_average_precision_at_r(
        np.array([[1.0, 3.0, np.inf], [2.0, 2.0, np.inf]]),
        np.array([2, 2]),
        closer=np.array([[0, 1, 9], [0, 0, 9]]),
        tied=np.array([[0, 0, 0], [1, 1, 0]]),
    )
    assert score == pytest.approx([1 / 2, 7 / 12], abs=1e-15)


def test_no_query_at_all():
    assert expected_hit_at_k(*[np.zeros(0, np.int64)] * 3, k=1).shape == (0,)
    none = np.zeros((0, 1), np.int64)
    assert expected_average_precision_at_r(none, none[:, 0], none, none).shape == (0,)
