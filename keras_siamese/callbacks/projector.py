"""A callback that shows a model's output embeddings in TensorBoard's Projector."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_siamese.callbacks.computed_columns import COMPUTED, compute_columns
from keras_siamese.callbacks.log_callback import LogCallback
from keras_siamese.callbacks.point_columns import (
    given_columns,
    known_columns,
    of_sets,
    pick,
)
from keras_siamese.callbacks.point_sets import join_sets
from keras_siamese.callbacks.points import Points, gather_sets
from keras_siamese.model import distance_of
from keras_siamese.ops.checks import as_embeddings, check_choice, check_count
from keras_siamese.tensorboard.metadata import Metadata, as_cell
from keras_siamese.tensorboard.projector_run import (
    ProjectorRun,
    as_finite_embeddings,
    check_snapshot_name,
)
from keras_siamese.tensorboard.sprite import Sprite, draw_sprite, looks_like_images

# TensorBoard's front end fetches no more.
_MOST_POINTS = 100_000


class EmbeddingProjector(LogCallback):
    """Writes the output embeddings of data sets for TensorBoard's Projector.

    After training, and after every n-th epoch on request, `model.predict(x)` is written as a
    snapshot: `final`, `epoch_003`. All snapshots stand in one run, `log_dir/name`, with the same
    points in the same order, their pictures and what is known of them. See them with

        tensorboard --logdir LOG_DIR

    in the tab *Projector*: choose the snapshot on the left at the top, where the first one by name
    is shown (`epoch_003` before `final`), and on the right at the bottom, under *Bookmarks*, by
    which column the points are coloured. Reload the page to see the snapshots that were written
    since.

    The columns are `label`; `item`, the place in the data set; `set`, if there are several; `group`
    of a `Source` with groups; `text`, the beginning of each item that is text; those of `metadata`;
    and, computed for each snapshot, what the model makes of the points:

    - `predicted_label`: the label of the nearest other point that is shown, of any set.
    - `nearest_is_correct`: 1 if that is the point's own label, else 0. Empty for the only point of
      a class, for which no neighbour is right.
    - `distance_to_centre`: the distance to the mean of the shown points of the own class.

    Distances are those of the model's `distance_function`, else Euclidean. 10,000 points take a
    fraction of a second, 100,000 half a minute: then, snapshots of each epoch are better without.
    The Projector offers colours for columns of at most 50 different values, or of numbers only: for
    more classes, use `nearest_is_correct`, `distance_to_centre`, or a coarser column `group`.

    The run shows one training. Training that goes on from a later epoch (`initial_epoch`,
    `BackupAndRestore`) keeps the snapshots of the epochs before it, if they show the same points
    (the same columns and pictures). Any other `fit` into the same directory starts the run anew
    with its first snapshot: give it another `name` to keep both, as for each trial of a search.

    Within `fit`, a snapshot that cannot be written, or whose embeddings are not finite, is lost and
    said in a warning; training goes on. Callbacks work in the order of their list: put this one
    after those that change the weights at the end, such as
    `EarlyStopping(restore_best_weights=True)`.

    Args:
        log_dir: The directory that TensorBoard is started with, local; None writes nothing.
        data: A `Source`, of which the shown items are read, `(x, y)`, or a finite batched
            `tf.data.Dataset` of `(x, y)`: read once, when the callback is made. `x`: what the model
            takes. `y`: integers or strings, shape `(N,)` or `(N, 1)`. Or a dict name -> one of
            these, such as `{"train": ..., "validation": ...}`: sets of like items, shown together.
        every_n_epochs: Write a snapshot after each n-th epoch; 0 for none. Defaults to 0.
        metadata: Further columns: name -> one value for each item of `data`, of any type; a data
            frame of pandas or polars is such, too. Of several sets, set -> such columns. Defaults
            to None.
        computed: Which computed columns there are, in this order. Defaults to all three; `()` for
            none.
        images: The pictures of the points, one for each item of `data`: an array of shape
            `(N, H, W)` or `(N, H, W, 1, 3 or 4)`, or a list of images of several sizes; of several
            sets, set -> pictures; None for none; `"auto"` takes `x`, or the one array in it, that
            looks like that, with uint8, float or boolean pixels. Defaults to `"auto"`.
        class_names: The name of class `i` at position `i`, shown in place of integer labels.
            Defaults to None.
        max_points: From 2 to 100,000, of all sets together. Of larger data sets a sample is shown,
            as even over the sets, and within them over the classes, as can be, and the same in each
            run. Defaults to 10,000.
        name: The run's directory below `log_dir`. Defaults to `"projector"`.

    Attributes:
        num_points: The number of points that are shown.
        num_available: The number of items that they were chosen from.

    Raises: ValueError: If a data set is empty, sets are not alike, lengths differ, a label has no
        class name, two columns have one name, or, when training begins, if the model makes no
        embeddings of the items, or the run's directory holds a Projector configuration that
        something else has written.

    Example:
        >>> sets = {"train": (x_train, y_train), "validation": (x_val, y_val)}
        >>> projector = keras_siamese.callbacks.EmbeddingProjector("logs", sets, every_n_epochs=5)
        >>> model.fit(batches, epochs=20, callbacks=[projector])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None,
        data: Any,
        *,
        every_n_epochs: int = 0,
        metadata: Any = None,
        computed: Sequence[str] = COMPUTED,
        images: Any = "auto",
        class_names: Sequence[str] | None = None,
        max_points: int = 10_000,
        name: str = "projector",
    ) -> None:
        super().__init__(log_dir, name, every_n_epochs)
        self._computed = _check_computed(computed)
        sets = _gather(data, max_points)
        self._points = points = join_sets(sets)
        self.num_points, self.num_available = len(points.labels), points.num_available
        known = known_columns(points, sets, class_names)
        given = given_columns({} if metadata is None else metadata, sets)
        _check_names(given, [*known, *self._computed])
        self._metadata = Metadata.of({**known, **given})
        self._sprite = _sprite(images, points, sets)
        names = (*self._metadata.names, *self._computed)
        self._views = [name for name in names if name not in ("item", "text")]
        self._has_written = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets the fit before, and checks what would be an error when training is over.

        Raises: ValueError: If the model makes no embeddings of the points, or another writer's run
            would be written over.
        """
        super().on_train_begin(logs)
        self._has_written = False
        if self.log_dir is None:
            return
        as_embeddings(self._points.embed(self.model, count=32))
        if self.is_writer:
            with self.writing("its view of the run"):
                self._run().check_ownership()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes a snapshot after each n-th epoch."""
        if self.is_due(epoch):
            # The Projector sorts them as text.
            width = max(3, len(str((self.params or {}).get("epochs", 0))))
            self._write_in_fit(f"epoch_{epoch + 1:0{width}d}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Writes the snapshot of the trained model."""
        self._write_in_fit("final")
        super().on_train_end(logs)

    def write(self, model: keras.Model, snapshot: str = "final") -> Path:
        """Embeds the points by a model and writes a snapshot, outside of `fit`.

        It takes the place of a snapshot of the same name; others of the same points are kept.

        Args:
            model: A `SiameseModel`, or an encoder.
            snapshot: What the Projector calls it: letters, digits, `_`, `-` and `.`.

        Returns: The run's directory.

        Raises:
            ValueError: If `log_dir` is None, the embeddings are not of shape `(N, embedding_dim)`
                or not finite, or the directory is another writer's.
            OSError or tf.errors.OpError: If a file cannot be written.
        """
        check_snapshot_name(snapshot)
        if self.log_dir is None:
            raise ValueError("There is nowhere to write to. Received: `log_dir=None`. Set it.")
        self._write(model, snapshot, self._points.embed(model))
        return self.run_dir

    def _run(self) -> ProjectorRun:
        return ProjectorRun(self.run_dir, self._metadata, self._sprite, self._views)

    def _write(
        self,
        model: keras.Model,
        snapshot: str,
        embeddings: Any,
        keeps: Callable[[str], bool] = lambda snapshot: True,
    ) -> None:
        embeddings = as_finite_embeddings(embeddings, self.num_points)
        names = self._metadata.column("label")
        columns = compute_columns(
            self._computed, embeddings, self._points.labels, names, distance_of(model)
        )
        self._run().write(snapshot, embeddings, columns, keeps)

    def _write_in_fit(self, snapshot: str) -> None:
        if self.log_dir is None:
            return
        # Every worker takes part in the prediction; one of them writes.
        embeddings = self._points.embed(self.model)
        if not self.is_writer:
            return
        try:
            with self.writing(f"the snapshot {snapshot!r}"):
                self._write(self.model, snapshot, embeddings, self._is_of_training)
                self._has_written = True
        except ValueError as error:
            self.say_lost(f"the snapshot {snapshot!r}", str(error))

    def _is_of_training(self, snapshot: str) -> bool:
        """Returns whether a snapshot was written by this fit, or shows an epoch before it."""
        if self._has_written:
            return True
        epoch = re.fullmatch(r"epoch_(\d+)", snapshot)
        if epoch is None:
            return False
        return self.first_epoch is None or int(epoch[1]) <= self.first_epoch


def _check_computed(computed: Sequence[str]) -> tuple[str, ...]:
    if isinstance(computed, str):
        raise ValueError(
            f"`computed` must be a list of names. Received: {computed!r}. Use ({computed!r},)."
        )
    return tuple(dict.fromkeys(check_choice("computed", name, COMPUTED) for name in computed))


def _gather(data: Any, max_points: int) -> dict[str, Points]:
    """Returns the points of each set; the name of a data set that has none is empty."""
    sets = data if isinstance(data, Mapping) else {"": data}
    least = max(2, len(sets))
    if check_count("max_points", max_points, least=least) > _MOST_POINTS:
        raise ValueError(
            f"`max_points` must be at most {_MOST_POINTS}, which is what TensorBoard fetches. "
            f"Received: {max_points}."
        )
    if not sets or (sets is data and "" in sets):
        raise ValueError(
            "`data` must be a data set, or a dict of data sets by name. Received: "
            f"{list(sets) if sets else 'an empty dict'}."
        )
    return gather_sets(sets, max_points)


def _check_names(given: Iterable[str], taken: Sequence[str]) -> None:
    for name in given:
        if as_cell(name) in taken:
            raise ValueError(
                f"The `metadata` column {name!r} would hide the one of the same name that is "
                f"there already: {taken}. Rename it."
            )


def _sprite(images: Any, points: Points, sets: Mapping[str, Points]) -> Sprite | None:
    if images is None:
        return None
    if isinstance(images, str):
        check_choice("images", images, ["auto"])
        found = [x for x in keras.tree.flatten(points.x) if looks_like_images(x)]
        return draw_sprite(found[0]) if len(found) == 1 else None
    by_set = of_sets("images", images, sets)
    shown: list[np.ndarray] = []
    for name, part in sets.items():
        if name not in by_set:
            raise ValueError(f"`images` needs those of each set. Received: none of {name!r}.")
        shown += pick("`images`", by_set[name], part)
    return draw_sprite(shown)
