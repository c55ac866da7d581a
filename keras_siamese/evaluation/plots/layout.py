"""Places on a plane for items of many dimensions."""

import importlib
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

METHODS = ("pca", "tsne", "umap")
_INPUT_DIM = 50
_LEAST_SCALE = 1e-12
# With fewer items UMAP's neighbourhood graph has no eigenvectors to start from.
_LEAST_FOR_UMAP = 5


def lay_out(values: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Returns places on a map, shape `(num_items, 2)`.

    Args:
        values: Finite floats, shape `(num_items, dim)`.
        method: `"pca"`, `"tsne"` or `"umap"`. The last two start from the plane of PCA, so that the
            layout at large is that of the data, not of chance, and see 50 of its dimensions.
        seed: Seed of what is random.

    Raises: ImportError: If `method` is `"umap"` and it is not installed.
    """
    umap = _import_umap() if method == "umap" else None
    plane = np.zeros((len(values), 2), "float32")
    if (values == values[0]).all():
        return plane
    greatest = np.abs(values).max()
    if not _LEAST_SCALE < greatest < 1 / _LEAST_SCALE:  # Squares would be 0, or infinite.
        values = values / greatest
    num_components = min(2 if method == "pca" else _INPUT_DIM, *values.shape)
    components = PCA(num_components, random_state=seed).fit_transform(values)
    plane[:, : components.shape[1]] = components[:, :2]
    if method == "tsne":
        return _by_tsne(components, plane, seed)
    has_both_axes = bool(np.ptp(plane, axis=0).all())  # UMAP divides by both.
    if umap is not None and len(values) >= _LEAST_FOR_UMAP and has_both_axes:
        return _by_umap(umap, components, plane, seed)
    return plane


def _by_tsne(components: np.ndarray, plane: np.ndarray, seed: int) -> np.ndarray:
    tsne = TSNE(
        perplexity=min(30.0, (len(plane) - 1) / 3),
        init=plane / plane[:, 0].std() * 1e-4,  # the scale that scikit-learn uses
        random_state=seed,
    )
    # Its threads wait for each other by spinning: beside one other busy process, two take eight
    # times as long as one.
    with threadpool_limits(1, user_api="openmp"):
        return tsne.fit_transform(components)


def _by_umap(umap: Any, components: np.ndarray, plane: np.ndarray, seed: int) -> np.ndarray:
    reducer = umap.UMAP(
        n_neighbors=min(15, len(plane) - 1),
        init=plane / np.abs(plane).max() * 10,  # the scale that UMAP uses
        random_state=seed,
        n_jobs=1,  # With a seed, it would say so itself.
    )
    return reducer.fit_transform(components)


def _import_umap() -> Any:
    try:
        return importlib.import_module("umap")
    except ImportError as error:
        raise ImportError(
            '`method="umap"` needs the package umap-learn. Install it by '
            "`pip install 'keras_siamese[umap]'`, or use `method=\"tsne\"`."
        ) from error
