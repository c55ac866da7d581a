"""Pictures of embedding spaces."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from keras_siamese.data import encode_labels
from keras_siamese.ops.checks import check_choice, check_count, check_same_length

_MAX_NAMED_CLASSES = 20
_TSNE_INPUT_DIM = 50


def plot_embeddings(
    panels: Mapping[str, Any],
    labels: Any,
    *,
    method: str = "tsne",
    class_names: Sequence[str] | None = None,
    max_points: int = 2000,
    seed: int = 0,
    title: str | None = None,
) -> Figure:
    """Draws embeddings of the same items side by side, each as a map of points coloured by class.

    Axes bear no figures: t-SNE keeps neighbourhoods, not distances, and each panel has its own
    scale. The picture is drawn without a display and without touching `matplotlib.pyplot`. Save it
    by `figure.savefig(path)`.

    Args:
        panels: Title of each panel -> its embeddings, shape `(num_items, ...)`; axes after the
            first are flattened, so that raw images may stand beside embeddings.
        labels: Class of each item, ints or strings, shape `(num_items,)` or `(num_items, 1)`.
        method: `"tsne"` (the default; after PCA to 50 dimensions where there are more) or `"pca"`.
        class_names: Name of class 0, 1, ... for the legend, where `labels` are ints. Defaults to
            the labels themselves.
        max_points: Number of items drawn at most, the same random ones in all panels. Defaults to
            2000, which t-SNE lays out in a few seconds a panel.
        seed: Seed of the choice of items and of the layout. Defaults to 0.
        title: Title over all panels.

    Returns: A `matplotlib.figure.Figure`. Up to 20 classes are named in its legend; more are
        coloured by their order and counted there.

    Raises: ValueError: If there is no panel, if embeddings are not finite, if lengths differ, or if
        `class_names` lacks a class.

    Reference: [Van der Maaten and Hinton, 2008](https://jmlr.org/papers/v9/vandermaaten08a.html).
    """
    check_choice("method", method, ("pca", "tsne"))
    check_count("max_points", max_points)
    if not panels:
        raise ValueError("`panels` is empty. Expected {panel title: embeddings}.")
    class_ids, classes = encode_labels(labels)
    for name, values in panels.items():
        check_same_length(**{f"panel {name}": values, "labels": class_ids})
        if not np.isfinite(values).all():
            raise ValueError(f"Panel {name!r} must be finite. Received: NaN or infinity in it.")
    legend_names = _class_names(classes, class_names)
    colors = _palette(len(classes))

    # Random order, so that no class lies on top of all others.
    order = np.random.default_rng(seed).permutation(len(class_ids))[:max_points]
    figure = Figure(figsize=(3.6 * len(panels) + 1.2, 4.3), dpi=120)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    point_size = np.clip(6000 / len(order), 5, 16)
    subplots = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, values) in zip(subplots, panels.items(), strict=True):
        values = np.asarray(values, "float32")[order].reshape(len(order), -1)
        x, y = _to_plane(values, method, seed).T
        axes.scatter(x, y, c=colors[class_ids[order]], s=point_size, alpha=0.8, linewidths=0)
        axes.set_title(name, fontsize=12)
        axes.set(xticks=[], yticks=[], box_aspect=1)
        axes.spines[:].set_color("#cccccc")
    _add_legend(figure, legend_names, colors)
    if title:
        figure.suptitle(title, fontsize=13, fontweight="bold")
    return figure


def _to_plane(values: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Returns the places `(num_items, 2)` of items `(num_items, dim)` on a map."""
    plane = np.zeros((len(values), 2), "float32")
    if (values == values[0]).all():
        return plane
    num_components = min(2 if method == "pca" else _TSNE_INPUT_DIM, *values.shape)
    components = PCA(num_components, random_state=seed).fit_transform(values)
    plane[:, : components.shape[1]] = components[:, :2]
    if method == "pca":
        return plane
    # Started from the PCA plane, the large-scale layout is that of the data, not of chance. The
    # scale is the one that scikit-learn uses.
    tsne = TSNE(
        perplexity=min(30.0, (len(values) - 1) / 3),
        init=plane / plane[:, 0].std() * 1e-4,
        random_state=seed,
    )
    # Its threads wait for each other by spinning: beside one other busy process, two take eight
    # times as long as one.
    with threadpool_limits(1, user_api="openmp"):
        return tsne.fit_transform(components)


def _class_names(classes: np.ndarray, class_names: Sequence[str] | None) -> list[str]:
    """Returns the name of each of `classes`."""
    if class_names is None:
        return [str(value) for value in classes]
    first, last = classes[[0, -1]].tolist()  # they are sorted
    if classes.dtype.kind not in "iu" or first < 0 or last >= len(class_names):
        raise ValueError(
            "`class_names` must name the classes 0, 1, ... that integer labels stand for. "
            f"Received: {len(class_names)} names for labels from {first!r} to {last!r}. Leave it "
            "out to show the labels themselves."
        )
    return [class_names[value] for value in classes]


def _palette(num_classes: int) -> np.ndarray:
    """Returns one colour a class, shape `(num_classes, 4)`."""
    if num_classes <= 10:
        return colormaps["tab10"](np.arange(num_classes))
    if num_classes <= _MAX_NAMED_CLASSES:
        return colormaps["tab20"](np.arange(num_classes))
    return colormaps["turbo"](np.linspace(0, 1, num_classes))


def _add_legend(figure: Figure, names: list[str], colors: np.ndarray) -> None:
    if len(names) > _MAX_NAMED_CLASSES:
        figure.supxlabel(f"{len(names)} classes, coloured in the order of their labels", fontsize=9)
        return
    dots = [
        Line2D([], [], marker="o", linestyle="", markersize=7, color=color, label=name)
        for name, color in zip(names, colors, strict=True)
    ]
    font_size = 10 if len(names) <= 10 else 8
    figure.legend(handles=dots, loc="outside right center", frameon=False, fontsize=font_size)
