"""The run directory that TensorBoard's Projector reads: snapshots of one set of points."""

import os
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins import projector

from keras_siamese.files import atomic_path
from keras_siamese.ops.checks import as_embeddings, check_finite
from keras_siamese.tensorboard.bookmarks import bookmarks
from keras_siamese.tensorboard.metadata import Metadata
from keras_siamese.tensorboard.projector_refresh import refresh
from keras_siamese.tensorboard.sprite import Sprite

_CONFIG = "projector_config.pbtxt"
_METADATA = "metadata.tsv"
_SPRITE = "sprite.png"
_BOOKMARKS = "bookmarks.json"
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
# TensorBoard lists a run only if its own directory holds an event file, and reads the event files
# in the order of their names: the zeros put this one before any that another callback appends to.
# It also says whose the configuration is.
_MARKER = "events.out.tfevents.0000000000.projector"


class ProjectorRun:
    """Writes snapshots of one set of points into a run directory of TensorBoard's Projector.

    All snapshots share the metadata and the pictures, so that point `i` is the same item in each;
    columns that change from one to the next stand, behind the shared ones, in a table of the
    snapshot's own. What does not change is written once. Every file appears whole or not at all,
    and the configuration names no file that is not there: one broken configuration would empty the
    Projector tab for all runs. A TensorBoard that is running learns of each snapshot.

    Args:
        directory: The run directory. Created if need be.
        metadata: What is known about the points.
        sprite: The pictures of the points, in the same order; None for none.
        views: The columns, of all points or of a snapshot, for which there is a saved view that
            colours the points by it, as far as the Projector can.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        metadata: Metadata,
        sprite: Sprite | None = None,
        views: Sequence[str] = (),
    ) -> None:
        self.directory = Path(directory)
        self._metadata = metadata
        self._sprite = sprite
        self._views = views
        self._shared_files = {
            _METADATA: metadata.to_bytes(),
            _SPRITE: sprite.png if sprite else None,
        }

    def check_ownership(self) -> None:
        """Checks that the directory holds no configuration that something else has written.

        Raises:
            ValueError: If it does.
            OSError: If it cannot be read.
        """
        if (self.directory / _CONFIG).exists() and not (self.directory / _MARKER).exists():
            raise ValueError(
                f"{str(self.directory)!r} is another writer's: it holds a {_CONFIG} that was not "
                "written here, and would be lost. Choose another `name` for this run."
            )

    def write(
        self,
        name: str,
        embeddings: Any,
        columns: Mapping[str, Sequence[Any]] | None = None,
        keeps: Callable[[str], bool] = lambda name: True,
    ) -> None:
        """Writes one snapshot, in place of the one of the same name if there is one.

        Snapshots of other points, that is, with other metadata or pictures, are removed.

        Args:
            name: What the Projector calls the snapshot: letters, digits, `_`, `-` and `.`. Names
                that differ in case alone are the same, as they are to some disks.
            embeddings: Shape `(num_points, embedding_dim)`, in the order of the metadata.
            columns: What is known about the points of this snapshot alone: column name -> one value
                a point.
            keeps: Whether a snapshot that these points have already stays, by its name. Defaults to
                all.

        Raises:
            ValueError: If the name or the shape is another one, an embedding is NaN or infinite,
                or the directory is another writer's.
            OSError or tf.errors.OpError: If a file cannot be written.
        """
        tensor = self._as_tensor(embeddings)
        info = self._describe(check_snapshot_name(name), tensor, has_table=bool(columns))
        table = self._metadata.with_columns(columns or {})
        self.check_ownership()
        changed = self._changed(self._shared_files)
        # Beside metadata or pictures that differ, the snapshots are of other points.
        others = [
            other
            for other in ([] if changed else self._read_embeddings())
            if other.tensor_name.lower() != name.lower() and keeps(other.tensor_name)
        ]
        self._keep(others)
        self._write_marker()
        if views := bookmarks(table, self._views, tensor.shape[1]):
            changed |= self._changed({_BOOKMARKS: views})
        else:
            info.ClearField("bookmarks_path")
        for file, content in changed.items():
            self._write_file(file, content)
        self._write_file(info.tensor_path, _tensor_bytes(tensor))
        if columns:
            self._write_file(info.metadata_path, table.to_bytes())
        self._write_config([*others, info])

    def _as_tensor(self, embeddings: Any) -> np.ndarray:
        tensor = as_finite_embeddings(embeddings, len(self._metadata.lines))
        # The Projector leaves out tensors of one column, and shows no point of those of two until
        # its third axis is switched off. Columns of zeros move no point.
        return np.pad(tensor, ((0, 0), (0, max(0, 3 - tensor.shape[1]))))

    def _describe(self, name: str, tensor: np.ndarray, has_table: bool) -> projector.EmbeddingInfo:
        tensor_file, table_file = _files_of(name)
        info = projector.EmbeddingInfo(
            tensor_name=name,
            tensor_path=tensor_file,
            tensor_shape=tensor.shape,
            metadata_path=table_file if has_table else _METADATA,
            bookmarks_path=_BOOKMARKS,
        )
        if self._sprite:
            info.sprite.image_path = _SPRITE
            info.sprite.single_image_dim.extend([self._sprite.side, self._sprite.side])
        return info

    def _changed(self, files: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """Returns those of the files that the directory has otherwise, or not at all."""
        return {
            file: content
            for file, content in files.items()
            if _read_bytes(self.directory / file) != content
        }

    def _read_embeddings(self) -> list[projector.EmbeddingInfo]:
        content = _read_bytes(self.directory / _CONFIG) or b""
        try:
            return list(text_format.Parse(content, projector.ProjectorConfig()).embeddings)
        except text_format.ParseError:
            return []  # TensorBoard cannot read it either.

    def _keep(self, kept: Collection[projector.EmbeddingInfo]) -> None:
        dropped = [info for info in self._read_embeddings() if info not in kept]
        if not dropped:
            return
        self._write_config(kept)
        for info in dropped:
            for file in _files_of(info.tensor_name):
                (self.directory / file).unlink(missing_ok=True)

    def _write_config(self, embeddings: Collection[projector.EmbeddingInfo]) -> None:
        config = projector.ProjectorConfig(embeddings=embeddings)
        self._write_file(_CONFIG, text_format.MessageToString(config).encode() or None)
        refresh(self.directory)

    def _write_file(self, name: str, content: bytes | None) -> None:
        path = self.directory / name
        if content is None:
            path.unlink(missing_ok=True)
            return
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)

    def _write_marker(self) -> None:
        path = self.directory / _MARKER
        if path.exists():
            return
        with atomic_path(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            event = Event(wall_time=time.time(), file_version="brain.Event:2")
            writer.write(event.SerializeToString())


def check_snapshot_name(name: str) -> str:
    """Returns the name of a snapshot if it can be that of a file, and TensorBoard knows it again.

    Raises: ValueError: If not.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "The name of a snapshot must be of letters, digits, '_', '-' and '.', such as 'final'. "
            f"Received: {name!r}."
        )
    return name


def _files_of(name: str) -> tuple[str, ...]:
    """Returns the files of a snapshot; none of a name that is not one of ours."""
    return (f"{name}.bytes", f"metadata_{name}.tsv") if _NAME.fullmatch(name) else ()


def as_finite_embeddings(embeddings: Any, num_points: int) -> np.ndarray:
    """Returns the embeddings as float32, shape `(num_points, embedding_dim)`.

    Raises: ValueError: If the shape is another one, or if one is NaN or infinite.
    """
    tensor = keras.ops.convert_to_numpy(as_embeddings(embeddings))
    with np.errstate(over="ignore"):  # What float32 cannot hold is infinite below.
        tensor = tensor.astype("<f4")
    if len(tensor) != num_points or not tensor.size:
        raise ValueError(
            "Expected one embedding for each point. "
            f"Received: {len(tensor)} embeddings and {num_points} points."
        )
    check_finite("Embeddings", tensor)
    return tensor


def _tensor_bytes(tensor: np.ndarray) -> bytes:
    """Returns the rows as little-endian float32.

    TensorBoard takes the file for text unless its first line is invalid UTF-8, and then fails.
    No UTF-8 text holds the byte 0xff: as the lowest byte of the first number it settles the matter,
    and changes that number by 2^-15 of its size at most (0 becomes 4e-43).
    """
    return b"\xff" + tensor.tobytes()[1:]


def _read_bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
