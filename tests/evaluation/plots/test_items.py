"""Items: pictures of any range and shape look right, texts read, nothing is clipped."""

import numpy as np
import pytest

from keras_siamese.data import from_arrays
from keras_siamese.evaluation.plots.items import Items, as_bytes, pixel_range

RAMP = np.linspace(0, 1, 12).reshape(1, 3, 4)  # from black to white
BYTES = np.rint(RAMP * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        RAMP,
        RAMP[..., None],
        RAMP.astype("float16"),
        RAMP * 2 - 1,
        RAMP * 255,
        BYTES,
        BYTES.astype("int64"),
        RAMP * 7 - 3,
        RAMP * 1000,
        RAMP * 1.0001,
        np.repeat(RAMP[..., None], 3, axis=-1),
    ],
    ids=[
        *("0 to 1", "channel", "half", "-1 to 1", "0 to 255", "bytes", "integers"),
        *("standardised", "large", "a little above 1", "colour"),
    ],
)
def test_black_is_black_and_white_is_white(images):
    found = Items(images, 1).pictures([0])
    assert found.shape == (1, 3, 4, 3) and found.dtype == np.uint8
    np.testing.assert_allclose(found[..., 0].astype(int), BYTES, atol=1)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_the_scale_is_that_of_all_items():
    images = np.stack([np.full((2, 2), 0.1), np.full((2, 2), 0.5)])
    items = Items(images, 2)
    assert items.pictures([0]).max() == 26  # dark as it is, not stretched
    images = np.stack([np.full((2, 2), -5.0), np.full((2, 2), 5.0)])
    assert Items(images, 2).pictures([0, 1])[:, 0, 0, 0].tolist() == [0, 255]
    assert Items(np.full((2, 3, 3), 7.0), 2).pictures([0]).max() == 0
    assert Items(np.full((2, 3, 3), -7.0), 2).pictures([0]).max() == 0


def test_booleans_colour_and_transparency():
    assert Items(np.eye(3, dtype=bool)[None], 1).pictures([0])[0, :, :, 0].tolist() == [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
    ]
    rgba = np.zeros((1, 2, 2, 4), np.uint8)
    assert Items(rgba, 1).pictures([0]).shape == (1, 2, 2, 4)


def test_large_pictures_become_smaller_by_the_mean():
    image = np.tile([[0, 255]], (600, 300)).astype(np.uint8)[None]
    found = as_bytes(image, pixel_range(image))
    assert max(found.shape[1:3]) <= 256
    assert 120 <= found.mean() <= 135


def test_sources_are_read_by_place():
    images = np.arange(24.0).reshape(6, 2, 2) / 24
    items = Items(from_arrays(images, np.arange(6)), 6)
    assert items.kind == "pictures"
    np.testing.assert_array_equal(
        items.pictures([4, 0, 4]), as_bytes(images[[4, 0, 4]], (0.0, 1.0))
    )
    texts = Items(from_arrays(np.array(["one", "two"]), [0, 1]), 2)
    assert texts.kind == "texts" and texts.texts([1]) == ["two"]


@pytest.mark.parametrize(
    "items",
    [["Où est-il ?", "b"], np.array(["Où est-il ?", "b"]), np.array(["Où est-il ?", "b"], object)],
)
def test_texts(items):
    found = Items(items, 2)
    assert found.kind == "texts" and found.texts([1, 0]) == ["b", "Où est-il ?"]


@pytest.mark.parametrize(
    "items", [None, np.eye(2), {"a": np.eye(2), "b": np.eye(2)}, np.zeros((2, 3, 3, 7))]
)
def test_anything_else_is_named_by_its_place(items):
    found = Items(items, 2)
    assert found.kind == "places" and found.texts(np.array([1])) == ["item 1"]


def test_bad_input():
    with pytest.raises(ValueError, match="3 items and 2 embeddings"):
        Items(np.zeros((3, 4, 4)), 2)
    with pytest.raises(ValueError, match="Pictures must be finite"):
        Items(np.full((1, 4, 4), np.nan), 1).pictures([0])
