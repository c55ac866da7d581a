import numpy as np
import pytest
from loss_harness import differentiate

from keras_siamese.distances import Manhattan


@pytest.mark.parametrize("form", ["pairwise", "paired"])
def test_by_hand(form):
    x, y = np.array([[1.0, 2.0, 0.0]]), np.array([[4.0, -2.0, 0.0]])
    value, by_x, by_y = differentiate(getattr(Manhattan(), form))(x, y)
    # 3 + 4 + 0; the gradient is the sign, 0 where the two are equal.
    assert value.ravel().tolist() == [7.0]
    assert by_x.tolist() == [[-1.0, 1.0, 0.0]]
    assert by_y.tolist() == [[1.0, -1.0, 0.0]]


def test_unbounded():
    assert Manhattan().bounds() == Manhattan().bounds(unit_norm=True) == (0.0, float("inf"))
