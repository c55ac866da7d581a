"""The items of a set as they are shown: pictures as they look, texts as they read."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_siamese.data import Source

# A picture is drawn with no more pixels a side than this.
_LARGEST_PICTURE = 256
# Values up to 1.01, or up to 16, do not mean that 255 is white.
_LEAST_WHITE = 64


class Items:
    """The items of a set, of which some are to be shown.

    Numbers of shape `(N, H, W)` or `(N, H, W, 1, 3 or 4)` are pictures, strings are texts, and of
    anything else the places in the set are shown.

    Args:
        items: An array, a list of texts, or a `keras_siamese.data.Source`, of which only those
            shown are read. `None`: there is nothing but places.
        num_items: How many there must be.

    Attributes:
        kind: `"pictures"`, `"texts"` or `"places"`.

    Raises: ValueError: If there are fewer or more.
    """

    def __init__(self, items: Any, num_items: int) -> None:
        if items is not None and _length(items) != num_items:
            raise ValueError(
                f"Expected one of `items` for each embedding, in the same order. Received: "
                f"{_length(items)} items and {num_items} embeddings."
            )
        self._source = items if isinstance(items, Source) else None
        self._items = None if items is None or self._source else _as_array(items)
        sample = self._take(np.arange(1)) if self._source else self._items
        self.kind = _kind(sample)

    def pictures(self, places: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns pictures, RGB or RGBA as bytes, shape `(len(places), H, W, 3 or 4)`.

        Their scale is that of all items: of bytes 0 to 255; of other numbers 0 to 1 (floats only),
        -1 to 1 (the same) or 0 to 255 (if one is above 64), whichever is the first that holds them
        all, or else from the least of them to the greatest. Of a source, those asked for decide.

        Raises: ValueError: If a pixel is NaN or infinite.
        """
        pictures = self._take(np.asarray(places))
        return as_bytes(pictures, self._range or pixel_range(pictures))

    @functools.cached_property
    def _range(self) -> tuple[float, float] | None:
        return None if self._items is None else pixel_range(self._items)

    def texts(self, places: Sequence[int] | np.ndarray) -> list[str]:
        """Returns texts, or `"item 17"` of what is none, one for each of the places."""
        if self.kind != "texts":
            return [f"item {place}" for place in np.asarray(places).tolist()]
        return [_as_text(text) for text in np.ravel(self._take(np.asarray(places)))]

    def _take(self, places: np.ndarray) -> Any:
        if self._source is None:
            return self._items[places]  # type: ignore[index]
        unique, inverse = np.unique(places, return_inverse=True)
        x = self._source.subset(unique).arrays()[0]
        return x[inverse] if isinstance(x, np.ndarray) else x


def pixel_range(images: np.ndarray) -> tuple[float, float]:
    """Returns the values of black and of white.

    Args:
        images: Any numbers, at least one.

    Raises: ValueError: If one is NaN or infinite.
    """
    if images.dtype == bool:
        return 0.0, 1.0
    if images.dtype == np.uint8:
        return 0.0, 255.0
    least, greatest = float(images.min()), float(images.max())
    if not (math.isfinite(least) and math.isfinite(greatest)):
        raise ValueError(
            "Pictures must be finite. Received: NaN or infinity among `items`. Mend them, or leave "
            "`items` out."
        )
    usual = [(0.0, 1.0), (-1.0, 1.0)] if images.dtype.kind == "f" else []
    if greatest > _LEAST_WHITE:
        usual.append((0.0, 255.0))
    for low, high in usual:
        if low <= least and greatest <= high:
            return low, high
    return least, greatest


def as_bytes(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Returns images as bytes in colour, shape `(N, H, W, 3 or 4)`, large ones made smaller.

    Args:
        images: Shape `(N, H, W)` or `(N, H, W, 1, 3 or 4)`.
        value_range: The values of black and of white.
    """
    low, high = value_range
    if images.dtype != np.uint8 or value_range != (0.0, 255.0):
        scaled = (images.astype("float32") - low) * (255.0 / (high - low or 1.0))
        images = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    step = -(-max(images.shape[1:3]) // _LARGEST_PICTURE)
    if step <= 1:
        return images
    return np.stack([np.asarray(Image.fromarray(image).reduce(step)) for image in images])


def _kind(sample: Any) -> str:
    if not isinstance(sample, np.ndarray):
        return "places"
    if sample.dtype.kind in "UST" or (
        sample.dtype == object and all(isinstance(x, str | bytes) for x in sample.flat)
    ):
        return "texts"
    has_image_shape = sample.ndim == 3 or (sample.ndim == 4 and sample.shape[-1] in (1, 3, 4))
    if sample.dtype.kind in "buif" and has_image_shape and min(sample.shape) > 0:
        return "pictures"
    return "places"


def _as_array(items: Any) -> Any:
    if isinstance(items, dict):
        return None
    if isinstance(items, np.ndarray):
        return items
    if isinstance(items, list | tuple) and all(isinstance(x, str | bytes) for x in items):
        return np.array(items, object)
    return np.asarray(items)


def _length(items: Any) -> int:
    if isinstance(items, dict):
        return len(next(iter(items.values())))
    return len(items)


def _as_text(text: Any) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
