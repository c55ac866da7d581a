"""A callback that shows a model's output embeddings in TensorBoard's Projector."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_siamese.callbacks.points import Points, gather_points
from keras_siamese.ops.checks import check_choice, check_count
from keras_siamese.tensorboard.projector_run import ProjectorRun
from keras_siamese.tensorboard.sprite import Sprite, draw_sprite, looks_like_images

# TensorBoard's front end fetches no more.
_MOST_POINTS = 100_000


class EmbeddingProjector(keras.callbacks.Callback):
    """Writes the output embeddings of a data set for TensorBoard's Projector.

    After training, and after every n-th epoch on request, `model.predict(x)` is written as a
    snapshot: `final`, `epoch_003`. All snapshots stand in one run, `log_dir/name`, with the same
    points in the same order, their labels and pictures. See them with

        tensorboard --logdir LOG_DIR

    in the tab *Projector*: choose the snapshot on the left at the top, then colour and label the
    points by `label`. Colours are offered for at most 50 different values: for more classes, add
    a coarser column by `metadata`. A TensorBoard that is already running shows the snapshots that
    were there when it first saw the run: start it again to see later ones.

    The run shows one training. Training that goes on from a later epoch (`initial_epoch`,
    `BackupAndRestore`) keeps the snapshots of the epochs before it, if they show the same points
    (the same metadata and pictures). Any other `fit` into the same directory starts the run anew
    with its first snapshot: give it another `name` to keep both, as for each trial of a search.

    Callbacks work in the order of their list: put this one after those that change the weights at
    the end, such as `EarlyStopping(restore_best_weights=True)`.

    Args:
        log_dir: The directory that TensorBoard is started with, local.
        data: A `Source`, of which the shown items are read, `(x, y)`, or a finite batched
            `tf.data.Dataset` of `(x, y)`: read once, when the callback is made. `x`: what the model
            takes. `y`: integers or strings, shape `(N,)` or `(N, 1)`.
        every_n_epochs: Write a snapshot after each n-th epoch; 0 for none. Defaults to 0.
        metadata: Further columns: name -> one value for each item of `data`. Defaults to None.
        images: The pictures of the points: an array of shape `(N, H, W)`, `(N, H, W, 1)` or
            `(N, H, W, 3)`; None for none; `"auto"` takes `x` if it looks like that, with uint8 or
            float pixels. Defaults to `"auto"`.
        class_names: The name of class `i` at position `i`, shown in place of integer labels.
            Defaults to None.
        max_points: From 2 to 100,000. Of a larger data set a sample is shown, as even over the
            classes as can be and the same in each run. Defaults to 10,000.
        name: The run's directory below `log_dir`. Defaults to `"projector"`.

    Raises: ValueError: If the data set is empty, if lengths differ, if a label has no class name,
        or, when a snapshot is written, if the embeddings are not of shape `(N, embedding_dim)` or
        not finite.

    Example:
        >>> projector = keras_siamese.callbacks.EmbeddingProjector("logs", (x_val, y_val))
        >>> model.fit(batches, epochs=20, callbacks=[projector])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        data: Any,
        *,
        every_n_epochs: int = 0,
        metadata: Mapping[str, Sequence[Any]] | None = None,
        images: Any = "auto",
        class_names: Sequence[str] | None = None,
        max_points: int = 10_000,
        name: str = "projector",
    ) -> None:
        super().__init__()
        self.every_n_epochs = check_count("every_n_epochs", every_n_epochs, least=0)
        if check_count("max_points", max_points, least=2) > _MOST_POINTS:
            raise ValueError(
                f"`max_points` must be at most {_MOST_POINTS}, which is what TensorBoard fetches. "
                f"Received: {max_points}."
            )
        self._points = points = gather_points(data, max_points)
        columns = {"label": _label_column(points.labels, class_names)}
        columns |= _metadata_columns(metadata or {}, points)
        self._run = ProjectorRun(Path(log_dir) / name, columns, _sprite(images, points))
        self._first_epoch: int | None = None
        self._has_written = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets the fit before."""
        self._first_epoch = None
        self._has_written = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes where training starts."""
        if self._first_epoch is None:
            self._first_epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes a snapshot after each n-th epoch."""
        if self.every_n_epochs and (epoch + 1) % self.every_n_epochs == 0:
            self._write(f"epoch_{epoch + 1:03d}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Writes the snapshot of the trained model."""
        self._write("final")

    def _write(self, snapshot: str) -> None:
        embeddings = self.model.predict(self._points.x, verbose=0)
        # Every worker takes part in the prediction; one of them writes.
        strategy = getattr(self.model, "distribute_strategy", None)
        if strategy and not strategy.extended.should_save_summary:
            return
        self._run.write(snapshot, embeddings)
        if not self._has_written:
            names = self._run.snapshots()
            self._run.keep([n for n in names if n == snapshot or self._precedes_fit(n)])
            self._has_written = True

    def _precedes_fit(self, snapshot: str) -> bool:
        """Returns whether a snapshot shows an epoch before the first one of this fit."""
        epoch = re.fullmatch(r"epoch_(\d+)", snapshot)
        if epoch is None:
            return False
        return self._first_epoch is None or int(epoch[1]) <= self._first_epoch


def _label_column(labels: np.ndarray, class_names: Sequence[str] | None) -> list[Any]:
    if class_names is None:
        return list(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "`class_names` name integer labels. "
            f"Received: labels of type {labels.dtype}. Use `class_names=None`."
        )
    nameless = labels[(labels < 0) | (labels >= len(class_names))]
    if len(nameless):
        raise ValueError(
            "`class_names` needs a name for each label, at the label's position. "
            f"Received: {len(class_names)} names and the label {nameless[0]}."
        )
    return [class_names[label] for label in labels]


def _metadata_columns(metadata: Mapping[str, Sequence[Any]], points: Points) -> dict[str, Any]:
    columns = {}
    for name, values in metadata.items():
        if name == "label":
            raise ValueError("The `metadata` column 'label' would hide the labels. Rename it.")
        if len(values) != points.num_available:
            raise ValueError(
                f"The `metadata` column {name!r} needs one value for each of the "
                f"{points.num_available} items of `data`. Received: {len(values)} values."
            )
        values = list(values)
        columns[name] = [values[position] for position in points.positions]
    return columns


def _sprite(images: Any, points: Points) -> Sprite | None:
    if images is None:
        return None
    if isinstance(images, str):
        check_choice("images", images, ["auto"])
        return draw_sprite(points.x) if looks_like_images(points.x) else None
    images = np.asarray(images)
    if len(images) != points.num_available:
        raise ValueError(
            f"`images` needs one image for each of the {points.num_available} items of `data`. "
            f"Received: {len(images)} images."
        )
    return draw_sprite(images[points.positions])
