import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_siamese.data.sources.image_format import ImageFormat


def encoded(image, file_type, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_type, **options)
    return buffer.getvalue()


def decoded(files, *arguments):
    """The images in levels from 0 to 255."""
    images = ImageFormat(*arguments).decode(tf.constant(files))
    assert images.dtype == tf.float32
    levels = images.numpy() * 255
    np.testing.assert_allclose(levels, levels.round(), atol=1e-4)
    return levels.round()


@pytest.fixture
def colours(rng):
    return Image.fromarray(rng.integers(0, 256, (6, 9, 4), np.uint8))


@pytest.mark.parametrize("file_type", ["PNG", "BMP", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_lossless_pixels_are_those_of_pillow(colours, mode, file_type):
    image = colours.convert(mode)
    files = [encoded(image, file_type, **({"lossless": True} if file_type == "WEBP" else {}))]
    np.testing.assert_array_equal(decoded(files)[0], np.asarray(image.convert("RGB")))
    grey = decoded(files, None, "grayscale")[0, :, :, 0]
    np.testing.assert_allclose(grey, np.asarray(image.convert("L")), atol=1)
    if mode == "L" and file_type != "WEBP":
        np.testing.assert_array_equal(grey, np.asarray(image))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_of_each_mode(colours, mode):
    image = colours.convert("RGB").quantize(7) if mode == "P" else colours.convert(mode)
    files = [encoded(image, "PNG")]
    np.testing.assert_array_equal(decoded(files)[0], np.asarray(image.convert("RGB")))
    grey = np.asarray(image.convert("RGB").convert("L"))
    np.testing.assert_allclose(decoded(files, None, "grayscale")[0, :, :, 0], grey, atol=1)


def test_sixteen_bits_are_cut_to_eight(rng):
    levels = rng.integers(0, 2**16, (5, 7), np.uint16)
    images = decoded([encoded(Image.fromarray(levels), "PNG")], None, "grayscale")
    np.testing.assert_array_equal(images[0, :, :, 0], levels // 256)


def test_first_frame_of_an_animation(colours):
    first = colours.convert("RGB").quantize(16)
    second = first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    files = [encoded(first, "GIF", save_all=True, append_images=[second])]
    np.testing.assert_array_equal(decoded(files)[0], np.asarray(first.convert("RGB")))
    assert decoded(files, (3, 4), "grayscale").shape == (1, 3, 4, 1)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_is_that_of_tensorflow(colours, mode):
    file = encoded(colours.convert(mode).resize((41, 30)), "JPEG", quality=80)
    expected = np.broadcast_to(tf.io.decode_jpeg(file).numpy(), (30, 41, 3))
    np.testing.assert_array_equal(decoded([file])[0], expected)


def test_a_batch_of_all_kinds_comes_to_one_shape(colours, tmp_path):
    files = [
        encoded(colours.convert("RGB"), "JPEG"),
        encoded(colours.convert("L").resize((20, 3)), "PNG"),
        encoded(colours.convert("RGB").resize((5, 5)), "GIF"),
        encoded(colours.convert("L"), "BMP"),
        encoded(colours, "WEBP"),
    ]
    images = decoded(files, (8, 7))
    assert images.shape == (5, 8, 7, 3)
    paths = [str(tmp_path / f"{place}.any") for place in range(5)]
    for path, file in zip(paths, files, strict=True):
        tf.io.write_file(path, file)
    image_format = ImageFormat((8, 7))
    read = tf.function(image_format.read)(tf.constant(paths))
    np.testing.assert_array_equal(read, image_format.decode(tf.constant(files)))


def test_reading_what_fits_already(colours, tmp_path):
    path = str(tmp_path / "image.png")
    colours.convert("RGB").save(path)
    images = ImageFormat((6, 9)).read(tf.constant([path, path]), fit_already=True)
    np.testing.assert_array_equal(images, ImageFormat().read(tf.constant([path, path])))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        ImageFormat((6, 8)).read(tf.constant([path]), fit_already=True)


def test_shapes_are_known_in_a_graph():
    files = tf.TensorSpec((12,), tf.string)
    shape = tf.function(ImageFormat((8, 7)).decode).get_concrete_function(files).output_shapes
    assert shape == (12, 8, 7, 3)
    unsized = ImageFormat(color_mode="grayscale")
    shape = tf.function(unsized.decode).get_concrete_function(files).output_shapes
    assert shape.as_list() == [12, None, None, 1]


def test_images_of_the_right_size_keep_their_pixels(colours):
    files = [encoded(colours.convert("RGB"), "PNG")]
    np.testing.assert_array_equal(decoded(files, (6, 9)), decoded(files))


@pytest.mark.parametrize("shape", [(12, 8), (7, 9), (17, 2)])
def test_shrinking_takes_the_mean_of_the_area(rng, shape):
    levels = rng.integers(0, 256, shape, np.uint8)
    images = decoded([encoded(Image.fromarray(levels), "PNG")], (4, 4), "grayscale")
    # Each pixel in 4 x 4 parts, which new pixels cover whole.
    parts = np.kron(levels, np.ones((4, 4)))
    means = parts.reshape(4, shape[0], 4, shape[1]).mean(axis=(1, 3))
    np.testing.assert_allclose(images[0, :, :, 0], means, atol=0.51)


def test_enlarging_is_that_of_pillow(colours):
    image = colours.convert("RGB")
    expected = np.asarray(image.resize((31, 29), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(decoded([encoded(image, "PNG")], (29, 31))[0], expected, atol=1)


def test_fine_lines_do_not_vanish():
    levels = np.full((105, 105), 255, np.uint8)
    levels[:, 50] = 0
    image = decoded([encoded(Image.fromarray(levels), "PNG")], (21, 21), "grayscale")[0, :, :, 0]
    # One of the five columns under a new pixel is black.
    np.testing.assert_array_equal(image[:, 10], 255 * 4 / 5)
    np.testing.assert_array_equal(np.delete(image, 10, axis=1), 255)


@pytest.mark.parametrize("transposed", [False, True])
def test_crop_takes_the_middle_and_pad_shows_all(rng, transposed):
    levels = rng.integers(1, 256, (4, 10), np.uint8)
    square = np.pad(levels, ((3, 3), (0, 0)))
    middle = levels[:, 3:7]
    if transposed:
        levels, square, middle = levels.T, square.T, middle.T
    files = [encoded(Image.fromarray(levels), "PNG")]
    cropped = decoded(files, (4, 4), "grayscale", "crop")
    np.testing.assert_array_equal(cropped[0, :, :, 0], middle)
    padded = decoded(files, (10, 10), "grayscale", "pad")
    np.testing.assert_array_equal(padded[0, :, :, 0], square)


def test_crop_and_pad_resize_too(rng):
    levels = np.repeat(np.repeat(rng.integers(1, 256, (4, 10), np.uint8), 3, axis=0), 3, axis=1)
    files = [encoded(Image.fromarray(levels), "PNG")]
    cropped = decoded(files, (4, 4), "grayscale", "crop")
    np.testing.assert_array_equal(cropped[0, :, :, 0], levels[::3, 9:21:3])
    padded = decoded(files, (10, 10), "grayscale", "pad")
    np.testing.assert_array_equal(padded[0, 3:7, :, 0], levels[::3, ::3])
    assert padded.sum() == padded[0, 3:7].sum()


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 1), (7, 3)])
def test_extreme_shapes(shape, resize):
    files = [encoded(Image.fromarray(np.full(shape, 200, np.uint8)), "PNG")]
    images = decoded(files, (5, 9), "grayscale", resize)
    assert images.shape == (1, 5, 9, 1)
    assert set(images.ravel()) <= ({0, 200} if resize == "pad" else {200})
    assert 200 in images


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 32}, r"\(height, width\), or None. Received: 32"),
        ({"size": (32, 32, 3)}, "height, width"),
        ({"size": (32, 0)}, "at least 1. Received: 0"),
        ({"size": (32.0, 32)}, r"Received: 32\.0"),
        ({"color_mode": "rgba"}, "Did you mean 'rgb'"),
        ({"resize": "padding"}, r"Did you mean 'pad'|\['crop', 'pad', 'stretch'\]"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImageFormat(**arguments)
