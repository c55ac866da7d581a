import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from idx_files import write_idx

from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.idx import from_idx, has_idx_part, read_idx_part


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (6, 4, 3), np.uint8)


@pytest.fixture
def folder(tmp_path, images):
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images, gzip.open)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([0, 1, 9, 0, 1, 9], np.uint8))
    return tmp_path


def test_images_are_scaled_and_labels_kept(folder, images):
    source = from_idx(folder)
    x, labels = source.arrays()
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, images[..., None] / 255, rtol=1e-6)
    assert labels.tolist() == [0, 1, 9, 0, 1, 9]
    assert source.batches(4).element_spec[0] == tf.TensorSpec((None, 4, 3, 1), tf.float32)


def test_parts(folder, images):
    assert has_idx_part(folder, "train")
    assert not has_idx_part(folder, "test")
    write_idx(folder / "t10k-images-idx3-ubyte", images[:1])
    write_idx(folder / "t10k-labels-idx1-ubyte.gz", np.array([7], np.uint8), gzip.open)
    bytes_, labels = read_idx_part(str(folder), "test")
    np.testing.assert_array_equal(bytes_, images[:1, ..., None])
    assert labels.tolist() == [7]


def test_missing_files_are_refused(folder):
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte, nor t10k-images-idx3-ubyte\.gz"):
        from_idx(folder, "test")
    with pytest.raises(ValueError, match=r"Unknown `part`.*\['test', 'train'\]"):
        from_idx(folder, "tset")


def test_wrong_files_are_refused(folder, images):
    labels = folder / "train-labels-idx1-ubyte"
    for content, message in (
        (b"", "train-labels-idx1-ubyte, which starts with ''"),
        (b"\x89PNG....", "starts with '89 50 4e 47' in place of '00 00 08 01'"),
        (b"\0\0\x08\x03" + bytes(20), "starts with '00 00 08 03'"),
        (b"\0\0\x0d\x01" + bytes(20), "starts with '00 00 0d 01'"),
        (b"\0\0\x08\x01\0\0", "train-labels-idx1-ubyte"),
        (b"\0\0\x08\x01\0\0\0\x06" + bytes(5), r"cut off.*Expected 6 bytes.*Received: 5"),
        (b"\0\0\x08\x01\0\0\0\x06" + bytes(7), r"too long.*Expected 6 bytes.*Received: 7"),
        (b"\0\0\x08\x01\0\0\0\x05" + bytes(5), r"shape \(6, 4, 3\) in .*, and 5 labels in"),
    ):
        labels.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            from_idx(folder)


def test_empty_files_are_refused(folder, images):
    write_idx(folder / "train-images-idx3-ubyte.gz", images[:0], gzip.open)
    write_idx(folder / "train-labels-idx1-ubyte", np.zeros(0, np.uint8))
    with pytest.raises(ValueError, match=r"at least one.*shape \(0, 4, 3\)"):
        from_idx(folder)


def test_broken_gzip_files_are_refused(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    packed = path.read_bytes()
    flipped = bytearray(packed)
    flipped[-6] ^= 0xFF  # of the checksum
    for content in (packed[:-12], packed[:20], bytes(flipped), b"no gzip"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"images-idx3-ubyte\.gz is no whole gzip file"):
            from_idx(folder)


@pytest.mark.data
def test_fashion_mnist():
    folder = os.environ.get("KERAS_SIAMESE_FASHION_MNIST", "")
    if not Path(folder, "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip("KERAS_SIAMESE_FASHION_MNIST names no folder of IDX files")
    source = from_idx(folder, "test")
    assert np.bincount(source.class_ids).tolist() == [1000] * 10
    batches = pk_batches(
        source, classes_per_batch=4, examples_per_class=3, steps_per_epoch=2, seed=0
    )
    for images, labels in batches.as_numpy_iterator():
        assert images.shape == (12, 28, 28, 1)
        assert images.max() == 1
        assert len(set(labels.tolist())) == 4
