import numpy as np
import pytest
from keras import ops
from loss_harness import differentiate, evaluate
from reference import loops

from keras_siamese.distances import SignalToNoise
from keras_siamese.miners import SemiHardMiner

# Means 0, 0 and 1. Less the means: squared norms 8, 2 and 14; squared differences 2, 6 and 8.
X = np.array([[2.0, 0.0, -2.0], [1.0, 0.0, -1.0], [4.0, -1.0, 0.0]])
EXPECTED = np.array([[0, 2 / 8, 6 / 8], [2 / 2, 0, 8 / 2], [6 / 14, 8 / 14, 0]])


def _array(x):
    return ops.convert_to_numpy(x)


def test_by_hand():
    distance, x = SignalToNoise(), ops.convert_to_tensor(X)
    assert _array(distance.pairwise(x, x)) == pytest.approx(EXPECTED, abs=1e-6)
    assert _array(distance.paired(x[:, None], x[None])) == pytest.approx(EXPECTED, abs=1e-6)
    assert _array(distance.reduced_columns(x, x)) == pytest.approx(EXPECTED.T, abs=1e-6)


def test_what_does_not_matter(rng):
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(5, 4))
    pairwise = SignalToNoise().pairwise
    expected = pytest.approx(evaluate(pairwise, x, y), rel=1e-4, abs=1e-4)
    assert evaluate(pairwise, 100 * x, 100 * y) == expected
    moved = x + rng.normal(size=(6, 1)), y + rng.normal(size=(5, 1))
    assert evaluate(pairwise, *moved) == expected
    order = rng.permutation(4)
    assert evaluate(pairwise, x[:, order], y[:, order]) == expected


@pytest.mark.parametrize("form", ["pairwise", "paired"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_signal(form, dtype):
    # 0.1 is no float: the mean of three is not exactly it.
    y = np.array([[1.0, 2.0, 4.0]], dtype)
    for constant in (0.0, 0.1, -1234.567):
        x = np.full((1, 3), constant, dtype)
        value, *gradients = differentiate(getattr(SignalToNoise(), form))(x, y)
        assert value.ravel().tolist() == [0.0]
        assert not np.any(gradients)
        # As the other end it is the end of all signal: all of it is noise.
        value, *gradients = differentiate(getattr(SignalToNoise(), form))(y, x)
        assert value.ravel() == pytest.approx([1.0])
        assert np.isfinite(gradients).all()


def test_miners_compare_from_the_anchor(rng):
    labels, x = np.repeat([0, 1, 2], 4), rng.normal(size=(12, 4))
    d = loops.distances("signal_to_noise", x)
    expected = loops.semi_hard(d, labels, negative="nearest", fallback="skip", margin=0.7)
    triplets = SemiHardMiner(fallback="skip")(labels, x, distance="signal_to_noise", margin=0.7)
    anchor, positive, negative, mask = map(
        _array, (triplets.anchor, triplets.positive, triplets.negative, triplets.mask)
    )
    mined = zip(anchor[mask], positive[mask], negative[mask], strict=True)
    assert sorted(tuple(map(int, triplet)) for triplet in mined) == sorted(expected)


def test_bounds():
    assert SignalToNoise().bounds() == (0.0, float("inf"))
    assert SignalToNoise().bounds(unit_norm=True) == (0.0, float("inf"))
