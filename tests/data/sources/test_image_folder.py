import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.image_folder import from_image_folder


def write(root, *names):
    """Writes images whose first level is the place of their name."""
    for place, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".png", ".bmp"):
            Image.new("RGB", (5, 4), (place, 0, 0)).save(path, path.suffix[1:].lower())
        else:
            path.write_bytes(b"no image")


def firsts(source):
    """The first level of each image."""
    return (source.arrays()[0][:, 0, 0, 0] * 255).round().astype(int).tolist()


def test_each_folder_is_a_class_and_all_is_sorted(tmp_path):
    write(tmp_path, "dog/b.png", "dog/a.png", "Cat/z.PNG", "dog/deep/er/0.bmp", "ant/0.png")
    source = from_image_folder(tmp_path)
    assert source.labels.tolist() == ["Cat", "ant", "dog", "dog", "dog"]
    assert firsts(source) == [2, 4, 1, 0, 3]
    assert source.groups is None
    assert source.batches().element_spec[0].shape == (None, 4, 5, 3)


def test_other_and_hidden_files_are_ignored(tmp_path):
    write(
        tmp_path,
        "a/0.png",
        "b/1.png",
        "a/.2.png",
        "a/.git/3.png",
        ".c/4.png",
        "__MACOSX/5.png",
        "a/__MACOSX/6.png",
        "a/notes.txt",
        "a/Thumbs.db",
        "stray.png",
        "labels.csv",
    )
    source = from_image_folder(str(tmp_path))
    assert source.labels.tolist() == ["a", "b"]
    assert firsts(source) == [0, 1]


def test_super_classes(tmp_path):
    write(tmp_path, "Greek/alpha/0.png", "Latin/a/1.png", "Latin/b/2.png", "Greek/beta/3.png")
    source = from_image_folder(tmp_path, depth=2)
    assert source.labels.tolist() == ["Greek/alpha", "Greek/beta", "Latin/a", "Latin/b"]
    assert source.groups.tolist() == ["Greek", "Greek", "Latin", "Latin"]
    assert firsts(source) == [0, 3, 1, 2]


def test_folders_of_folders_are_warned_of(tmp_path):
    write(tmp_path, "train/cat/0.png", "train/dog/1.png", "test/cat/2.png")
    with pytest.warns(UserWarning, match=r"2 classes hold folders .*'test', 'train'.*depth=2"):
        source = from_image_folder(tmp_path)
    assert source.labels.tolist() == ["test", "train", "train"]


def test_format_of_the_images(tmp_path):
    write(tmp_path, "a/0.png", "b/1.png")
    arguments = {"size": (8, 8), "color_mode": "grayscale", "resize": "pad"}
    images, _ = from_image_folder(tmp_path, **arguments).arrays()
    assert images.shape == (2, 8, 8, 1)


def test_pk_batches_of_a_folder(tmp_path):
    names = [f"{letter}/{number}.png" for letter in "abc" for number in range(4)]
    write(tmp_path, *names)
    batches = pk_batches(
        from_image_folder(tmp_path), classes_per_batch=2, examples_per_class=3, seed=0
    )
    assert batches.element_spec[0] == tf.TensorSpec((6, 4, 5, 3), tf.float32)
    for images, labels in batches.as_numpy_iterator():
        places = (images[:, 0, 0, 0] * 255).round().astype(int)
        assert len(set(places.tolist())) == 6
        np.testing.assert_array_equal(places // 4, labels)


def test_corrupt_files(tmp_path):
    write(tmp_path, "a/0.png", "b/1.jpg", "b/2.png")
    with pytest.raises(ValueError, match=r"1 of 3 files .*1\.jpg"):
        from_image_folder(tmp_path)
    with pytest.warns(UserWarning, match=r"1 of 3 files .*1\.jpg") as warnings:
        source = from_image_folder(tmp_path, corrupt="skip")
    assert warnings[0].filename == __file__
    assert source.labels.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "arguments", "message"),
    [
        ([], {}, "Received: no folders, 0 images. Move"),
        (["0.png", "1.png"], {}, "each class in .*no folders, 2 images.*`from_table`"),
        (["a/0.png"], {"depth": 2}, "each class in .*a'. Received: no folders, 1 .*use `depth=1`"),
        (["0.png"], {"depth": 2}, "each super-class"),
        (["a/0.png", "b/c.txt"], {}, r"1 of 2 folders without: .*b'\. Delete"),
        (["a/0.png"], {"depth": 3}, "`depth` must be 1 .* or 2 .* Received: 3"),
        (["a/0.png"], {"size": 32}, "height, width"),
        (["a/0.png"], {"corrupt": "keep"}, "corrupt"),
    ],
)
def test_bad_folders_are_refused(tmp_path, names, arguments, message):
    write(tmp_path, *names)
    with pytest.raises(ValueError, match=message):
        from_image_folder(tmp_path, **arguments)


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="which does not exist"):
        from_image_folder(tmp_path / "missing")
    write(tmp_path, "0.png")
    with pytest.raises(ValueError, match="which is a file"):
        from_image_folder(tmp_path / "0.png")


def unpacked(name, folder, wanted):
    """The members of an archive of the data folder that are wanted, as files."""
    path = Path(os.environ.get("KERAS_SIAMESE_DATA", "")) / name
    if not path.is_file():
        pytest.skip(f"KERAS_SIAMESE_DATA names no folder with {name}")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder, [member for member in archive.namelist() if wanted(member)])
    return folder


@pytest.mark.data
def test_cifar10(tmp_path):
    folder = unpacked(
        "cifar10/cifar10_images.zip", tmp_path, lambda name: "test/" in name and "/00" in name
    )
    source = from_image_folder(folder / "test")
    assert len(source) == 1000
    assert np.unique(source.class_ids, return_counts=True)[1].tolist() == [100] * 10
    images, labels = source.arrays()
    for place in (0, 555, 999):
        number = f"{place % 100:04}.jpg"
        expected = Image.open(folder / "test" / labels[place] / number).convert("RGB")
        # Decoders of JPEG differ by a few levels.
        np.testing.assert_allclose(images[place] * 255, np.asarray(expected), atol=8)
    batches = pk_batches(source, classes_per_batch=10, examples_per_class=8, seed=0)
    assert len(list(batches)) == 12


@pytest.mark.data
def test_omniglot(tmp_path):
    name = "images_background_small1"
    folder = unpacked(f"omniglot/{name}.zip", tmp_path, lambda name: "character0" in name)
    source = from_image_folder(folder / name, size=(28, 28), color_mode="grayscale", depth=2)
    assert len(set(source.groups)) == 5
    assert len(set(source.labels)) == 45
    assert source.labels[0] == "Balinese/character01"
    images, _ = source.arrays()
    assert images.shape == (900, 28, 28, 1)
    assert (images.min(axis=(1, 2, 3)) < 0.6).all() and (images.max(axis=(1, 2, 3)) == 1).all()
