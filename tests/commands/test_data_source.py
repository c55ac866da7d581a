"""open_source: each kind of data, read as the model's input is, and errors that name the option."""

import argparse
import gzip
import struct

import keras
import numpy as np
import pytest
from PIL import Image

from keras_siamese.commands.data_source import add_data_arguments, open_source


def options(*argv):
    parser = argparse.ArgumentParser()
    add_data_arguments(parser)
    return parser.parse_args(argv)


@pytest.fixture
def folder(tmp_path):
    """Two classes of two pictures of 6 x 8 pixels."""
    for name in ("ant", "bee"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(2):
            picture = Image.new("RGB", (8, 6), (100 * number, 50, 0))
            picture.save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def test_an_image_folder(folder):
    source = open_source(str(folder), options())
    x, labels = source.arrays()
    assert x.shape == (4, 6, 8, 3) and labels.tolist() == ["ant", "ant", "bee", "bee"]
    x, _ = open_source(
        str(folder), options("--size", "3", "4", "--color-mode", "grayscale")
    ).arrays()
    assert x.shape == (4, 3, 4, 1)


@pytest.mark.parametrize("shape", [(5, 7, 1), (5, 7, 3), (None, None, 3), (9,)])
def test_images_are_brought_to_the_input_of_the_model(folder, shape):
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    x, _ = open_source(str(folder), options(), model).arrays()
    expected = shape if len(shape) == 3 and shape[0] else (6, 8, 3)
    assert x.shape[1:] == expected
    x, _ = open_source(str(folder), options("--size", "2", "2"), model).arrays()
    assert x.shape[1:3] == (2, 2)


def test_tables(folder, tmp_path):
    table = tmp_path / "images" / "table.csv"
    table.write_text('text,kind,file\n"Hello, you",a,ant/0.png\nBye,b,bee/1.png\n')
    source = open_source(str(table), options("--label", "kind", "--text", "text"))
    assert source.arrays()[0].tolist() == ["Hello, you", "Bye"]
    source = open_source(str(table), options("--label", "kind", "--image", "file"))
    assert source.arrays()[0].shape == (2, 6, 8, 3) and source.labels.tolist() == ["a", "b"]
    for argv in (
        [],
        ["--label", "kind"],
        ["--label", "kind", "--text", "text", "--image", "file"],
    ):
        with pytest.raises(ValueError, match="A table needs --label COLUMN"):
            open_source(str(table), options(*argv))


def test_arrays(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.eye(3), y=np.array(["a", "b", "a"]))
    source = open_source(str(tmp_path / "data.npz"), options())
    assert source.arrays()[0].shape == (3, 3) and source.labels.tolist() == ["a", "b", "a"]
    np.savez(tmp_path / "data.npz", x=np.eye(3), labels=np.zeros(3))
    with pytest.raises(ValueError, match=r"arrays x \(items\) and y.*\['x', 'labels'\]"):
        open_source(str(tmp_path / "data.npz"), options())
    np.savez(tmp_path / "data.npz", x=np.array([{}], object), y=[1])
    with pytest.raises(ValueError, match="not of pickled objects"):
        open_source(str(tmp_path / "data.npz"), options())
    (tmp_path / "data.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match="cannot be read"):
        open_source(str(tmp_path / "data.npz"), options())
    with open(tmp_path / "data.npz", "wb") as file:
        np.save(file, np.eye(3))
    with pytest.raises(ValueError, match="cannot be read"):
        open_source(str(tmp_path / "data.npz"), options())


def test_idx_files(tmp_path):
    images, labels = np.arange(24, dtype=np.uint8), np.array([0, 1], np.uint8)
    for name, array, shape in (("images-idx3", images, (2, 3, 4)), ("labels-idx1", labels, (2,))):
        header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        with gzip.open(tmp_path / f"t10k-{name}-ubyte.gz", "wb") as file:
            file.write(header + array.tobytes())
    assert open_source(str(tmp_path), options()).arrays()[0].shape == (2, 3, 4, 1)
    with pytest.raises(ValueError, match="train-images"):
        open_source(str(tmp_path), options("--split", "train"))


def test_tfds_data_sets_by_name(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "keras_siamese.commands.data_source.from_tfds", lambda *a, **k: seen.append((a, k))
    )
    open_source("tfds:cars196", options("--size", "32", "32", "--split", "train[:10%]"))
    open_source("tfds:mnist", options())
    assert seen == [(("cars196", "train[:10%]"), {"size": (32, 32)}), (("mnist", "test"), {})]


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match=r"Expected data: a folder.*'nowhere'.*does not exist"):
        open_source("nowhere", options())
    (tmp_path / "data.txt").touch()
    with pytest.raises(ValueError, match=r"Received: the file '.*data\.txt'"):
        open_source(str(tmp_path / "data.txt"), options())
