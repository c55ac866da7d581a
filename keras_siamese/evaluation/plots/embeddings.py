"""Maps of embedding spaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from PIL import Image

from keras_siamese.data import encode_labels
from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.layout import METHODS, lay_out
from keras_siamese.evaluation.plots.style import (
    MAX_NAMED_CLASSES,
    Style,
    add_legend,
    class_colors,
    class_marks,
    finish_axes,
    get_style,
    new_figure,
)
from keras_siamese.evaluation.plots.text import MAX_LABEL_LENGTH, shorten
from keras_siamese.ops.checks import check_choice, check_count, check_same_length

# A side of the map is this many pictures long, and each has this many pixels.
_PICTURES_A_SIDE, _PICTURE_PIXELS = 28, 48


@dataclass(frozen=True)
class EmbeddingMap:
    """Places of items on maps, ready to be drawn.

    Attributes:
        panels: Title of each map -> places, shape `(num_drawn, 2)`.
        class_ids: Class of each item, shape `(num_drawn,)`.
        class_names: Name of each class.
        pictures: Pictures of the items, bytes, shape `(num_drawn, H, W, 3 or 4)`, or None.
    """

    panels: Mapping[str, np.ndarray]
    class_ids: np.ndarray
    class_names: list[str]
    pictures: np.ndarray | None


def plot_embeddings(
    panels: Any,
    labels: Any,
    *,
    method: str = "tsne",
    items: Any = None,
    class_names: Sequence[str] | None = None,
    max_points: int = 2000,
    seed: int = 0,
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws embeddings of the same items side by side, each as a map of points coloured by class.

    Axes bear no figures: t-SNE and UMAP keep neighbourhoods, not distances, and each panel has its
    own scale. The picture is drawn without a display and without touching `matplotlib.pyplot`. Save
    it by `figure.savefig(path)`.

    Args:
        panels: Embeddings, shape `(num_items, ...)`; axes after the first are flattened, so that
            raw images may stand beside embeddings. Or several: title of each panel -> embeddings.
        labels: Class of each item, ints or strings, shape `(num_items,)` or `(num_items, 1)`.
        method: `"tsne"` (the default) or `"umap"` (needs umap-learn), both after PCA to 50
            dimensions where there are more; or `"pca"`.
        items: Images of the items, or a source of them: as many as find room without touching each
            other are drawn in place of their points, in frames of their class's colour.
        class_names: Name of class 0, 1, ... for the legend, where `labels` are ints. Defaults to
            the labels themselves.
        max_points: Number of items drawn at most, the same random ones in all panels. Defaults to
            2000, which t-SNE lays out in a few seconds a panel.
        seed: Seed of the choice of items and of the layout. Defaults to 0.
        title: Title over all panels.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`. Up to 20 classes are named in its legend, the same colour
        twice having two marks; more are coloured by their order and counted there.

    Raises: ValueError: If there is no panel, if embeddings are not finite, if lengths differ, if
        `class_names` lacks a class, or `items` are no images. ImportError: If `method` is `"umap"`
        and umap-learn is not installed.

    Reference: [Van der Maaten and Hinton, 2008](https://jmlr.org/papers/v9/vandermaaten08a.html)
        for t-SNE; [McInnes et al., 2018](https://arxiv.org/abs/1802.03426) for UMAP.
    """
    style = get_style(style)
    found = lay_out_embeddings(
        panels,
        labels,
        method=method,
        items=items,
        class_names=class_names,
        max_points=max_points,
        seed=seed,
    )
    return draw_embeddings(found, style, title)


def lay_out_embeddings(
    panels: Any,
    labels: Any,
    *,
    method: str = "tsne",
    items: Any = None,
    class_names: Sequence[str] | None = None,
    max_points: int = 2000,
    seed: int = 0,
) -> EmbeddingMap:
    """Computes what `draw_embeddings` draws: see `plot_embeddings` for the arguments."""
    check_choice("method", method, METHODS)
    check_count("max_points", max_points)
    if not isinstance(panels, Mapping):
        panels = {"": panels}
    if not panels:
        raise ValueError("`panels` is empty. Expected {panel title: embeddings}.")
    class_ids, classes = encode_labels(labels)
    for name, values in panels.items():
        check_same_length(**{f"panel {name}".strip(): values, "labels": class_ids})
        if not np.isfinite(values).all():
            raise ValueError(f"Panel {name!r} must be finite. Received: NaN or infinity in it.")
    names = name_classes(classes, class_names)
    shown = Items(items, len(class_ids))
    if items is not None and shown.kind != "pictures":
        raise ValueError(
            "`items` must be images, shape (num_items, height, width[, channels]). Received: "
            f"{shown.kind}. Leave it out to draw points."
        )
    # Random order, so that no class lies on top of all others.
    order = np.random.default_rng(seed).permutation(len(class_ids))[:max_points]
    places = {
        name: lay_out(np.asarray(values, "float32")[order].reshape(len(order), -1), method, seed)
        for name, values in panels.items()
    }
    pictures = None if items is None else shown.pictures(order)
    return EmbeddingMap(places, class_ids[order], names, pictures)


def draw_embeddings(data: EmbeddingMap, style: Style, title: str | None = None) -> Figure:
    """Draws maps side by side.

    Args:
        data: Of `lay_out_embeddings`.
        style: The colours.
        title: Over all maps.
    """
    num_classes, num_panels = len(data.class_names), len(data.panels)
    colors = class_colors(num_classes, style)
    marks = class_marks(num_classes, style)
    side = 3.6 if data.pictures is None else 6.5
    height = side + 0.2 + 0.3 * bool(title) + 0.2 * any(data.panels)
    figure = new_figure(style, side * num_panels + _legend_width(data), height, title)
    subplots = figure.subplots(1, num_panels, squeeze=False)[0]
    for axes, (name, places) in zip(subplots, data.panels.items(), strict=True):
        _draw_points(axes, places, data.class_ids, colors, marks)
        axes.set(xticks=[], yticks=[], box_aspect=1)
        axes.margins(0.06)
        finish_axes(axes, style, title=name, grid=False)
        if data.pictures is not None:
            _draw_pictures(axes, places, data.pictures, colors[data.class_ids])
    _add_class_legend(figure, data.class_names, colors, marks, style)
    return figure


def name_classes(classes: np.ndarray, class_names: Sequence[str] | None) -> list[str]:
    """Returns the name of each class.

    Args:
        classes: Labels of the classes, ascending, shape `(num_classes,)`.
        class_names: Name of class 0, 1, ...; None: the labels themselves.

    Raises: ValueError: If a class has none.
    """
    if class_names is None:
        return [str(value) for value in classes]
    first, last = classes[[0, -1]].tolist()
    if classes.dtype.kind not in "iu" or first < 0 or last >= len(class_names):
        raise ValueError(
            "`class_names` must name the classes 0, 1, ... that integer labels stand for. "
            f"Received: {len(class_names)} names for labels from {first!r} to {last!r}. Leave it "
            "out to show the labels themselves."
        )
    return [class_names[value] for value in classes]


def _draw_points(
    axes: Axes, places: np.ndarray, class_ids: np.ndarray, colors: np.ndarray, marks: list[str]
) -> None:
    size = np.clip(6000 / len(places), 5, 16) * (1 if len(set(marks)) == 1 else 1.5)
    points = axes.scatter(
        places[:, 0], places[:, 1], c=colors[class_ids], s=size, alpha=0.8, linewidths=0
    )
    # All in one, in random order, whatever their marks.
    styles = {mark: MarkerStyle(mark) for mark in set(marks)}
    paths = {mark: s.get_path().transformed(s.get_transform()) for mark, s in styles.items()}
    points.set_paths([paths[marks[class_id]] for class_id in class_ids])


def _draw_pictures(
    axes: Axes, places: np.ndarray, pictures: np.ndarray, colors: np.ndarray
) -> None:
    """Draws pictures at their places, as one image with the size of the axes."""
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    side = _PICTURES_A_SIDE * _PICTURE_PIXELS
    pixels = (places - limits[:, 0]) / (limits[:, 1] - limits[:, 0]) * (side, -side) + (0, side)
    canvas = Image.new("RGBA", (side, side))
    for place in _without_overlap(pixels, _PICTURE_PIXELS + 2):
        framed = _framed(pictures[place], colors[place])
        left, top = np.rint(pixels[place]).astype(int) - _PICTURE_PIXELS // 2
        canvas.paste(framed, (int(left), int(top)))
    extent = (*limits[0], *limits[1])
    axes.imshow(np.asarray(canvas), extent=extent, aspect="auto", zorder=3, interpolation="auto")
    axes.set(xlim=limits[0], ylim=limits[1])


def _framed(picture: np.ndarray, color: np.ndarray) -> Image.Image:
    inner = _PICTURE_PIXELS - 6
    image = Image.fromarray(picture)
    scale = inner / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    crisp, smooth = Image.Resampling.NEAREST, Image.Resampling.BOX
    image = image.resize((size[0], size[1]), crisp if scale > 1 else smooth)
    red, green, blue = np.rint(color[:3] * 255).astype(int).tolist()
    framed = Image.new("RGBA", (_PICTURE_PIXELS, _PICTURE_PIXELS), (red, green, blue, 255))
    corner = ((_PICTURE_PIXELS - size[0]) // 2, (_PICTURE_PIXELS - size[1]) // 2)
    framed.paste(image, corner, image if image.mode == "RGBA" else None)
    return framed


def _without_overlap(pixels: np.ndarray, side: int) -> list[int]:
    """Returns which squares of some side to draw, in order, that none touches another."""
    kept = np.zeros((0, 2))
    chosen = []
    for place, center in enumerate(pixels):
        if (np.abs(kept - center).max(axis=1) >= side).all():
            kept = np.concatenate([kept, center[None]])
            chosen.append(place)
    return chosen


def _legend_width(data: EmbeddingMap) -> float:
    longest = min(MAX_LABEL_LENGTH, max(map(len, data.class_names)))
    return 0.7 + 0.08 * longest if len(data.class_names) <= MAX_NAMED_CLASSES else 0.2


def _add_class_legend(
    figure: Figure, names: list[str], colors: np.ndarray, marks: list[str], style: Style
) -> None:
    if len(names) > MAX_NAMED_CLASSES:
        figure.supxlabel(
            f"{len(names)} classes, coloured in the order of their labels",
            fontsize=9,
            color=style.muted,
        )
        return
    dots = [
        Line2D([], [], marker=mark, linestyle="", markersize=7, color=color, label=shorten(name))
        for name, color, mark in zip(names, colors, marks, strict=True)
    ]
    font_size = 10 if len(names) <= 10 else 8
    add_legend(
        figure, style, handles=dots, loc="outside right center", frameon=False, fontsize=font_size
    )
