import gzip
import importlib.util
import os
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "examples"
FIGURES = ["recall_at_1", "recall_at_5", "map_at_r", "pair_auc", "distance_ratio"]


@pytest.fixture
def load(monkeypatch):
    def load(name):
        monkeypatch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop("image_data", None)


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    """An empty folder, where TensorFlow Datasets looks in place of the user's."""
    import tensorflow_datasets as tfds

    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    return tmp_path


def data_folder(variable, subfolder=""):
    folder = os.environ.get(variable)
    if folder is None or not (Path(folder) / subfolder).is_dir():
        pytest.skip(f"{variable} names no folder {subfolder or 'of IDX files'}")
    return str(Path(folder) / subfolder)


def write_idx(path, array, opener=open):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    with opener(path, "wb") as file:
        file.write(header + array.tobytes())


def test_quickstart(load, tmp_path, capsys):
    figures = load("quickstart").main(["--epochs", "2", "--steps", "15", "--out", str(tmp_path)])
    assert list(figures) == ["raw pixels", "untrained encoder", "trained encoder"]
    assert all(list(row) == FIGURES for row in figures.values())
    assert figures["trained encoder"]["map_at_r"] > figures["raw pixels"]["map_at_r"] + 0.1
    assert figures["trained encoder"]["pair_auc"] > figures["untrained encoder"]["pair_auc"]
    out = capsys.readouterr().out
    assert f"tensorboard --logdir {tmp_path / 'logs'}" in out
    assert len(re.findall(r"^    \d:(  \d \(\d\.\d\d\)){5}$", out, re.MULTILINE)) == 5
    assert (tmp_path / "embeddings.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "logs" / "projector" / "sprite.png").exists()
    assert keras.saving.load_model(tmp_path / "model.keras").encoder.output_shape == (None, 64)


def test_two_views(load, capsys):
    figures = load("two_views").main(["--epochs", "3"])
    assert list(figures) == ["raw pixels", "untrained encoder", "trained encoder"]
    assert all(list(row) == ["recall_at_1", "pair_auc"] for row in figures.values())
    trained, untrained = figures["trained encoder"], figures["untrained encoder"]
    assert trained["recall_at_1"] > 0.9
    assert trained["pair_auc"] > untrained["pair_auc"]
    assert "450 images that training never saw" in capsys.readouterr().out


def test_quickstart_reads_idx_files(load, tmp_path, rng):
    labels = np.repeat(np.arange(3, dtype="uint8"), 40)
    images = rng.integers(0, 50, (120, 12, 10), dtype="uint8")
    images[np.arange(120), 3 * labels] += 200  # each class has a row of its own
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images, gzip.open)
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    x, y = load("image_data").load_idx(str(tmp_path), "train")
    assert x.shape == (120, 12, 10, 1) and x.dtype == "float32" and y.dtype == "int64"
    assert np.array_equal(x[..., 0], images.astype("float32") / 255)
    assert np.array_equal(y, labels)
    with pytest.raises(ValueError, match=r"No such file: .*t10k-images-idx3-ubyte"):
        load("image_data").load_idx(str(tmp_path), "test")
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(b"no such format")
    with pytest.raises(ValueError, match="Expected an IDX file"):
        load("image_data").load_idx(str(tmp_path), "test")


# Not this project's: what TensorFlow Datasets warns of at import.
@pytest.mark.filterwarnings("default")
def test_tensorflow_datasets_that_cannot_be_had(load, tfds_folder):
    load_tfds = load("image_data").load_tfds
    with pytest.raises(ValueError, match=r"'mnist' is not on this machine.*--download"):
        load_tfds("mnist", "train")
    with pytest.raises(ValueError, match="has no 'mnisst'"):
        load_tfds("mnisst", "train")
    with pytest.raises(ValueError, match=r"'mnist' has no alphabet.*'image', 'label'"):
        load_tfds("mnist", "train", ("image", "alphabet"))


@pytest.mark.filterwarnings("default")
def test_tensorflow_datasets(load, tfds_folder):
    import tensorflow_datasets as tfds

    class Toys(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(names=["dark", "bright"]),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for number in range(6):
                image = np.full((8 + number, 9, 3), 255 * (number % 2), "uint8")
                yield number, {"image": image, "label": number % 2}

    Toys(data_dir=tfds_folder).download_and_prepare()
    load_tfds = load("image_data").load_tfds
    columns, features = load_tfds("toys", "train")
    assert columns["image"].shape == (6, 64, 64, 3)
    assert columns["image"].mean(axis=(1, 2, 3)) == pytest.approx(columns["label"])
    assert features["label"].names == ["dark", "bright"]
    assert load_tfds("toys", "train", size=5)[0]["image"].shape == (6, 5, 5, 3)
    with pytest.raises(ValueError, match=r"no split 'test'. Expected one of \['train'\]"):
        load_tfds("toys", "test")


@pytest.mark.data
@pytest.mark.parametrize("train", ["small1", "small2"])
def test_omniglot(load, tmp_path, capsys, train):
    folder = data_folder("KERAS_SIAMESE_DATA", "omniglot")
    figures = load("omniglot").main(
        [
            "--data",
            folder,
            "--train",
            train,
            "--out",
            str(tmp_path),
            "--epochs",
            "1",
            "--steps",
            "25",
        ]
    )
    assert list(figures) == ["raw pixels", "untrained encoder", "trained encoder"]
    assert figures["trained encoder"]["one_shot_error"] < figures["raw pixels"]["one_shot_error"]
    lines = capsys.readouterr().out.splitlines()
    roles = dict(line.split(" on ", 1) for line in lines[:3])
    alphabets = [set(line.split(" of ")[1].strip(".").split(", ")) for line in roles.values()]
    assert list(roles) == ["Train", "Choose the epoch", "Test"]
    assert set.union(*alphabets) >= {"Greek", "Latin"} and not {"Greek", "Latin"} & alphabets[2]
    assert sum(map(len, alphabets)) == len(set.union(*alphabets)) == 8


@pytest.mark.data
def test_fashion_mnist(load, tmp_path, capsys):
    folder = data_folder("KERAS_SIAMESE_FASHION_MNIST")
    module = load("fashion_mnist")
    images, labels = module.load_idx(folder, "test")
    # The test file is the smaller one, and serves as both here.
    module.load_images = lambda args, part: (images[:6000], labels[:6000])
    figures = module.main(
        ["--epochs", "1", "--steps", "4", "--points", "100", "--out", str(tmp_path)]
    )
    rows = ["raw pixels", "centred raw pixels", "untrained encoder", "trained encoder"]
    assert [list(table) for table in figures.values()] == [rows, rows]
    out = capsys.readouterr().out
    assert "On the unseen classes, the trained encoder is" in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "10_classes_seen.png",
        "6_classes_seen.png",
    }


def test_the_verdict_names_what_is_no_better(load):
    verdict = load("fashion_mnist").verdict
    figures = {
        "centred raw pixels": {"recall_at_1": 0.9, "map_at_r": 0.5, "pair_auc": 0.8},
        "untrained encoder": {"recall_at_1": 0.8, "map_at_r": 0.4, "pair_auc": 0.9},
        "trained encoder": {"recall_at_1": 0.9, "map_at_r": 0.6, "pair_auc": 0.85},
    }
    assert "no better than what was not trained by recall_at_1, pair_auc:" in verdict(figures)
    figures["trained encoder"] = dict.fromkeys(figures["trained encoder"], 0.95)
    assert "best by every figure" in verdict(figures)
