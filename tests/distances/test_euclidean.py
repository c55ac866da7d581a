import numpy as np
import pytest
from loss_harness import differentiate

from keras_siamese.distances import Euclidean, SquaredEuclidean

# A 3-4-5 triangle's legs: 5 apart, 25 squared.
X, Y = np.array([[1.0, 2.0]]), np.array([[4.0, 6.0]])


@pytest.mark.parametrize(
    ("distance", "expected", "gradient"),
    [(Euclidean(), 5.0, [-0.6, -0.8]), (SquaredEuclidean(), 25.0, [-6.0, -8.0])],
)
@pytest.mark.parametrize("form", ["pairwise", "paired"])
def test_by_hand(distance, form, expected, gradient):
    value, by_x, by_y = differentiate(getattr(distance, form))(X, Y)
    assert value.ravel() == pytest.approx([expected])
    assert by_x[0] == pytest.approx(gradient)
    assert by_y[0] == pytest.approx([-g for g in gradient])


@pytest.mark.parametrize("distance", [Euclidean(), SquaredEuclidean()])
@pytest.mark.parametrize("form", ["pairwise", "paired"])
def test_no_gradient_at_zero(distance, form):
    value, by_x, by_y = differentiate(getattr(distance, form))(X, X)
    assert value.ravel().tolist() == [0.0]
    assert by_x.tolist() == by_y.tolist() == [[0.0, 0.0]]


def test_paired_keeps_near_duplicates_apart():
    # One ulp: the matrix form would lose it.
    x = np.array([[1.0, 1.0]], "float32")
    y = np.array([[1.0, 1.0 + 2**-23]], "float32")
    assert float(Euclidean().paired(x, y)[0]) == 2**-23


def test_bounds():
    assert Euclidean().bounds() == SquaredEuclidean().bounds() == (0.0, float("inf"))
    assert Euclidean().bounds(unit_norm=True) == (0.0, 2.0)
    assert SquaredEuclidean().bounds(unit_norm=True) == (0.0, 4.0)
