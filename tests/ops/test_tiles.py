import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.ops.tiles import DistanceTiles

NAMES = [
    "euclidean",
    "squared_euclidean",
    "cosine",
    "angular",
    "inner_product",
    "mahalanobis",
    "manhattan",
    "signal_to_noise",
]


def reference(name, x, y):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    cosine = (x @ y) / max(np.linalg.norm(x) * np.linalg.norm(y), 1e-300)
    return {
        "euclidean": np.linalg.norm(x - y),
        "mahalanobis": np.linalg.norm(x - y),
        "squared_euclidean": ((x - y) ** 2).sum(),
        "cosine": 1 - cosine,
        "angular": np.arccos(np.clip(cosine, -1, 1)) / np.pi,
        "inner_product": -(x @ y),
        "manhattan": np.abs(x - y).sum(),
        "signal_to_noise": np.var(x - y) / np.var(x),
    }[name]


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("name", NAMES)
def test_distances_of_two_sets(name, offset, rng):
    queries = (rng.normal(size=(9, 5)) + offset).astype(np.float32)
    gallery = (rng.normal(size=(7, 5)) + offset).astype(np.float32)
    expected = np.array([[reference(name, x, y) for y in gallery] for x in queries])
    tiles = DistanceTiles(distances.get(name), queries, gallery)
    reduced = tiles.tile(slice(2, 9), slice(1, 6))
    assert reduced.dtype == np.float32 and reduced.flags.writeable
    assert tiles.distances(reduced) == pytest.approx(expected[2:, 1:6], rel=2e-3, abs=2e-4)
    rows, columns = np.meshgrid(np.arange(9), np.arange(7), indexing="ij")
    exact = tiles.exact(rows.ravel(), columns.ravel())
    assert exact == pytest.approx(expected.ravel(), rel=1e-6, abs=1e-6)
    assert not tiles.is_self and not tiles.is_symmetric


@pytest.mark.parametrize("name", ["squared_euclidean", "cosine", "inner_product", "manhattan"])
def test_errors_bound_what_rounding_does(name, rng):
    x = rng.normal(size=(200, 64)).astype(np.float32)
    tiles = DistanceTiles(distances.get(name), x)
    reduced = tiles.tile(slice(0, 200), slice(0, 200))
    in_float64 = DistanceTiles(distances.get(name), x.astype(np.float64))
    rows, columns = (index.ravel() for index in np.indices((200, 200)))
    exact = in_float64.exact(rows, columns).reshape(200, 200)
    factor = 2 if name == "squared_euclidean" else 1  # its squared form is half of it
    off = np.abs(factor * reduced.astype(np.float64) - exact)
    assert (off <= factor * tiles.errors(slice(0, 200))[:, None]).all()


def test_a_common_offset_costs_no_digits(rng):
    x = rng.normal(size=(40, 6)).astype(np.float32)
    near = DistanceTiles(distances.get("squared_euclidean"), x)
    # Multiples of 1/1024, which float32 still holds far from 0.
    x = np.round(x * 1024) / 1024
    far = DistanceTiles(distances.get("squared_euclidean"), (x + 4096).astype(np.float32))
    rows = slice(0, 40)
    assert far.tile(rows, rows) == pytest.approx(near.tile(rows, rows), abs=2e-2)
    assert far.errors(rows).max() < 1e-3


def test_nearly_parallel_vectors_are_told_apart(rng):
    x = np.ones((30, 8)) + 1e-4 * rng.normal(size=(30, 8))
    tiles = DistanceTiles(distances.get("cosine"), x)
    rows, columns = (index.ravel() for index in np.indices((30, 30)))
    exact = tiles.exact(rows, columns).reshape(30, 30)
    assert tiles.tile(slice(0, 30), slice(0, 30)) == pytest.approx(exact, rel=1e-3, abs=1e-13)


def test_small_integers_are_exact(rng):
    x = rng.integers(0, 17, (50, 64)).astype(np.float32)
    tiles = DistanceTiles(distances.get("squared_euclidean"), x)
    rows = slice(0, 50)
    assert tiles.errors(rows).tolist() == [0.0] * 50
    differences = x[:, None].astype(int) - x.astype(int)
    assert (2 * tiles.tile(rows, rows) == (differences**2).sum(axis=-1)).all()
    for scale in (4, 16):
        fractions = DistanceTiles(distances.get("squared_euclidean"), x / scale)
        assert fractions.errors(rows).tolist() == [0.0] * 50
        assert (2 * scale**2 * fractions.tile(rows, rows) == (differences**2).sum(axis=-1)).all()
    large = DistanceTiles(distances.get("squared_euclidean"), 1000 * x)
    assert large.errors(rows).min() > 0


def test_wide_tiles_are_products_of_several_parts(rng, monkeypatch):
    from keras_siamese.ops import tiles as module

    x = rng.integers(0, 9, (23, 4)).astype(np.float32)
    whole = DistanceTiles(distances.get("cosine"), x).tile(slice(0, 23), slice(3, 23))
    monkeypatch.setattr(module, "_COLUMNS", 6)
    parts = DistanceTiles(distances.get("cosine"), x).tile(slice(0, 23), slice(3, 23))
    assert parts == pytest.approx(whole, abs=1e-6)


def test_zero_vectors_are_at_cosine_distance_1():
    tiles = DistanceTiles(distances.get("cosine"), np.array([[0.0, 0.0], [3.0, 4.0]], np.float32))
    assert tiles.tile(slice(0, 2), slice(0, 2)) == pytest.approx(np.array([[1, 1], [1, 0]]))


def test_symmetry_is_that_of_the_distance():
    x = np.eye(3, dtype=np.float32)
    assert DistanceTiles(distances.get("euclidean"), x).is_symmetric
    tiles = DistanceTiles(distances.get("signal_to_noise"), x)
    assert tiles.is_self and not tiles.is_symmetric


@pytest.mark.parametrize("name", ["euclidean", "inner_product", "manhattan"])
def test_overflow_is_said(name):
    x = np.array([[3e38], [-3e38]], np.float32)
    with pytest.raises(ValueError, match="not finite, though all embeddings are"):
        DistanceTiles(distances.get(name), x).tile(slice(0, 2), slice(0, 2))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("threshold", [0.3, 0.0, 1.25])
def test_reduced_is_the_inverse_of_distances(name, threshold):
    tiles = DistanceTiles(distances.get(name), np.array([[1.0, 0.0], [0.0, 1.0]], np.float32))
    reduced = tiles.reduced(threshold)
    if name == "angular" and threshold > 1:  # nothing is farther
        assert reduced == np.finfo(np.float32).max
        return
    above = np.nextafter(np.float32(reduced), np.float32(np.inf))
    below, beyond = tiles.distances(np.array([reduced, above], np.float32))
    assert below <= threshold < beyond


def test_no_distance_is_below_the_least():
    tiles = DistanceTiles(distances.get("euclidean"), np.eye(2, dtype=np.float32))
    assert tiles.reduced(-0.1) == -np.inf


def test_errors_bound_those_of_items_far_away(rng):
    near, far = rng.normal(size=(2, 40, 16)).astype(np.float32)
    gallery = np.concatenate([near, 1e4 + far / 1000])
    tiles = DistanceTiles(distances.get("manhattan"), near, gallery.astype(np.float32))
    off = tiles.tile(slice(0, 40), slice(0, 80)).ravel() - tiles.exact(
        *(index.ravel() for index in np.indices((40, 80)))
    )
    assert 1e-3 < np.abs(off).max() <= tiles.errors(slice(0, 40)).max()


def test_float64_that_float32_rounds_to_integers_is_not_exact():
    x = np.array([[0.0], [1.0], [-1.0 - 1e-12]])
    assert (DistanceTiles(distances.get("euclidean"), x).errors(slice(0, 3)) > 0).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("name", ["cosine", "angular"])
def test_angles_do_not_depend_on_the_scale(name, scale, rng):
    x = rng.normal(size=(9, 4)).astype(np.float32)
    first, second = (
        DistanceTiles(distances.get(name), part) for part in (x, x * np.float32(scale))
    )
    whole = slice(0, 9), slice(0, 9)
    assert second.distances(second.tile(*whole)) == pytest.approx(
        first.distances(first.tile(*whole)), abs=2e-3
    )
