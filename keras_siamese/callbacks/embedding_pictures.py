"""A callback that draws pictures of the embedding space for TensorBoard's Images tab."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_siamese import distances
from keras_siamese.callbacks.log_callback import LogCallback
from keras_siamese.callbacks.points import Points
from keras_siamese.callbacks.watched_points import choose_evenly, watch_points
from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance
from keras_siamese.evaluation import (
    plot_distances,
    plot_neighbours,
    plot_roc,
    plot_triplets,
)
from keras_siamese.evaluation.hardest_triplets import hardest_triplets
from keras_siamese.evaluation.plots.embeddings import (
    draw_embeddings,
    lay_out_embeddings,
    name_classes,
)
from keras_siamese.evaluation.plots.layout import METHODS, lay_out
from keras_siamese.evaluation.plots.style import as_pixels, get_style
from keras_siamese.model import distance_of
from keras_siamese.ops.checks import (
    check_choice,
    check_class_sizes,
    check_count,
    check_finite,
    is_text,
)

PICTURES = ("triplets", "neighbours", "distances", "roc", "map")
# These compare pairs of one class with pairs of two.
_OF_PAIRS = ("triplets", "distances", "roc")
_NUM_TRIPLETS = 8
_UNIT = 1e-3  # By how much norms may be off 1.
_MOST_IN_A_ROW = 32  # More take minutes to draw.
_ZOOM = 1.3  # Of curves, which TensorBoard shows at half their size.


class EmbeddingPictures(LogCallback):
    """Draws the embedding space, after each n-th epoch and after training, for TensorBoard.

    The same items are embedded each time, and drawn as up to five pictures in the tab *Images*:

    - `triplets`: the hardest triplets of the items, those whose negative is nearer than the
      positive by most, each item in one of them at most;
    - `neighbours`: the nearest neighbours of some items, always the same ones;
    - `distances`: histograms of the distances of pairs of one class and of two;
    - `roc`: how many pairs of one class are told at the cost of how many of two;
    - `map`: all items on a plane, turned so that it is as near as can be to the map before.

    TensorBoard shows them smaller than they are: a click on one shows its actual size.
    Items that are images or texts are shown as such, of others the places are named. Characters
    that Matplotlib's font lacks are boxes: choose one, `matplotlib.rcParams["font.family"]`. What
    cannot be drawn of these items, such as an ROC of one class, is left out, and said when the
    callback is made.

    Callbacks work in the order of their list: put this one after those that change the weights at
    the end, such as `EarlyStopping(restore_best_weights=True)`.

    Args:
        log_dir: The directory that TensorBoard is started with, local.
        data: A `Source`, `(x, y)`, or a finite batched `tf.data.Dataset` of `(x, y)`: read when the
            callback is made, and not again. `x`: what the model takes. `y`: integers or strings,
            shape `(N,)` or `(N, 1)`.
        gallery: Where neighbours are looked for, likewise. Defaults to None: among the other items.
        pictures: Which to draw. Defaults to all.
        every_n_epochs: Draw after each n-th epoch; 0 for after training only. Defaults to 5: of
            1,000 items, the pictures take about 4 s of processor time, 3 s of them the map by
            t-SNE.
        num_queries: Number of items whose neighbours are drawn, at most 32. Defaults to 8.
        k: Number of neighbours, at most 32. Defaults to 5.
        max_points: Of a larger data set a sample is shown, as even over the classes as can be and
            the same each time; of many classes, some, with 8 items each if they have as many. Of a
            larger gallery, one of the same classes. Defaults to 1,000.
        map_method: `"tsne"`, `"pca"` or `"umap"`. Defaults to `"tsne"`.
        class_names: The name of class `i` at position `i`, shown in place of integer labels.
            Defaults to None.
        style: `"light"` (the default) or `"dark"`.
        name: The run's directory below `log_dir`. Defaults to `"pictures"`.
        seed: Seed of the choice of queries and of the map. Defaults to 0.
        distance: Name or `keras_siamese.distances.Distance`. Defaults to None: that of a
            `SiameseModel`, and Euclidean for other models.

    Raises: ValueError: If a data set is empty, the gallery has no class of `data`, a label has no
        class name, or an argument is out of its range. ImportError: If `map_method` is `"umap"` and
        umap-learn is not installed.

    Example:
        >>> pictures = keras_siamese.callbacks.EmbeddingPictures("logs", (x_val, y_val))
        >>> model.fit(batches, epochs=20, callbacks=[pictures])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None,
        data: Any,
        *,
        gallery: Any = None,
        pictures: Sequence[str] = PICTURES,
        every_n_epochs: int = 5,
        num_queries: int = 8,
        k: int = 5,
        max_points: int = 1000,
        map_method: str = "tsne",
        class_names: Sequence[str] | None = None,
        style: str = "light",
        name: str = "pictures",
        seed: int = 0,
        distance: "str | Distance | None" = None,
    ) -> None:
        super().__init__(log_dir, name, every_n_epochs)
        if isinstance(pictures, str):
            raise ValueError(f"`pictures` must be a list of names. Received: {pictures!r}.")
        for picture in pictures:
            check_choice("pictures", picture, PICTURES)
        _check_side("num_queries", num_queries)
        check_count("max_points", max_points, least=2)
        self.k = _check_side("k", k)
        self.map_method = check_choice("map_method", map_method, METHODS)
        lay_out(np.zeros((1, 1)), map_method, seed)  # which says if a package is missing
        self.class_names = class_names
        self.style = get_style(style)
        self.seed = check_count("seed", seed, least=0)
        self.distance = None if distance is None else distances.get(distance)
        self._points = watch_points(data, max_points)
        self._gallery = (
            None if gallery is None else watch_points(gallery, max_points, self._points.labels)
        )
        self._names = _names(self._points.labels, class_names)
        others = self._points if self._gallery is None else self._gallery
        self._other_names = _names(others.labels, class_names)
        self._queries = choose_evenly(self._points.labels, self._has_match(), num_queries, seed)
        self.pictures = [name for name in pictures if self._is_possible(name)]
        self._say_what_is_left_out([name for name in pictures if name not in self.pictures])
        self._last_map: np.ndarray | None = None
        self._last_epoch: int | None = None  # that has ended, but was not drawn

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets the fit before."""
        super().on_train_begin(logs)
        self._last_map = self._last_epoch = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draws the pictures after each n-th epoch."""
        self._last_epoch = epoch
        if self.is_due(epoch):
            self._write(epoch, f"after epoch {epoch + 1}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Draws the pictures of the trained model, if those of the last epoch are not there."""
        if self._last_epoch is not None:
            # Of other weights than those of the last epoch, if a callback restored them.
            self._write(self._last_epoch, "after training")
        super().on_train_end(logs)

    def _write(self, epoch: int, when: str) -> None:
        self._last_epoch = None
        sets = [self._points, *([] if self._gallery is None else [self._gallery])]
        embeddings = [points.embed(self.model) for points in sets]
        # Every worker takes part in the prediction; one of them draws.
        if not self.is_writer:
            return
        try:
            for values in embeddings:
                check_finite("Embeddings", values)
        except ValueError as error:
            self.say_lost(f"the pictures of epoch {epoch + 1}", str(error))
            return
        with warnings.catch_warnings():
            # One for each character of each picture.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            images = {
                f"pictures/{name}": as_pixels(self._draw(name, when, *embeddings))
                for name in self.pictures
            }
        self.write_summaries(epoch, images=images)

    def _draw(
        self, picture: str, when: str, embeddings: np.ndarray, gallery: np.ndarray | None = None
    ) -> Any:
        distance = distance_of(self.model, self.distance)
        num_items = len(embeddings)
        if picture == "map":
            return self._draw_map(embeddings, f"Map of {num_items:,} items {when}")
        shared: dict[str, Any] = {"distance": distance, "style": self.style}
        if picture == "triplets":
            return plot_triplets(
                _shown(self._points),
                hardest_triplets(
                    embeddings, self._names, num_triplets=_NUM_TRIPLETS, distance=distance
                ),
                embeddings=embeddings,
                labels=self._names,
                num_triplets=_NUM_TRIPLETS,
                title=f"Hardest triplets of {num_items:,} items {when}",
                **shared,
            )
        if picture == "neighbours":
            others = None
            if self._gallery is not None:
                others = (gallery, self._other_names, _shown(self._gallery))
            return plot_neighbours(
                embeddings,
                self._names,
                _shown(self._points),
                gallery=others,
                queries=self._queries,
                k=self.k,
                title=f"Nearest of {len(self._other_names):,} items {when}",
                **shared,
            )
        shared["style"] = replace(self.style, zoom=_ZOOM)
        if picture == "roc":
            title = f"ROC of {num_items:,} items {when}"
            return plot_roc(embeddings, self._names, title=title, **shared)
        return plot_distances(
            embeddings,
            self._names,
            limits=_limits(embeddings, distance),
            title=f"Distances {when}",
            **shared,
        )

    def _draw_map(self, embeddings: np.ndarray, title: str) -> Any:
        found = lay_out_embeddings(
            embeddings,
            self._points.labels,
            method=self.map_method,
            class_names=self.class_names,
            max_points=len(embeddings),
            seed=self.seed,
        )
        places = found.panels[""]
        if self._last_map is not None:
            places[:] = _turned(places, self._last_map)
        self._last_map = places
        return draw_embeddings(found, self.style, title)

    def _has_match(self) -> np.ndarray:
        """Returns which items have one of their class to be found; all, if none has."""
        if self._gallery is None:
            ids, _ = encode_labels(self._points.labels)
            has_match = np.bincount(ids)[ids] > 1
            return has_match if has_match.any() else np.full_like(has_match, True)
        has_match = np.isin(self._names, self._other_names)
        is_of_one_kind = is_text(self._names) == is_text(self._other_names)
        if not has_match.any() or not is_of_one_kind:
            raise ValueError(
                "`gallery` must have classes that `data` has, with labels of one kind. Received: "
                f"{self._names[:3].tolist()}, ... and {self._other_names[:3].tolist()}, ..."
            )
        return has_match

    def _is_possible(self, picture: str) -> bool:
        if picture == "neighbours":
            return self._gallery is not None or len(self._points.labels) > 1
        return picture not in _OF_PAIRS or not self._why_no_pairs()

    def _why_no_pairs(self) -> str:
        try:
            check_class_sizes(np.bincount(encode_labels(self._points.labels)[0]))
        except ValueError as error:
            return str(error)
        return ""

    def _say_what_is_left_out(self, pictures: Sequence[str]) -> None:
        if pictures:
            why = self._why_no_pairs() or "There is 1 item only."
            warnings.warn(
                f"{type(self).__name__} leaves out the pictures {list(pictures)}: {why}",
                stacklevel=3,
            )


def _check_side(name: str, value: int) -> int:
    if check_count(name, value) > _MOST_IN_A_ROW:
        raise ValueError(f"`{name}` must be at most {_MOST_IN_A_ROW}. Received: {value}.")
    return value


def _names(labels: np.ndarray, class_names: Sequence[str] | None) -> np.ndarray:
    """Returns the labels, or what stands for them."""
    if class_names is None:
        return labels
    ids, classes = encode_labels(labels)
    names = name_classes(classes, class_names)
    if len(set(names)) < len(names):
        raise ValueError(
            "`class_names` must tell the classes apart. Received: two classes of one name among "
            f"{sorted(names)[:20]}. Add what makes them differ."
        )
    return np.array(names)[ids]


def _shown(points: Points) -> Any:
    return points.x if isinstance(points.x, np.ndarray) else None


def _limits(embeddings: np.ndarray, distance: Distance) -> tuple[float, float] | None:
    """Returns the distances that are possible, if they are bounded: the same axis each time."""
    norms = np.linalg.norm(embeddings.reshape(len(embeddings), -1), axis=1)
    limits = distance.bounds(unit_norm=bool((np.abs(norms - 1) < _UNIT).all()))
    return limits if np.isfinite(limits).all() else None


def _turned(places: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Turns, and mirrors, a map so that its places are as near as can be to those before."""
    places, before = places - places.mean(axis=0), before - before.mean(axis=0)
    left, _, right = np.linalg.svd(places.T @ before)
    return places @ left @ right
