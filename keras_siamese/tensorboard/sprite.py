"""Sprite sheets: the pictures of all items in one image, as TensorBoard's Projector reads them."""

import io
import math
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

# A sheet that is larger by a pixel is not loaded, and neither are its points.
_LARGEST_SHEET = 8192
# Points are drawn no larger than this, and a sheet of large pictures is slow to write and to load.
_LARGEST_PICTURE = 64
# In two dimensions the Projector draws a picture pixel by pixel: 8 x 8 digits would be specks.
_SMALLEST_PICTURE = 24


class Sprite(NamedTuple):
    """A square sheet of square pictures, row by row.

    Attributes:
        png: The sheet as the bytes of a PNG file.
        side: Width and height of one picture in pixels.
    """

    png: bytes
    side: int


def looks_like_images(x: Any) -> bool:
    """Returns whether `x` is most likely a set of images rather than other data.

    That is: uint8 or floats, of shape `(N, H, W)`, `(N, H, W, 1)` or `(N, H, W, 3)`, with `H` and
    `W` at least 4.
    """
    if not isinstance(x, np.ndarray):
        return False
    is_pixels = x.dtype == np.uint8 or np.issubdtype(x.dtype, np.floating)
    return is_pixels and _has_image_shape(x) and min(x.shape[1:3]) >= 4


def draw_sprite(images: np.ndarray) -> Sprite:
    """Draws images of one size as one sheet, each small enough for the sheet to be loadable.

    Pictures keep their proportions: narrow ones are centred on black. Larger ones than 64 pixels,
    or than 8192 pixels divided by the number of columns, become thumbnails; the smallest are
    magnified.

    Args:
        images: Shape `(N, H, W)`, `(N, H, W, 1)` or `(N, H, W, 3)`. uint8 is drawn as it is; of any
            other type the smallest value of the whole set is black and the largest white.

    Returns: The sheet, of `ceil(sqrt(N))` rows and columns.

    Raises: ValueError: If the shape is another one, or if a pixel is NaN or infinite.
    """
    if not _has_image_shape(images):
        raise ValueError(
            "`images` must have shape (N, H, W), (N, H, W, 1) or (N, H, W, 3). "
            f"Received: shape {images.shape}. Use `images=None` for points without pictures."
        )
    if images.shape[-1] == 1 and images.ndim == 4:
        images = images[..., 0]
    columns = math.ceil(math.sqrt(len(images)))
    longest = max(images.shape[1:3])
    enlarged = longest * max(1, _SMALLEST_PICTURE // longest)
    side = min(enlarged, _LARGEST_PICTURE, _LARGEST_SHEET // columns)

    sheet = Image.new("L" if images.ndim == 3 else "RGB", (columns * side, columns * side))
    darkest, scale = _pixel_scale(images)
    for position, image in enumerate(images):
        if images.dtype != np.uint8:
            image = ((image.astype("float32") - darkest) * scale).round().astype("uint8")
        picture = _fit(Image.fromarray(image), side)
        row, column = divmod(position, columns)
        left = column * side + (side - picture.width) // 2
        top = row * side + (side - picture.height) // 2
        sheet.paste(picture, (left, top))
    file = io.BytesIO()
    sheet.save(file, format="PNG", compress_level=1)
    return Sprite(file.getvalue(), side)


def _has_image_shape(x: np.ndarray) -> bool:
    return (x.ndim == 3 or (x.ndim == 4 and x.shape[-1] in (1, 3))) and min(x.shape) > 0


def _pixel_scale(images: np.ndarray) -> tuple[float, float]:
    """Returns what is black, and what takes its distance from white to 255."""
    darkest, brightest = float(images.min()), float(images.max())
    if not (math.isfinite(darkest) and math.isfinite(brightest)):
        raise ValueError(
            "`images` must be finite. Received: NaN or infinity. "
            "Mend them, or use `images=None` for points without pictures."
        )
    return darkest, 255.0 / (brightest - darkest) if brightest > darkest else 0.0


def _fit(picture: Image.Image, side: int) -> Image.Image:
    """Returns the picture with its longer edge `side` pixels long."""
    longest = max(picture.size)
    if longest == side:
        return picture
    width, height = (max(1, round(edge * side / longest)) for edge in picture.size)
    crisp, smooth = Image.Resampling.NEAREST, Image.Resampling.BOX
    return picture.resize((width, height), crisp if longest < side else smooth)
