"""lay_out: UMAP only where it is installed; the other methods are tested by their plots."""

import sys
import types

import numpy as np
import pytest

from keras_siamese.evaluation.plots.layout import lay_out


@pytest.fixture
def fake_umap(monkeypatch):
    """Stands in for umap-learn, and keeps the arguments."""
    seen = {}

    class UMAP:
        def __init__(self, **arguments):
            seen.update(arguments)

        def fit_transform(self, values):
            seen["shape"] = values.shape
            return np.asarray(seen["init"])

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    return seen


def test_umap_starts_from_the_plane_of_pca(fake_umap, rng):
    values = rng.normal(size=(30, 80))
    found = lay_out(values, "umap", seed=3)
    plane = lay_out(values, "pca", seed=3)
    assert fake_umap["shape"] == (30, 30) and fake_umap["random_state"] == 3
    assert fake_umap["n_neighbors"] == 15
    np.testing.assert_allclose(found, plane / np.abs(plane).max() * 10, rtol=1e-5)


def test_umap_of_few_or_equal_items_is_pca(fake_umap, rng):
    values = rng.normal(size=(4, 3))
    np.testing.assert_array_equal(lay_out(values, "umap", 0), lay_out(values, "pca", 0))
    assert not lay_out(np.ones((9, 3)), "umap", 0).any()
    assert not lay_out(rng.normal(size=(9, 1)), "umap", 0)[:, 1].any()  # on a line
    assert not fake_umap
    lay_out(rng.normal(size=(6, 3)), "umap", 0)
    assert fake_umap["n_neighbors"] == 5


def test_without_umap_the_error_says_how_to_get_it(monkeypatch, rng):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_siamese\[umap\]'.*tsne"):
        lay_out(rng.normal(size=(9, 3)), "umap", 0)


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_any_scale(rng, method, scale):
    values = rng.normal(size=(12, 4)).astype("float32") * np.float32(scale)
    places = lay_out(values, method, seed=0)
    assert np.isfinite(places).all() and np.ptp(places, axis=0).all()
