"""What holds for every distance, and how a new one is made."""

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import DISTANCES, DOUBLE, differentiate, evaluate, tensor
from reference import loops

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.losses import TripletLoss


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class Chebyshev(Distance):
    """The greatest absolute difference, times a scale."""

    name = "chebyshev"

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def pairwise(self, x, y):
        return self.paired(x[:, None, :], y[None, :, :])

    def paired(self, x, y):
        return self.scale * ops.max(ops.abs(x - y), axis=-1)

    def get_config(self):
        return {"scale": self.scale}


@pytest.fixture(params=DISTANCES)
def distance(request):
    return distances.get(request.param)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 2e-6), (DOUBLE, 1e-12)])
@pytest.mark.parametrize(("num_x", "num_y", "dim"), [(7, 5, 3), (1, 1, 1), (4, 9, 16)])
def test_against_loops(rng, distance, num_x, num_y, dim, dtype, error):
    x, y = rng.normal(size=(num_x, dim)).astype(dtype), rng.normal(size=(num_y, dim)).astype(dtype)
    expected = loops.distances(distance.name, x, y)
    pairwise = evaluate(distance.pairwise, x, y)
    assert pairwise.dtype == dtype
    # The square root of a difference of squares loses half of the digits near 0.
    assert pairwise == pytest.approx(expected, rel=5 * error, abs=10 * error)

    paired = evaluate(distance.paired, x[:, None], y[None])
    assert paired.dtype == dtype
    assert paired == pytest.approx(expected, rel=error, abs=error)


def test_gradients_are_finite_differences(rng, distance):
    x, y, weights = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 3))
    weights_tensor = tensor(weights)

    def paired(x, y):
        d = [loops.distance(distance.name, a, b) for a, b in zip(x, y, strict=True)]
        return sum(weights[0] * d)

    _, by_x, by_y = differentiate(lambda x, y: ops.sum(distance.paired(x, y) * weights_tensor[0]))(
        x, y
    )
    assert by_x == pytest.approx(loops.finite_differences(lambda x: paired(x, y), x), abs=1e-7)
    assert by_y == pytest.approx(loops.finite_differences(lambda y: paired(x, y), y), abs=1e-7)

    def pairwise(x):
        return (weights * loops.distances(distance.name, x, y)).sum()

    _, by_x, _ = differentiate(lambda x, y: ops.sum(distance.pairwise(x, y) * weights_tensor))(x, y)
    assert by_x == pytest.approx(loops.finite_differences(pairwise, x), abs=1e-7)


def test_reduced_form(rng, distance):
    x, y = rng.normal(size=(9, 3)), rng.normal(size=(8, 3))
    reduced = evaluate(distance.reduced_pairwise, x, y)
    expected = evaluate(distance.pairwise, x, y)
    assert evaluate(distance.from_reduced, reduced) == pytest.approx(expected, rel=1e-12)
    order = np.argsort(reduced, axis=None)
    assert order.tolist() == np.argsort(expected, axis=None).tolist()


@pytest.mark.parametrize("points", ["identical", "zero", "opposite", "zero and not"])
@pytest.mark.parametrize("form", ["pairwise", "paired"])
def test_degenerate_points(distance, form, points):
    x = np.array([[0.5, -1.25, 2.0]]) * (points != "zero")
    y = {"identical": x, "zero": x, "opposite": -x, "zero and not": 0 * x}[points]
    value, *gradients = differentiate(getattr(distance, form))(x, y)
    expected = loops.distance(distance.name, x[0], y[0])
    assert value.ravel() == pytest.approx([expected], abs=1e-6)
    assert np.isfinite(gradients).all()


def test_bounds_hold_and_are_reached(rng, distance):
    x = rng.normal(size=(500, 3))
    least, greatest = distance.bounds()
    d = evaluate(distance.pairwise, x, np.concatenate([x, -x]))
    assert (d >= least - 1e-9).all()
    assert (d <= greatest + 1e-9).all()

    x /= np.linalg.norm(x, axis=1, keepdims=True)
    least, greatest = distance.bounds(unit_norm=True)
    d = evaluate(distance.pairwise, x, np.concatenate([x, -x]))
    assert d.min() == pytest.approx(least, abs=1e-7)
    if greatest < float("inf"):
        assert d.max() == pytest.approx(greatest, abs=1e-7)


def test_smaller_is_closer(distance):
    # A quarter turn away, then half a turn.
    x, near, far = np.array([[1.0, 0.0]]), np.array([[0.0, 0.5]]), np.array([[-1.0, 0.0]])
    values = [evaluate(distance.paired, x, other)[0] for other in (x, near, far)]
    assert values == sorted(values)
    assert len(set(values)) == 3


def test_names(distance):
    assert distances.get(distance) is distance
    assert repr(distance) == f"{type(distance).__name__}()"
    assert type(distances.get(distance.name)) is type(distance)


@pytest.mark.parametrize(
    ("identifier", "nearest"),
    [("euclidian", "euclidean"), ("Cosine", "cosine"), ("square_euclidean", "squared_euclidean")],
)
def test_unknown_name(identifier, nearest):
    with pytest.raises(ValueError, match=f"Unknown `distance`.*Did you mean '{nearest}'"):
        distances.get(identifier)


@pytest.mark.parametrize("identifier", [None, 2, ["euclidean"], {"a": 1}])
def test_neither_name_nor_object(identifier):
    with pytest.raises(ValueError, match=r"Unknown `distance`\. Expected one of \['angular'"):
        distances.get(identifier)


def test_a_class_in_place_of_an_object():
    with pytest.raises(ValueError, match=r"the class Cosine. Use `Cosine\(\)`"):
        distances.get(distances.Cosine)


def test_round_trip(distance):
    config = keras.saving.serialize_keras_object(distance)
    assert type(distances.get(config)) is type(distance)
    restored = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert type(restored) is type(distance)


def test_a_new_distance_works_in_a_loss_and_saves():
    # d(a, p) = 2 * 3, d(a, n) = 2 * 4, margin 5: 3.
    loss = TripletLoss(margin=5.0, distance=Chebyshev(scale=2.0))
    points = [np.array([[0.0, 0.0]]), np.array([[3.0, -1.0]]), np.array([[2.0, -4.0]])]
    assert float(loss.on_triplets(*points).value) == 3.0
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert repr(restored.distance) == "Chebyshev(scale=2.0)"
    assert float(restored.on_triplets(*points).value) == 3.0


def test_a_distance_needs_both_forms():
    class Half(Distance):
        name = "half"

        def paired(self, x, y):
            return x

    with pytest.raises(TypeError, match="pairwise"):
        Half()
