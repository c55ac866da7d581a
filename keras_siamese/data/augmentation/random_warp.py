"""Small random turns, shifts and bends of images, all in one resampling."""

import math
from typing import Any

import keras
from keras import ops

from keras_siamese.ops.checks import check_positive

# Random displacements are drawn on so many points a side, and are smooth between them.
_NUM_POINTS = 4


@keras.saving.register_keras_serializable(package="keras_siamese")
class RandomWarp(keras.layers.Layer):
    """Bends, turns, scales, slants and shifts each image by random draws of its own.

    The pixel at `p`, seen from the centre, becomes the one at `A p + t + d(p)`, bilinearly
    interpolated: `A` turns, scales and slants, `t` shifts, and `d` is a smooth random field. As all
    this is one resampling, thin strokes are blurred once; a chain of layers blurs them each time.
    What lies beyond the border is taken from the border.

    Args:
        elastic: Standard deviation of the displacements `d`, as a fraction of the image's height
            and width; about, for they are smaller between the 4 x 4 points at which they are drawn.
            Defaults to 0.035, a pixel of 28.
        rotation: Largest angle, to either side, as a fraction of a full turn. Defaults to 0.
        zoom: Largest change of scale, 0.1 for 0.9 to 1.1; below 1. Defaults to 0.
        shear: Largest sideways shift of the upper and lower rows, as a fraction of their distance
            from the centre. Defaults to 0.
        translation: Largest shift along either axis, as a fraction of the image's height and width.
            Defaults to 0.
        seed: Integer that makes the draws reproducible. Defaults to `None`: drawn.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        images: Images, shape `(batch_size, height, width, channels)`, or one of them.
        training: Whether to do anything. Defaults to `True`.

    Raises: ValueError: If a size is negative or not finite, or `zoom` is not below 1.
    """

    def __init__(
        self,
        elastic: float = 0.035,
        *,
        rotation: float = 0.0,
        zoom: float = 0.0,
        shear: float = 0.0,
        translation: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.elastic = _check_size("elastic", elastic)
        self.rotation = _check_size("rotation", rotation)
        self.zoom = _check_size("zoom", zoom, below=1.0)
        self.shear = _check_size("shear", shear)
        self.translation = _check_size("translation", translation)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = True) -> Any:
        """Returns the images, in floats, shape kept."""
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        if len(images.shape) == 3:
            return ops.squeeze(_sample(images[None], self._places(1, images.shape)), axis=0)
        return _sample(images, self._places(ops.shape(images)[0], images.shape[1:]))

    def _places(self, num_images: Any, shape: Any) -> Any:
        """Draws where each pixel comes from: `(row, column)`, shape `(num_images, H, W, 2)`."""
        height, width = shape[0], shape[1]
        size = ops.convert_to_tensor([height, width], "float32")
        draws = keras.random.uniform((num_images, 5), -1.0, 1.0, "float32", self.seed_generator)
        angle = 2 * math.pi * self.rotation * draws[:, 0]
        scale, slant = 1 + self.zoom * draws[:, 1], self.shear * draws[:, 2]
        sin, cos = scale * ops.sin(angle), scale * ops.cos(angle)
        matrix = ops.stack([cos, -sin, sin + slant, cos], axis=1)
        matrix = ops.reshape(matrix, (-1, 2, 2))
        shift = (self.translation * size * draws[:, 3:])[:, None, None]
        displacements = keras.random.normal(
            (num_images, _NUM_POINTS, _NUM_POINTS, 2),
            0.0,
            self.elastic,
            "float32",
            self.seed_generator,
        )
        bend = ops.einsum(
            "hi,bijk,wj->bhwk",
            _interpolation_matrix(height),
            displacements * size,
            _interpolation_matrix(width),
        )
        centre = (size - 1) / 2
        axes = ops.arange(height, dtype="float32"), ops.arange(width, dtype="float32")
        grid = ops.stack(ops.meshgrid(*axes, indexing="ij"), axis=-1) - centre
        return ops.einsum("bij,hwj->bhwi", matrix, grid) + centre + shift + bend

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape, as it was."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "elastic": self.elastic,
            "rotation": self.rotation,
            "zoom": self.zoom,
            "shear": self.shear,
            "translation": self.translation,
            "seed": self.seed,
        }


def _check_size(argument: str, received: float, below: float = math.inf) -> float:
    return 0.0 if received == 0 else check_positive(argument, received, below=below)


def _interpolation_matrix(size: int) -> Any:
    """Returns the weights of the points at each of `size` pixels, shape `(size, _NUM_POINTS)`."""
    points = ops.eye(_NUM_POINTS)[..., None]
    return ops.image.resize(points, (size, _NUM_POINTS), interpolation="bicubic")[..., 0]


def _sample(images: Any, places: Any) -> Any:
    """Returns the images at `(row, column)` places, bilinearly, shape `(B, H, W, C)`."""
    _, height, width, channels = images.shape
    last = ops.convert_to_tensor([height - 1, width - 1], "float32")
    places = ops.clip(places, 0.0, last)
    corner = ops.floor(places)
    down, right = ops.split(ops.cast(places - corner, images.dtype), 2, axis=-1)
    rows, columns = (
        [ops.cast(place, "int32") for place in (nearer, ops.minimum(nearer + 1, end))]
        for nearer, end in ((corner[..., 0], height - 1), (corner[..., 1], width - 1))
    )
    first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (height * width)
    pixels = ops.reshape(images, (-1, channels))

    def at(rows: Any, columns: Any) -> Any:
        return ops.take(pixels, first + rows * width + columns, axis=0)

    upper, lower = ((1 - right) * at(row, columns[0]) + right * at(row, columns[1]) for row in rows)
    return (1 - down) * upper + down * lower
