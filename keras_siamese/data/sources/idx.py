"""IDX files, in which MNIST and its successors come, as a source."""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.data.sources.arrays import ArraySource
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_choice

# How the files of a part are called.
PARTS = {"train": "train", "test": "t10k"}


class IdxSource(ArraySource):
    """Images that are kept as bytes, and scaled when they are asked for: see `from_idx`."""

    def fetch(self, indices: tf.Tensor) -> Any:
        """Reads a batch of images, in [0, 1]."""
        return tf.cast(super().fetch(indices), tf.float32) * (1 / tf.uint8.max)

    _take = Source._take  # by `fetch`, not the bytes


def from_idx(folder: str | os.PathLike[str], part: str = "train") -> Source:
    """The images of MNIST-like IDX files as a source.

    They are kept in memory, as bytes, and come in [0, 1], float32, shape `(height, width, 1)`.

    Args:
        folder: Where the files lie, packed by gzip or not: `train-images-idx3-ubyte`,
            `train-labels-idx1-ubyte`, and `t10k-...` for the test.
        part: `"train"` (the default) or `"test"`.

    Returns: A `Source`.

    Raises: ValueError: If a file is missing, is cut off, or is no IDX file of such a kind.

    Example:
        >>> train, test = from_idx("fashion-mnist"), from_idx("fashion-mnist", "test")
    """
    return IdxSource(*read_idx_part(folder, part))


def read_idx_part(folder: str | os.PathLike[str], part: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels of one part of a data set of IDX files.

    Args:
        folder: Where the files lie.
        part: `"train"` or `"test"`.

    Returns: `(images, labels)`: bytes, shapes `(num_images, height, width, 1)` and `(num_images,)`.

    Raises: ValueError: If a file is missing, is cut off, or is no IDX file of such a kind.
    """
    check_choice("part", part, PARTS)
    images_file, labels_file = (
        _find(folder, f"{PARTS[part]}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")
    )
    images, labels = _read(images_file, num_axes=3), _read(labels_file, num_axes=1)
    if len(images) != len(labels) or not images.size:
        raise ValueError(
            f"Expected one label for each image, and at least one. Received: images of shape "
            f"{images.shape} in {images_file}, and {len(labels)} labels in {labels_file}."
        )
    return images[..., None], labels


def has_idx_part(folder: str | os.PathLike[str], part: str) -> bool:
    """Whether a folder holds the IDX files of a part, or one of the two."""
    return any(Path(folder).glob(f"{PARTS[part]}-*-ubyte*"))


def _find(folder: str | os.PathLike[str], name: str) -> Path:
    candidates = [Path(folder) / name, Path(folder) / f"{name}.gz"]
    for path in candidates:
        if path.is_file():
            return path
    raise ValueError(
        f"No such file: {candidates[0]}, nor {candidates[1].name}. Expected an IDX file."
    )


def _read(path: Path, num_axes: int) -> np.ndarray:
    """Returns the bytes in an IDX file, in its shape."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is no whole gzip file: {error}. Copy it anew.") from error
    # Two zero bytes, the type (8: unsigned bytes), the number of axes, and the size of each.
    header_size = 4 + 4 * num_axes
    if data[:4] != bytes([0, 0, 8, num_axes]) or len(data) < header_size:
        raise ValueError(
            f"Expected an IDX file of bytes with {num_axes} axes. Received: {path}, which starts "
            f"with {data[:4].hex(' ')!r} in place of '00 00 08 {num_axes:02x}'."
        )
    shape = tuple(np.frombuffer(data, ">u4", count=num_axes, offset=4).tolist())
    values = np.frombuffer(data, np.uint8, offset=header_size)
    if len(values) != math.prod(shape):
        raise ValueError(
            f"{path} is cut off, or too long. Expected {math.prod(shape)} bytes for shape {shape}. "
            f"Received: {len(values)}. Copy it anew."
        )
    return values.reshape(shape)
