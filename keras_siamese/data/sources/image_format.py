"""What images are to look like: the same size and channels, whatever the files hold."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from keras_siamese.ops.checks import check_choice, check_count

CHANNELS = {"grayscale": 1, "rgb": 3}
RESIZES = ("stretch", "crop", "pad")


@dataclass(frozen=True)
class ImageFormat:
    """Size and channels of images, and how they come to them; checked when made.

    Pixels are float32 in [0, 1], in steps of 1/255, after resizing too. Transparency is ignored.
    Shrinking takes the mean of the area of each new pixel, so that fine lines do not vanish;
    enlarging is bilinear.

    Attributes:
        size: `(height, width)`, or `None`: images have one size and keep it.
        color_mode: `"rgb"`, 3 channels, or `"grayscale"`, 1 channel.
        resize: What happens to images of another aspect ratio than `size`: `"stretch"` changes it,
            `"crop"` cuts off what protrudes on two sides, `"pad"` adds black on two sides.

    Raises: ValueError: If an argument is none of these.
    """

    size: tuple[int, int] | None = None
    color_mode: str = "rgb"
    resize: str = "stretch"

    def __post_init__(self) -> None:
        check_choice("color_mode", self.color_mode, CHANNELS)
        check_choice("resize", self.resize, RESIZES)
        if self.size is None:
            return
        if not isinstance(self.size, tuple | list) or len(self.size) != 2:
            raise ValueError(
                f"`size` must be (height, width), or None. Received: {self.size!r}. "
                "For squares of 32 pixels use (32, 32)."
            )
        for length in self.size:
            check_count("size", length)

    @property
    def shape(self) -> tuple[int | None, int | None, int]:
        """The shape of an image, `None` where it is that of the file."""
        height, width = self.size or (None, None)
        return height, width, CHANNELS[self.color_mode]

    def decode(self, files: tf.Tensor) -> tf.Tensor:
        """Decodes a batch of images, as a part of a graph.

        Args:
            files: What the files hold (JPEG, PNG, GIF, BMP or WebP), strings, shape
                `(batch_size,)`.

        Returns: float32 in [0, 1], shape `(batch_size, height, width, channels)`.
        """
        return self._each(files, lambda file: self._fitted(decode_image(file)))

    def read(self, paths: tf.Tensor, *, fit_already: bool = False) -> tf.Tensor:
        """Reads and decodes a batch of files, in less time than first one, then the other.

        Args:
            paths: Strings, shape `(batch_size,)`.
            fit_already: Whether all are known to have the size and the channels wanted. To look at
                each image takes a fifth of the time, if they are small.

        Returns: As `decode`.
        """
        fitted = self._checked if fit_already else self._fitted
        return self._each(paths, lambda path: fitted(decode_image(tf.io.read_file(path))))

    def _each(self, items: tf.Tensor, load: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        # Few operations for each image: each costs as much as decoding some 100 pixels.
        images = tf.map_fn(load, items, fn_output_signature=tf.TensorSpec(self.shape, tf.uint8))
        return tf.cast(images, tf.float32) * (1 / tf.uint8.max)

    def _checked(self, image: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(image, self.shape)

    def _fitted(self, image: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(image)
        is_right = shape[2] == CHANNELS[self.color_mode]
        if self.size is not None:
            is_right = tf.reduce_all(shape == self.shape)
        fitted = tf.cond(is_right, lambda: image, lambda: self._resized(self._recolored(image)))
        return self._checked(fitted)

    def _recolored(self, image: tf.Tensor) -> tf.Tensor:
        """Turns grey, grey and alpha, RGB, or RGB and alpha into the channels wanted."""
        num_channels = tf.shape(image)[2]
        if self.color_mode == "grayscale":
            return tf.cond(num_channels < 3, lambda: image[:, :, :1], lambda: _luma(image))
        sources = tf.constant([[0, 0, 0], [0, 0, 0], [0, 1, 2], [0, 1, 2]])
        return tf.gather(image, sources[num_channels - 1], axis=2)

    def _resized(self, image: tf.Tensor) -> tf.Tensor:
        if self.size is None:
            return image
        size = tf.constant(self.size)
        if self.resize == "stretch":
            return _resample(image, size)
        shape = tf.shape(image)[:2]
        scales = tf.cast(size / shape, tf.float32)
        if self.resize == "crop":
            # The largest part of the image that has the aspect ratio of `size`.
            part = _rounded(tf.cast(size, tf.float32) / tf.reduce_max(scales))
            top, left = tf.unstack((shape - part) // 2)
            return _resample(image[top : top + part[0], left : left + part[1]], size)
        part = _rounded(tf.cast(shape, tf.float32) * tf.reduce_min(scales))
        top, left = tf.unstack((size - part) // 2)
        return tf.image.pad_to_bounding_box(_resample(image, part), top, left, *self.size)


def decode_image(file: tf.Tensor) -> tf.Tensor:
    """Decodes one image as it is, the first frame of an animation.

    Args:
        file: What the file holds, a string.

    Returns: uint8, shape `(height, width, 1 to 4 channels)`: 16 bits are cut to 8.
    """
    return tf.ensure_shape(tf.io.decode_image(file, expand_animations=False), (None, None, None))


def _luma(image: tf.Tensor) -> tf.Tensor:
    """Returns the grey, 1 channel, that is as bright as RGB to the eye (ITU-R BT.601)."""
    weights = tf.constant([[0.299], [0.587], [0.114]])
    grey = tf.tensordot(tf.cast(image[:, :, :3], tf.float32), weights, 1)
    return tf.cast(tf.round(grey), image.dtype)


def _rounded(lengths: tf.Tensor) -> tf.Tensor:
    return tf.maximum(1, tf.cast(tf.round(lengths), tf.int32))


def _resample(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    def by(method: str) -> tf.Tensor:
        return tf.image.resize(image, size, method)

    shrinks = tf.reduce_any(tf.shape(image)[:2] > size)
    resampled = tf.cond(shrinks, lambda: by("area"), lambda: by("bilinear"))
    return tf.cast(tf.round(resampled), image.dtype)
