"""Image files as a source: read and decoded when they are asked for."""

import functools
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import host_tensor
from keras_siamese.data.sources.image_format import ImageFormat, decode_image
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_choice, check_same_length


class FileSource(Source):
    """Items that are image files: see `from_image_folder` and `from_table`.

    Args:
        paths: Paths of the files, at least one, shape `(num_items,)`.
        labels: Class labels, shape `(num_items,)`.
        groups: Super-class of each item, shape `(num_items,)`, or `None`.
        image_format: What the images are to look like. Without a `size` all must have one size.
        corrupt: What happens to files that cannot be read or decoded: `"error"`, `"skip"` leaves
            them out and warns, `"unchecked"` looks at the first file only.

    Attributes:
        paths: Paths of the items, an array of strings, shape `(num_items,)`.
        skipped: Paths of the corrupt files that were left out, shape `(num_skipped,)`.

    Raises: ValueError: If files cannot be read or decoded and are not skipped, no other is left,
        sizes differ without a `size`, or labels are refused by `Source`.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        labels: Any,
        groups: Any = None,
        image_format: ImageFormat | None = None,
        corrupt: str = "error",
    ) -> None:
        check_choice("corrupt", corrupt, ("error", "skip", "unchecked"))
        super().__init__(labels, groups)
        check_same_length(paths=paths, labels=self.labels)
        self.paths = np.array([os.fspath(path) for path in paths], object)
        self._format = image_format or ImageFormat()
        shapes = _decoded_shapes(self.paths[:1] if corrupt == "unchecked" else self.paths)
        is_decoded = shapes[:, 0] > 0
        self.skipped = self.paths[: len(shapes)][~is_decoded]
        if not is_decoded.all():
            message = _named_corrupt(self.paths[: len(shapes)], is_decoded)
            if corrupt != "skip" or not is_decoded.any():
                raise ValueError(
                    f"{message} Delete them or get them again, or use "
                    '`corrupt="skip"` to leave out those that cannot be decoded.'
                )
            warnings.warn(
                f"{message} They are left out; `skipped` of the source names all.", stacklevel=3
            )
            self.paths, self.labels = self.paths[is_decoded], self.labels[is_decoded]
            self.groups = None if self.groups is None else self.groups[is_decoded]
            shapes = shapes[is_decoded]
        self._shape = self._format.shape
        if self._format.size is None:
            self._shape = (*_common_size(self.paths, shapes), self._shape[2])
        self._fit_already = corrupt != "unchecked" and bool((shapes == self._shape).all())

    def fetch(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads and decodes a batch of images.

        Args:
            indices: Places of items, int64, shape `(batch_size,)`.

        Returns: float32 in [0, 1], shape `(batch_size, height, width, channels)`.
        """
        paths = tf.gather(self._path_tensor, indices)
        images = self._format.read(paths, fit_already=self._fit_already)
        return tf.ensure_shape(images, (indices.shape[0], *self._shape))

    @functools.cached_property
    def _path_tensor(self) -> tf.Tensor:
        return host_tensor(self.paths)


def named(values: Sequence[Any]) -> str:
    """Returns the first three values for an error."""
    return ", ".join(map(repr, values[:3])) + (", ..." if len(values) > 3 else "")


def _decoded_shapes(paths: np.ndarray) -> np.ndarray:
    """Returns the (height, width, channels) of files, zeros where one cannot be decoded."""
    tensor = host_tensor(paths)

    def shape_of(place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return place, tf.shape(decode_image(tf.io.read_file(tensor[place])))

    shapes = np.zeros((len(paths), 3), np.int32)
    decoded = (
        tf.data.Dataset.range(len(paths))
        .map(shape_of, num_parallel_calls=tf.data.AUTOTUNE)
        .ignore_errors()
        .batch(1024)
    )
    for places, some in decoded.as_numpy_iterator():
        shapes[places] = some
    return shapes


def _named_corrupt(paths: np.ndarray, is_decoded: np.ndarray) -> str:
    wrong = paths[~is_decoded].tolist()
    return (
        f"{len(wrong)} of {len(paths)} files cannot be read, or are no whole JPEG, PNG, GIF, BMP "
        f"or WebP images: {named(wrong)}."
    )


def _common_size(paths: np.ndarray, shapes: np.ndarray) -> tuple[int, int]:
    """Returns the (height, width) that all files share.

    Raises: ValueError: If two differ.
    """
    sizes = shapes[:, :2]
    height, width = sizes[0].tolist()
    others = np.flatnonzero((sizes != sizes[0]).any(axis=1))
    if len(others):
        other = others[0]
        raise ValueError(
            "Images must have one size, unless a `size` is given that they are brought to. "
            f"Received: {paths[0]!r} with (height, width) = {(height, width)} and "
            f"{paths[other]!r} with {tuple(sizes[other].tolist())}. "
            f"Use a `size`, such as `size=({height}, {width})`."
        )
    return height, width
