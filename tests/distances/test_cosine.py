import math

import numpy as np
import pytest
from loss_harness import differentiate, evaluate

from keras_siamese.distances import Angular, Cosine, InnerProduct

X = np.array([[2.0, 0.0]])


@pytest.mark.parametrize(
    ("degrees", "cosine"), [(0, 0.0), (60, 0.5), (90, 1.0), (120, 1.5), (180, 2.0)]
)
@pytest.mark.parametrize("form", ["pairwise", "paired"])
def test_by_hand(degrees, cosine, form):
    y = 3 * np.array([[math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]])
    # The inner product counts the norms in: -2 * 3 * cos.
    for distance, expected in (
        (Cosine(), cosine),
        (Angular(), degrees / 180),
        (InnerProduct(), -6 * (1 - cosine)),
    ):
        assert evaluate(getattr(distance, form), X, y).ravel() == pytest.approx(
            [expected], abs=1e-7
        )


@pytest.mark.parametrize("form", ["pairwise", "paired"])
def test_zero_vectors(form):
    zero = 0 * X
    for distance, expected in ((Cosine(), 1.0), (Angular(), 0.5), (InnerProduct(), 0.0)):
        for x, y in ((X, zero), (zero, X), (zero, zero)):
            value, *gradients = differentiate(getattr(distance, form))(x, y)
            assert value.ravel() == pytest.approx([expected])
            assert np.isfinite(gradients).all()


def test_small_angles_are_not_lost():
    # 1 - cos(1e-4) is 5e-9, less than float32 resolves next to 1.
    x = np.array([[1.0, 0.0]], "float32")
    y = np.array([[1.0, 1e-4]], "float32")
    assert evaluate(Cosine().paired, x, y)[0] == pytest.approx(5e-9, rel=1e-3)
    assert evaluate(Angular().paired, x, y)[0] == pytest.approx(1e-4 / math.pi, rel=1e-3)


@pytest.mark.parametrize(("angle", "error"), [(1e-4, 1e-3), (1e-2, 1e-3), (math.pi - 1e-2, 1e-2)])
def test_angular_gradient_near_its_ends(angle, error):
    # An angle turns by 1 / |y| for a step across y; the arccosine would divide by about 0.
    x, y = X.astype("float32"), np.array([[math.cos(angle), math.sin(angle)]], "float32")
    _, _, by_y = differentiate(Angular().paired)(x, y)
    along, across = y[0], np.array([-y[0, 1], y[0, 0]])
    assert by_y[0] @ across == pytest.approx(1 / math.pi, rel=error)
    assert by_y[0] @ along == pytest.approx(0, abs=error)


def test_norms_do_not_count(rng):
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(5, 4))
    scale = rng.uniform(0.01, 100, (6, 1))
    for distance in (Cosine(), Angular()):
        expected = evaluate(distance.pairwise, x, y)
        assert evaluate(distance.pairwise, scale * x, y) == pytest.approx(expected, abs=1e-12)


def test_bounds():
    assert Cosine().bounds() == Cosine().bounds(unit_norm=True) == (0.0, 2.0)
    assert Angular().bounds() == Angular().bounds(unit_norm=True) == (0.0, 1.0)
    assert InnerProduct().bounds() == (-float("inf"), float("inf"))
    assert InnerProduct().bounds(unit_norm=True) == (-1.0, 1.0)
