"""The run directory that TensorBoard's Projector reads: snapshots of one set of points."""

import os
import re
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins import projector

from keras_siamese.files import atomic_path
from keras_siamese.ops.checks import as_embeddings
from keras_siamese.tensorboard.sprite import Sprite

_CONFIG = "projector_config.pbtxt"
_METADATA = "metadata.tsv"
_SPRITE = "sprite.png"
# TensorBoard lists a run only if its own directory holds an event file, and reads the event files
# in the order of their names: the zeros put this one before any that another callback appends to.
_MARKER = "events.out.tfevents.0000000000.projector"
# All that ends a line or a cell somewhere, the control characters, and the byte-order mark.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+")


class ProjectorRun:
    """Writes snapshots of one set of points into a run directory of TensorBoard's Projector.

    All snapshots share the metadata and the pictures, so that point `i` is the same item in each.
    Every file appears whole or not at all, and the configuration names no file that is not there:
    one broken configuration would empty the Projector tab for all runs.

    Args:
        directory: The run directory. Created if need be.
        columns: What is known about the points: column name -> one value a point. The first
            column's values label the points. Tabs and line ends become spaces.
        sprite: The pictures of the points, in the same order; None for none.

    Raises: ValueError: If there are fewer than two points, or if a column has another length than
        the first one.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        columns: Mapping[str, Sequence[Any]],
        sprite: Sprite | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.num_points = _check_columns(columns)
        self._sprite = sprite
        self._shared_files = {
            _METADATA: _metadata_table(columns),
            _SPRITE: sprite.png if sprite else None,
        }

    def snapshots(self) -> list[str]:
        """Returns the names of the snapshots of these very points, in the order of writing.

        Snapshots of points with other metadata or pictures do not count.
        """
        return [info.tensor_name for info in self._current_embeddings()]

    def keep(self, names: Collection[str]) -> None:
        """Removes all snapshots but those of these points that are named.

        Args:
            names: Names of snapshots to keep.
        """
        self._keep([info for info in self._current_embeddings() if info.tensor_name in names])

    def write(self, name: str, embeddings: Any) -> None:
        """Writes one snapshot, in place of the one of the same name if there is one.

        Args:
            name: What the Projector calls the snapshot.
            embeddings: Shape `(num_points, embedding_dim)`, in the order of the columns.

        Raises: ValueError: If the shape is another one, or if an embedding is NaN or infinite.
        """
        tensor = self._as_tensor(embeddings)
        others = [info for info in self._current_embeddings() if info.tensor_name != name]
        self._keep(others)
        for file, content in self._shared_files.items():
            if _read_bytes(self.directory / file) != content:
                self._write_file(file, content)
        self._write_file(_tensor_file(name), _tensor_bytes(tensor))
        self._write_config([*others, self._describe(name, tensor)])
        self._write_marker()

    def _as_tensor(self, embeddings: Any) -> np.ndarray:
        tensor = keras.ops.convert_to_numpy(as_embeddings(embeddings))
        with np.errstate(over="ignore"):  # What float32 cannot hold is infinite below.
            tensor = tensor.astype("<f4")
        if len(tensor) != self.num_points:
            raise ValueError(
                "Expected one embedding for each point. "
                f"Received: {len(tensor)} embeddings and {self.num_points} points."
            )
        broken = int(np.sum(~np.isfinite(tensor).all(axis=1)))
        if broken:
            raise ValueError(
                f"Embeddings must be finite. Received: NaN or infinity in {broken} of "
                f"{len(tensor)} rows. Look for NaN in the inputs; if there is none, training has "
                "diverged: use a smaller learning rate or `clipnorm` in the optimizer."
            )
        # The Projector leaves out tensors of one column. A column of zeros moves no point.
        return np.pad(tensor, ((0, 0), (0, max(0, 2 - tensor.shape[1]))))

    def _describe(self, name: str, tensor: np.ndarray) -> projector.EmbeddingInfo:
        info = projector.EmbeddingInfo(
            tensor_name=name,
            tensor_path=_tensor_file(name),
            tensor_shape=tensor.shape,
            metadata_path=_METADATA,
        )
        if self._sprite:
            info.sprite.image_path = _SPRITE
            info.sprite.single_image_dim.extend([self._sprite.side, self._sprite.side])
        return info

    def _current_embeddings(self) -> list[projector.EmbeddingInfo]:
        """Returns what the configuration says of these points; nothing if it shows others."""
        is_current = all(
            _read_bytes(self.directory / file) == content
            for file, content in self._shared_files.items()
        )
        return self._read_embeddings() if is_current else []

    def _read_embeddings(self) -> list[projector.EmbeddingInfo]:
        content = _read_bytes(self.directory / _CONFIG) or b""
        return list(text_format.Parse(content, projector.ProjectorConfig()).embeddings)

    def _keep(self, kept: Collection[projector.EmbeddingInfo]) -> None:
        dropped = [info for info in self._read_embeddings() if info not in kept]
        if not dropped:
            return
        self._write_config(kept)
        for info in dropped:
            (self.directory / _tensor_file(info.tensor_name)).unlink(missing_ok=True)

    def _write_config(self, embeddings: Collection[projector.EmbeddingInfo]) -> None:
        config = projector.ProjectorConfig(embeddings=embeddings)
        self._write_file(_CONFIG, text_format.MessageToString(config).encode() or None)

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


def _check_columns(columns: Mapping[str, Sequence[Any]]) -> int:
    lengths = {name: len(values) for name, values in columns.items()}
    num_points = next(iter(lengths.values()))
    if num_points < 2:
        raise ValueError(f"The Projector shows two points or more. Received: {num_points}.")
    if set(lengths.values()) != {num_points}:
        raise ValueError(
            f"Each metadata column needs one value a point. Received lengths: {lengths}."
        )
    return num_points


def _metadata_table(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Returns the columns as tab-separated text; a header stands only over two columns or more."""
    rows = list(zip(*columns.values(), strict=True))
    if len(columns) > 1:
        rows.insert(0, tuple(columns))
    lines = ("\t".join(map(_cell, row)) for row in rows)
    # A line without any text would be skipped, and all labels after it would move up.
    return "".join(f"{line if line.strip() else '(empty)' + line}\n" for line in lines).encode()


def _cell(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    text = text.encode(errors="replace").decode()
    return _UNPRINTABLE.sub(" ", text).strip()


def _tensor_file(name: str) -> str:
    return f"{name}.bytes"


def _tensor_bytes(tensor: np.ndarray) -> bytes:
    """Returns the rows as little-endian float32.

    TensorBoard takes the file for text unless its first line is invalid UTF-8, and then fails.
    No UTF-8 text holds the byte 0xff: as the lowest byte of the first number it settles the matter,
    and changes that number by 2^-15 of its size at most (0 becomes 4e-43).
    """
    return b"\xff" + tensor.tobytes()[1:]


def _read_bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
