import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_siamese.data.sources.files import FileSource
from keras_siamese.data.sources.image_format import ImageFormat


@pytest.fixture
def levels(rng):
    return rng.integers(0, 256, (5, 6, 8, 3), np.uint8)


@pytest.fixture
def paths(levels, tmp_path):
    """Five PNG files, the name of one of which is not ASCII."""
    paths = [tmp_path / name for name in ("0.png", "1.png", "zwei ü.png", "3.png", "4.png")]
    for path, image in zip(paths, levels, strict=True):
        Image.fromarray(image).save(path)
    return paths


LABELS = ["a", "b", "a", "b", "c"]


def test_items_are_read_when_asked_for(paths, levels):
    source = FileSource(paths, LABELS)
    x, y = source.arrays()
    np.testing.assert_allclose(x, levels / 255, atol=1e-6)
    assert x.dtype == np.float32
    assert y.tolist() == LABELS
    paths[3].unlink()
    x = source.fetch(tf.constant([4, 0, 4], tf.int64))
    np.testing.assert_allclose(x, levels[[4, 0, 4]] / 255, atol=1e-6)
    with pytest.raises(tf.errors.NotFoundError, match=r"3\.png"):
        source.fetch(tf.constant([3], tf.int64))


def test_shapes_are_known(paths):
    source = FileSource(paths, LABELS)
    x, y = source.batches(2).element_spec
    assert x == tf.TensorSpec((None, 6, 8, 3), tf.float32)
    assert y == tf.TensorSpec((None,), tf.int64)
    sized = FileSource(paths, LABELS, image_format=ImageFormat((4, 5), "grayscale"))
    assert sized.batches(2).element_spec[0].shape == (None, 4, 5, 1)


def test_subset_keeps_ids_and_groups(paths, levels):
    part = FileSource(paths, LABELS, [0, 0, 0, 0, 1]).subset([4, 3])
    x, class_ids = next(part.batches().as_numpy_iterator())
    np.testing.assert_allclose(x, levels[[4, 3]] / 255, atol=1e-6)
    assert class_ids.tolist() == [2, 1]
    assert part.groups.tolist() == [1, 0]


def test_images_that_differ_are_brought_to_one_shape(paths, levels):
    grey = Image.new("L", (8, 6), 100)
    grey.save(paths[2])
    x, _ = FileSource(paths, LABELS).arrays()
    np.testing.assert_allclose(x[2], np.full((6, 8, 3), 100 / 255), atol=1e-6)
    np.testing.assert_allclose(x[3], levels[3] / 255, atol=1e-6)


@pytest.mark.parametrize("image", [Image.new("L", (8, 6)), Image.new("RGB", (9, 6))])
def test_file_that_changes_later_is_refused(paths, image):
    source = FileSource(paths, LABELS)
    image.save(paths[2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="shape"):
        source.arrays()


def bytes_of(file_type, size=(200, 150)):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, file_type)
    return buffer.getvalue()


CORRUPT = {
    "empty file": b"",
    "text": b"<html><body>404 Not Found</body></html>",
    "JPEG cut off": bytes_of("JPEG")[:-1000],
    "JPEG header": bytes_of("JPEG")[:20],
    "PNG cut off": bytes_of("PNG")[:-1000],
    "PNG changed": bytes_of("PNG")[:5000] + b"changed" + bytes_of("PNG")[5007:],
    "GIF cut off": bytes_of("GIF")[:-1000],
    "BMP cut off": bytes_of("BMP")[:-1000],
    "WebP cut off": bytes_of("WEBP")[:-1000],
    "missing": None,
    "folder": os.mkdir,
}


def corrupt(path, content):
    path.unlink()
    if content is os.mkdir:
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize("kind", CORRUPT)
def test_corrupt_files_are_refused_or_skipped(paths, levels, kind):
    corrupt(paths[1], CORRUPT[kind])
    message = f"1 of 5 files cannot be read, .*{re.escape(repr(str(paths[1])))}"
    with pytest.raises(ValueError, match=message + r'.*corrupt="skip"'):
        FileSource(paths, LABELS)
    with pytest.warns(UserWarning, match=message + ".*left out; `skipped`"):
        source = FileSource(paths, LABELS, list("vwxyz"), corrupt="skip")
    assert len(source) == 4
    assert source.skipped.tolist() == [str(paths[1])]
    assert source.labels.tolist() == ["a", "a", "b", "c"]
    assert source.groups.tolist() == ["v", "x", "y", "z"]
    assert [Path(path).name for path in source.paths] == ["0.png", "zwei ü.png", "3.png", "4.png"]
    np.testing.assert_allclose(source.arrays()[0], levels[[0, 2, 3, 4]] / 255, atol=1e-6)


def test_three_of_many_corrupt_files_are_named(paths):
    for path in paths[1:]:
        corrupt(path, b"")
    with pytest.raises(ValueError, match=r"4 of 5 .*1\.png', .*ü\.png', .*3\.png', \.\.\.\. Del"):
        FileSource(paths, LABELS)


def test_skipping_all_is_an_error(paths):
    for path in paths:
        corrupt(path, b"")
    with pytest.raises(ValueError, match="5 of 5"):
        FileSource(paths, LABELS, corrupt="skip")


def test_unchecked_files_stop_the_run_when_their_turn_comes(paths):
    corrupt(paths[4], CORRUPT["PNG cut off"])
    source = FileSource(paths, LABELS, corrupt="unchecked")
    batches = iter(source.batches(4))
    assert next(batches)[0].shape == (4, 6, 8, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid PNG"):
        next(batches)
    corrupt(paths[0], b"")
    with pytest.raises(ValueError, match="1 of 1"):
        FileSource(paths, LABELS, corrupt="unchecked")


def test_sizes_that_differ_need_a_size(paths):
    Image.new("L", (7, 9)).save(paths[2])
    message = r"0\.png' with .* = \(6, 8\) and .*ü\.png' with \(9, 7\).*`size=\(6, 8\)`"
    with pytest.raises(ValueError, match=message):
        FileSource(paths, LABELS)
    sized = FileSource(paths, LABELS, image_format=ImageFormat((4, 4)))
    assert sized.arrays()[0].shape == (5, 4, 4, 3)
    unchecked = FileSource(paths, LABELS, corrupt="unchecked")
    with pytest.raises(tf.errors.InvalidArgumentError, match="shape"):
        unchecked.arrays()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": LABELS[:4]}, "as many labels"),
        ({"labels": LABELS, "corrupt": "ignore"}, "corrupt"),
    ],
)
def test_bad_arguments_are_refused(paths, arguments, message):
    with pytest.raises(ValueError, match=message):
        FileSource(paths, **arguments)
