"""Sprite sheets: the pictures of all items in one image, as TensorBoard's Projector reads them."""

import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

# A sheet that is larger by a pixel is not loaded, and neither are its points.
_LARGEST_SHEET = 8192
# Points are drawn no larger than this, and a sheet of large pictures is slow to write and to load.
_LARGEST_PICTURE = 64
# In two dimensions the Projector draws a picture pixel by pixel: 8 x 8 digits would be specks.
_SMALLEST_PICTURE = 24
_CHANNELS = (1, 3, 4)


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

    That is: uint8, booleans or floats, of shape `(N, H, W)`, `(N, H, W, 1)`, `(N, H, W, 3)` or, of
    uint8, `(N, H, W, 4)`, with `H` and `W` at least 4.
    """
    if not isinstance(x, np.ndarray) or x.ndim not in (3, 4) or min(x.shape[1:3]) < 4:
        return False
    channels = x.shape[3] if x.ndim == 4 else 1
    if x.dtype == np.uint8:
        return channels in _CHANNELS
    return x.dtype.kind in "bf" and channels in (1, 3)


def draw_sprite(images: np.ndarray | Sequence[np.ndarray]) -> Sprite:
    """Draws images as one sheet, each small enough for the sheet to be loadable.

    Pictures keep their proportions: narrow ones are centred on black. Larger ones than 64 pixels,
    or than 8192 pixels divided by the number of columns, become thumbnails; the smallest are
    magnified. What is transparent is drawn on white.

    Args:
        images: One for each point, shapes `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)`: an
            array, or a list of images of several sizes. uint8 is drawn as it is, booleans black and
            white; of any other type the smallest value of the whole set is black and the largest
            white. A fourth channel is the opacity, from 0 to 255 or, in floats, to 1.

    Returns: The sheet, of `ceil(sqrt(N))` rows and columns.

    Raises: ValueError: If there is no image, a shape is another one, or a pixel is NaN, infinite or
        no number.
    """
    if not isinstance(images, np.ndarray):
        images = [np.asarray(image) for image in images]
    _check_images(images)
    columns = math.ceil(math.sqrt(len(images)))
    longest = max(max(image.shape[:2]) for image in images)
    enlarged = longest * max(1, _SMALLEST_PICTURE // longest)
    side = min(enlarged, _LARGEST_PICTURE, _LARGEST_SHEET // columns)

    is_grey = all(image.ndim == 2 or image.shape[2] == 1 for image in images)
    sheet = Image.new("L" if is_grey else "RGB", (columns * side, columns * side))
    darkest, scale = _pixel_scale(images)
    for position, image in enumerate(images):
        picture = _fit(_as_picture(image, darkest, scale), side)
        row, column = divmod(position, columns)
        left = column * side + (side - picture.width) // 2
        top = row * side + (side - picture.height) // 2
        sheet.paste(picture, (left, top))
    file = io.BytesIO()
    sheet.save(file, format="PNG", compress_level=1)
    return Sprite(file.getvalue(), side)


def _check_images(images: np.ndarray | Sequence[np.ndarray]) -> None:
    if not len(images):
        raise ValueError("Expected an image for each point. Received: none.")
    for image in images[:1] if isinstance(images, np.ndarray) else images:
        has_channels = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in _CHANNELS)
        if not has_channels or min(image.shape) < 1 or image.dtype.kind not in "biuf":
            raise ValueError(
                "`images` must be numbers, each image of shape (H, W), (H, W, 1), (H, W, 3) or "
                f"(H, W, 4). Received: an image of shape {image.shape} and dtype {image.dtype}. "
                "Use `images=None` for points without pictures."
            )


def _pixel_scale(images: Any) -> tuple[float, float]:
    """Returns what is black, and what takes its distance from white to 255."""
    lows, highs = [math.inf], [-math.inf]
    is_array = isinstance(images, np.ndarray)
    for part in [images] if is_array else images:
        if part.dtype not in (np.uint8, bool):
            colours = part[..., :3] if part.ndim == 3 + is_array else part
            lows.append(float(colours.min()))
            highs.append(float(colours.max()))
    # Unlike those of Python, these let NaN through.
    darkest, brightest = float(np.min(lows)), float(np.max(highs))
    if len(lows) > 1 and not (math.isfinite(darkest) and math.isfinite(brightest)):
        raise ValueError(
            "`images` must be finite. Received: NaN or infinity. "
            "Mend them, or use `images=None` for points without pictures."
        )
    return darkest, 255.0 / (brightest - darkest) if brightest > darkest else 0.0


def _as_picture(image: np.ndarray, darkest: float, scale: float) -> Image.Image:
    colours = image[..., :3] if image.ndim == 3 else image
    if colours.shape[2:] == (1,):
        colours = colours[..., 0]
    if colours.dtype == bool:
        colours = colours * np.uint8(255)
    elif colours.dtype != np.uint8:
        colours = colours.astype(np.result_type(colours, np.float32))
        colours = ((colours - darkest) * scale).round().clip(0, 255).astype("uint8")
    picture = Image.fromarray(np.ascontiguousarray(colours))
    if colours.ndim == 2 or image.shape[2] == 3:
        return picture
    opacity = image[..., 3].astype("float32")
    if image.dtype == bool or (image.dtype.kind == "f" and opacity.max() <= 1):
        opacity *= 255
    mask = Image.fromarray(np.nan_to_num(opacity).clip(0, 255).astype("uint8"))
    return Image.composite(picture, Image.new("RGB", picture.size, "white"), mask)


def _fit(picture: Image.Image, side: int) -> Image.Image:
    """Returns the picture with its longer edge `side` pixels long."""
    longest = max(picture.size)
    if longest == side:
        return picture
    width, height = (max(1, round(edge * side / longest)) for edge in picture.size)
    crisp, smooth = Image.Resampling.NEAREST, Image.Resampling.BOX
    return picture.resize((width, height), crisp if longest < side else smooth)
