import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds
from idx_files import write_idx

from keras_siamese.data import prepare
from keras_siamese.data.prepare import prepare_idx, prepare_image_folder
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.idx import from_idx
from keras_siamese.data.sources.tfds import from_tfds


def write_part(folder, part, images, labels):
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        write_idx(folder / f"{part}-{kind}-ubyte.gz", array, gzip.open)


@pytest.fixture
def idx_folder(tmp_path, rng):
    folder = tmp_path / "idx"
    folder.mkdir()
    for part, num_images in (("train", 9), ("t10k", 4)):
        images = rng.integers(0, 256, (num_images, 4, 3), np.uint8)
        write_part(folder, part, images, np.arange(num_images, dtype=np.uint8) % 3)
    return folder


def rows(images, labels):
    """Images, as bytes, and labels in an order that does not depend on that of the files."""
    images = np.round(255 * images).astype(np.uint8)
    return sorted(
        (image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)
    )


@pytest.fixture
def image_folder(tmp_path, rng):
    """Two alphabets of two characters, five JPEG files each; those of "b" are in both splits."""
    for split, alphabets in (("train", "ab"), ("test", "bc")):
        for alphabet in alphabets:
            for character in ("x", "y z"):
                folder = tmp_path / split / alphabet / character
                folder.mkdir(parents=True)
                for number in range(5):
                    pixels = rng.integers(0, 256, (8, 6, 3), np.uint8)
                    PIL.Image.fromarray(pixels).save(folder / f"{number}.jpg")
    return tmp_path


def test_idx_files_become_a_data_set(idx_folder, tmp_path):
    data_dir = tmp_path / "data"
    assert prepare_idx(idx_folder, "my_digits", data_dir=data_dir) == data_dir / "my_digits/1.0.0"
    for split in ("train", "test"):
        source = from_tfds("my_digits", split, data_dir=data_dir)
        assert rows(*source.arrays()) == rows(*from_idx(idx_folder, split).arrays())
    info = tfds.builder("my_digits", data_dir=data_dir).info
    assert info.supervised_keys == ("image", "label")
    assert info.features["image"].shape == (4, 3, 1)
    assert info.features["label"].num_classes == 3


def test_what_is_prepared_is_left_alone(idx_folder, tmp_path):
    first = prepare_idx(idx_folder, "my_digits", data_dir=tmp_path)
    stamp = (first / "dataset_info.json").stat().st_mtime_ns
    assert prepare_idx("no/such/folder", "my_digits", data_dir=tmp_path) == first
    assert (first / "dataset_info.json").stat().st_mtime_ns == stamp


def test_idx_files_of_one_part(idx_folder, tmp_path):
    for path in idx_folder.glob("t10k*"):
        path.unlink()
    prepare_idx(idx_folder, "my_digits", data_dir=tmp_path)
    assert list(tfds.builder("my_digits", data_dir=tmp_path).info.splits) == ["train"]


def test_bad_idx_files_leave_nothing_behind(idx_folder, tmp_path):
    data_dir = tmp_path / "data"
    (idx_folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"No such file: .*t10k-labels-idx1-ubyte"):
        prepare_idx(idx_folder, "my_digits", data_dir=data_dir)
    with pytest.raises(ValueError, match=r"No such file: .*train-images-idx3-ubyte"):
        prepare_idx(tmp_path, "my_digits", data_dir=data_dir)
    assert not data_dir.exists()


def test_image_folders_become_a_data_set(image_folder, tmp_path):
    splits = {split: image_folder / split for split in ("train", "test")}
    prepared = prepare_image_folder(splits, "my_letters", depth=2, data_dir=tmp_path / "data")
    assert prepared == tmp_path / "data" / "my_letters" / "1.0.0"
    features = tfds.builder("my_letters", data_dir=tmp_path / "data").info.features
    assert features["label"].names == ["a/x", "a/y z", "b/x", "b/y z", "c/x", "c/y z"]
    assert features["group"].names == ["a", "b", "c"]
    assert features["image"].shape == (8, 6, 3)
    source = from_tfds("my_letters", "test", group="group", data_dir=tmp_path / "data")
    images, labels = source.arrays()
    assert source.groups.tolist() == ["abc"[label // 2] for label in labels]
    expected = prepare.from_image_folder(image_folder / "test", depth=2)
    names = [features["label"].str2int(name) for name in expected.labels]
    assert rows(images, labels) == rows(expected.arrays()[0], names)
    batches = pk_batches(
        source, classes_per_batch=4, examples_per_class=2, super_classes_per_batch=2, seed=0
    )
    assert next(batches.as_numpy_iterator())[0].shape == (8, 8, 6, 3)


def test_files_are_copied_as_they_are(image_folder, tmp_path):
    prepare_image_folder(image_folder / "train" / "a", "my_files", data_dir=tmp_path)
    skip = {"image": tfds.decode.SkipDecoding()}
    items = tfds.load("my_files", split="train", data_dir=tmp_path, decoders=skip)
    stored = {item["image"] for item in items.as_numpy_iterator()}
    assert stored == {path.read_bytes() for path in (image_folder / "train" / "a").rglob("*.jpg")}


def test_grey_images_of_several_sizes(tmp_path):
    for side in (3, 4):
        folder = tmp_path / "images" / f"side {side}"
        folder.mkdir(parents=True)
        PIL.Image.fromarray(np.full((side, side), 10 * side, np.uint8)).save(folder / "image.png")
    prepare_image_folder(tmp_path / "images", "my_squares", data_dir=tmp_path)
    source = from_tfds("my_squares", size=(2, 2), data_dir=tmp_path)
    images, labels = source.arrays()
    assert images.shape == (2, 2, 2, 1)
    np.testing.assert_allclose(images[:, 0, 0, 0], (30 + 10 * labels) / 255, rtol=1e-6)


def test_corrupt_files_are_refused_or_skipped(image_folder, tmp_path):
    folder = image_folder / "train" / "a"
    (folder / "x" / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        prepare_image_folder(folder, "my_files", data_dir=tmp_path)
    with pytest.warns(UserWarning, match=r"broken\.jpg"):
        prepare_image_folder(folder, "my_files", corrupt="skip", data_dir=tmp_path)
    assert len(from_tfds("my_files", data_dir=tmp_path)) == 10
    with pytest.raises(ValueError, match=r"Unknown `corrupt`.*'unchecked'"):
        prepare_image_folder(folder, "my_files", corrupt="unchecked", data_dir=tmp_path)


def test_interrupted_preparation_is_not_taken_for_whole(idx_folder, tmp_path, monkeypatch):
    def cut_off(images, labels):
        yield 0, {"image": images[0], "label": int(labels[0])}
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_array_examples", cut_off)
        # As if the process had ended there: TFDS cannot tidy up.
        patch.setattr(tfds.core.utils.file_utils.epath.Path, "rmtree", lambda path, **kwargs: None)
        with pytest.raises(KeyboardInterrupt):
            prepare_idx(idx_folder, "my_digits", data_dir=tmp_path)
    with pytest.raises(ValueError, match="none is prepared in"):
        from_tfds("my_digits", data_dir=tmp_path)
    prepare_idx(idx_folder, "my_digits", data_dir=tmp_path)
    assert len(from_tfds("my_digits", data_dir=tmp_path)) == 9


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My-Digits", "lower-case letters, digits and underscores"),
        ("9_digits", "begin with a letter"),
        ("mnist", "has a data set 'mnist' of its own.*\"my_mnist\""),
    ],
)
def test_bad_names_are_refused(idx_folder, tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        prepare_idx(idx_folder, name, data_dir=tmp_path)


def test_other_programs_read_it_by_name(idx_folder, image_folder, tmp_path):
    prepare_idx(idx_folder, "my_digits", data_dir=tmp_path)
    prepare_image_folder(image_folder / "train", "my_letters", depth=2, data_dir=tmp_path)
    code = (
        "import json, tensorflow_datasets as tfds\n"
        "def shapes(name):\n"
        "    return [image.shape for image, _ in tfds.load(\n"
        f"        name, split='train', data_dir={str(tmp_path)!r}, as_supervised=True\n"
        "    ).as_numpy_iterator()]\n"
        "print(json.dumps([shapes('my_digits'), shapes('my_letters')]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert json.loads(run.stdout) == [[[4, 3, 1]] * 9, [[8, 6, 3]] * 20]


@pytest.mark.data
def test_fashion_mnist(tmp_path):
    folder = os.environ.get("KERAS_SIAMESE_FASHION_MNIST", "")
    if not Path(folder, "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip("KERAS_SIAMESE_FASHION_MNIST names no folder of IDX files")
    (tmp_path / "part").mkdir()
    for path in Path(folder).glob("t10k-*"):  # the 10,000 images of the test
        (tmp_path / "part" / path.name).symlink_to(path)
    prepare_idx(tmp_path / "part", "my_fashion", data_dir=tmp_path)
    source = from_tfds("my_fashion", "test", data_dir=tmp_path)
    assert np.bincount(source.class_ids).tolist() == [1000] * 10
    assert rows(*source.arrays()) == rows(*from_idx(folder, "test").arrays())
