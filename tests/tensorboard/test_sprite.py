import io

import numpy as np
import pytest
from PIL import Image

from keras_siamese.tensorboard.sprite import draw_sprite, looks_like_images


def pixels(sprite):
    return np.asarray(Image.open(io.BytesIO(sprite.png)))


def cell(sprite, position, columns):
    row, column = divmod(position, columns)
    side = sprite.side
    return pixels(sprite)[row * side : (row + 1) * side, column * side : (column + 1) * side]


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_uint8_pictures_stand_row_by_row_as_they_are(rng, channels):
    images = rng.integers(0, 256, (7, 32, 32, *channels), dtype="uint8")
    sprite = draw_sprite(images)
    assert sprite.side == 32
    assert pixels(sprite).shape[:2] == (96, 96)  # 7 pictures: 3 rows of 3
    for position, image in enumerate(images):
        np.testing.assert_array_equal(cell(sprite, position, 3), np.squeeze(image))
    assert not cell(sprite, 8, 3).any()


@pytest.mark.parametrize("low,high", [(0.0, 1.0), (-1.0, 1.0), (0.0, 16.0), (0.0, 255.0)])
def test_floats_are_scaled_from_their_smallest_to_their_largest_value(low, high):
    images = np.full((2, 32, 32), low)
    images[1] = high
    images[1, 0, 0] = (low + high) / 2
    sprite = draw_sprite(images)
    assert not cell(sprite, 0, 2).any()
    assert cell(sprite, 1, 2)[1:].min() == 255
    assert cell(sprite, 1, 2)[0, 0] in (127, 128)


def test_constant_floats_are_drawn():
    assert not pixels(draw_sprite(np.full((2, 30, 30), 0.7))).any()


def test_wide_pictures_keep_their_proportions_and_are_centred():
    sprite = draw_sprite(np.full((1, 20, 40), 255, dtype="uint8"))
    assert sprite.side == 40
    assert (pixels(sprite)[10:30] == 255).all()
    assert not pixels(sprite)[:10].any()
    assert not pixels(sprite)[30:].any()


def test_large_pictures_become_thumbnails():
    images = np.zeros((1, 200, 100, 3), dtype="uint8")
    images[0, :100] = 255
    sprite = draw_sprite(images)
    assert sprite.side == 64
    assert (pixels(sprite)[:32, 16:48] == 255).all()
    assert not pixels(sprite)[32:].any()


def test_tiny_pictures_are_magnified_without_blur(rng):
    images = rng.integers(0, 256, (1, 8, 8), dtype="uint8")
    sprite = draw_sprite(images)
    np.testing.assert_array_equal(pixels(sprite), np.kron(images[0], np.ones((3, 3), "uint8")))


def test_images_of_several_sizes_and_kinds_stand_in_one_sheet():
    images = [
        np.full((10, 20), 255, "uint8"),
        np.full((64, 64, 3), (255, 0, 0), "uint8"),
        np.full((5, 5, 1), True),
        np.zeros((100, 100, 4), "uint8"),
    ]
    sprite = draw_sprite(images)
    assert sprite.side == 64
    wide, red, white, transparent = (cell(sprite, position, 2) for position in range(4))
    assert (wide[16:48] == 255).all() and not wide[:16].any() and not wide[48:].any()
    assert (red == (255, 0, 0)).all()
    assert (white == 255).all()
    assert (transparent == 255).all()


def test_booleans_are_black_and_white():
    images = np.zeros((2, 30, 30), bool)
    images[1] = True
    assert (cell(draw_sprite(images), 1, 2) == 255).all()
    assert not cell(draw_sprite(images), 0, 2).any()


@pytest.mark.parametrize("dtype,opaque", [("uint8", 255), ("float32", 1.0), ("float64", 255.0)])
def test_transparency_is_drawn_on_white(dtype, opaque):
    images = np.zeros((3, 30, 30, 4), dtype)
    images[0, ..., 3] = opaque
    images[1, ..., 3] = opaque / 2 if dtype != "uint8" else 127
    images[2, :15, :, 0] = opaque
    images[2, ..., 3] = opaque
    black, grey, half = (cell(draw_sprite(images), position, 2) for position in range(3))
    assert not black.any()
    assert ((grey >= 127) & (grey <= 129)).all()
    assert (half[:15] == (255, 0, 0)).all() and not half[15:].any()


@pytest.mark.parametrize("dtype", ["int64", "uint16", "int8", "float16"])
def test_other_numbers_are_scaled(dtype):
    images = np.zeros((2, 30, 30), dtype)
    images[1] = 100
    images[1, 0] = 50
    sprite = draw_sprite(images)
    assert not cell(sprite, 0, 2).any()
    assert (cell(sprite, 1, 2)[1:] == 255).all()
    assert set(cell(sprite, 1, 2)[0]) <= {127, 128}


@pytest.mark.slow
def test_a_sheet_of_100_000_pictures_is_loadable():
    images = np.zeros((100_000, 28, 28), "uint8")
    images[-1] = 255
    sprite = draw_sprite(images)
    assert sprite.side == 25
    Image.MAX_IMAGE_PIXELS, limit = None, Image.MAX_IMAGE_PIXELS
    try:
        sheet = pixels(sprite)
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    assert sheet.shape == (317 * 25, 317 * 25)
    row, column = divmod(99_999, 317)
    assert sheet.astype(bool).sum() == 625
    assert sheet[row * 25 : row * 25 + 25, column * 25 : column * 25 + 25].all()


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="Expected an image for each point"):
        draw_sprite([])


@pytest.mark.parametrize("image", ["text", np.zeros((8, 8), complex), None])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="Received: an image of shape"):
        draw_sprite([np.zeros((8, 8)), image])


def test_the_sheet_is_never_larger_than_tensorboard_loads():
    # 129 columns of 64 pixels would be 8256 wide.
    sprite = draw_sprite(np.zeros((128 * 128 + 1, 64, 64), dtype="uint8"))
    assert sprite.side == 63
    assert Image.open(io.BytesIO(sprite.png)).size == (129 * 63, 129 * 63)


@pytest.mark.parametrize("shape", [(5, 8), (5, 8, 8, 2), (5, 8, 8, 3, 1), (5, 0, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(H, W, 3\).*Received: an image of .*images=None"):
        draw_sprite(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_refused(value):
    images = np.zeros((3, 8, 8))
    images[1, 2, 3] = value
    with pytest.raises(ValueError, match="must be finite"):
        draw_sprite(images)


@pytest.mark.parametrize(
    "shape,dtype,expected",
    [
        ((2, 8, 8), "float32", True),
        ((2, 8, 8), "uint8", True),
        ((2, 8, 9, 1), "float64", True),
        ((2, 8, 9, 3), "uint8", True),
        ((2, 8, 8), "int64", False),
        ((2, 64), "float32", False),
        ((2, 8, 8, 4), "uint8", True),
        ((2, 8, 8, 4), "float32", False),
        ((2, 8, 8, 2), "uint8", False),
        ((2, 8, 8), "bool", True),
        ((2, 100, 1), "float32", False),
    ],
)
def test_what_looks_like_images(shape, dtype, expected):
    assert looks_like_images(np.zeros(shape, dtype)) is expected


def test_a_nest_does_not_look_like_images():
    assert not looks_like_images({"left": np.zeros((2, 8, 8))})
