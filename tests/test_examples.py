import csv
import gzip
import importlib.util
import os
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hparams_table import read_table
from idx_files import write_idx

import keras_siamese

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
    sys.modules.pop("unpack", None)


def data_folder(variable, subfolder=""):
    folder = os.environ.get(variable)
    if folder is None or not (Path(folder) / subfolder).is_dir():
        pytest.skip(f"{variable} names no folder {subfolder or 'of IDX files'}")
    return str(Path(folder) / subfolder)


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")
def test_tune_margin(load, tmp_path, capsys):
    directory = str(tmp_path / "runs")
    tuner = load("tune_margin").main(["--trials", "2", "--epochs", "1", "--directory", directory])
    log_dir = tmp_path / "runs" / "tune_margin" / "logs"
    out = capsys.readouterr().out
    assert out.endswith(f"under HPARAMS: tensorboard --logdir {log_dir}\n")
    rows = list(read_table(log_dir).values())
    assert len(rows) == 2
    for row, trial in zip(rows, tuner.oracle.trials.values(), strict=True):
        assert trial.hyperparameters.values.items() <= row.hparams.items()
        assert row.metrics["val_recall_at_1"] == pytest.approx(trial.score)
        assert f"| {trial.trial_id} | {row.hparams['margin']:.3f} |" in out


def test_watch_training(load, tmp_path, capsys):
    arguments = ["--epochs", "2", "--steps", "4", "--margins", "0.3", "--logs", str(tmp_path)]
    history = load("watch_training").main(arguments)
    assert history.history["retrieval_recall_at_1"][-1] > 0.8
    assert "batch_effective_rank" in history.history
    runs = {path.parent.name for path in (tmp_path / "margin_0.3").rglob("events*")}
    assert runs == {"diagnostics", "retrieval", "pictures", "projector", "hparams"}
    rows = (tmp_path / "margin_0.3" / "projector" / "metadata.tsv").read_text().splitlines()
    assert len(rows) == 1 + 899
    assert f"tensorboard --logdir {tmp_path}" in capsys.readouterr().out


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
    quickstart = load("quickstart")
    x, y = quickstart.load_images(quickstart.parse_arguments(["--idx", str(tmp_path)]))
    assert x.shape == (120, 12, 10, 1) and x.dtype == "float32"
    np.testing.assert_allclose(x[..., 0], images / 255, atol=1e-6)
    np.testing.assert_array_equal(y, labels)


# Not this project's: what TensorFlow Datasets warns of at import.
@pytest.mark.filterwarnings("default")
def test_quickstart_reads_tensorflow_datasets(load, tmp_path, monkeypatch, rng):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    images = rng.integers(0, 256, (12, 10, 9), dtype="uint8")
    write_idx(tmp_path / "train-images-idx3-ubyte", images)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(12, dtype="uint8") % 3)
    keras_siamese.data.prepare_idx(tmp_path, "toys", data_dir=tmp_path)
    quickstart = load("quickstart")
    x, y = quickstart.load_images(quickstart.parse_arguments(["--dataset", "toys", "--size", "8"]))
    assert x.shape == (12, 8, 8, 1) and sorted(y) == sorted(np.arange(12) % 3)
    with pytest.raises(ValueError, match="mnist"):
        quickstart.load_images(quickstart.parse_arguments(["--dataset", "mnist"]))


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


def test_omniglot_of_tensorflow_datasets(load, tmp_path, monkeypatch):
    import toy_tfds

    monkeypatch.setattr(toy_tfds.tfds.core.constants, "DATA_DIR", str(tmp_path))
    alphabets = ["Early_Aramaic", "Greek", "Tagalog"]
    features = {
        "image": toy_tfds.tfds.features.Image(shape=(105, 105, 3)),
        "alphabet": toy_tfds.tfds.features.ClassLabel(names=alphabets),
        "label": toy_tfds.tfds.features.ClassLabel(num_classes=1623),
    }
    image = np.full((105, 105, 3), 255, np.uint8)
    drawings = [{"image": image, "alphabet": n % 3, "label": 7 * n} for n in range(6)]
    version = str(toy_tfds.tfds.builder_cls("omniglot").VERSION)
    toy_tfds.store(tmp_path, "omniglot", features, {"small1": drawings}, version=version)
    module = load("omniglot")
    source = module.load_drawings(module.parse_arguments([]), "small1")
    assert {*module.VALIDATION.values()} < {*source.groups} == {*alphabets}
    images, labels = source.arrays()
    assert images.shape == (6, 28, 28, 1) and images.min() == 1.0
    assert sorted(labels) == [0, 7, 14, 21, 28, 35]


def write_classes_of_jpeg(root, rng, num_images=40):
    """CIFAR-10 in small: ten classes, each of its own colour."""
    from PIL import Image

    for label in range(10):
        (root / f"class{label}").mkdir(parents=True)
        colour = rng.integers(0, 200, 3)
        for number in range(num_images):
            pixels = colour + rng.integers(0, 56, (32, 32, 3))
            path = root / f"class{label}" / f"{number:04}.jpg"
            Image.fromarray(pixels.astype("uint8")).save(path)


def test_cifar10(load, tmp_path, capsys, rng):
    write_classes_of_jpeg(tmp_path / "train", rng)
    write_classes_of_jpeg(tmp_path / "test", rng, num_images=5)
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--points", "50"]
    figures = load("cifar10").main([*arguments, "--epochs", "1", "--steps", "2"])
    assert list(figures) == ["raw pixels", "untrained encoder", "trained encoder"]
    assert all(list(row) == FIGURES for row in figures.values())
    assert "50 images that training never saw" in capsys.readouterr().out
    assert (tmp_path / "out" / "embeddings.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_and_search(load, tmp_path, capsys, rng):
    write_classes_of_jpeg(tmp_path / "train", rng, num_images=80)
    write_classes_of_jpeg(tmp_path / "test", rng, num_images=5)
    out = tmp_path / "out"
    arguments = ["--data", str(tmp_path), "--out", str(out), "--points", "50"]
    module = load("evaluate_and_search")
    report = module.main([*arguments, "--epochs", "1", "--steps", "2"])
    assert list(report) == FIGURES
    picture = str(tmp_path / "test" / "class3" / "0001.jpg")
    again = module.main([*arguments, "--model", str(out / "model.keras"), "--picture", picture])
    assert dict(again) == dict(report)
    printed = capsys.readouterr().out
    assert "Nearest to 0001, of which the index says" in printed
    assert printed.count("same class: ") == 16
    assert "data:image/png;base64," in (out / "report.html").read_text()
    assert (out / "neighbours.png").read_bytes().startswith(b"\x89PNG")
    assert len(keras_siamese.EmbeddingIndex.load(out / "pictures.index")) == 760


@pytest.mark.data
def test_cifar10_of_the_archive(load, tmp_path):
    folder = data_folder("KERAS_SIAMESE_DATA", "cifar10")
    module = load("cifar10")
    source = module.load_images(
        module.parse_arguments(["--data", folder, "--out", str(tmp_path)]), "test"
    )
    assert len(source) == 10_000 and len(np.unique(source.labels)) == 10


@pytest.mark.data
def test_fashion_mnist(load, tmp_path, capsys):
    folder = data_folder("KERAS_SIAMESE_FASHION_MNIST")
    module = load("fashion_mnist")
    source = keras_siamese.data.from_idx(folder, "test")
    images, labels = source.subset(np.arange(6000)).arrays()
    # The test file is the smaller one, and serves as both here.
    module.load_images = lambda args, part: (images, labels)
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


def write_questions(path, intents, rng, num_questions):
    openings = ["How do I", "Please help me:", "Can you tell me whether I can", "I tried to"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        for intent in intents:
            verb, thing = intent.split("_")
            for _ in range(num_questions):
                more = " ".join(rng.choice(["today", "now", "again", "abroad"], 2))
                writer.writerow([f"{rng.choice(openings)} {verb} my {thing}, {more}?", intent])


def test_banking77(load, tmp_path, capsys, rng):
    things = ["card", "pin", "account", "r\u00e9sum\u00e9", "transfer"]
    intents = [f"{verb}_{thing}" for verb in ("lose", "find", "change") for thing in things]
    write_questions(tmp_path / "train.csv", intents, rng, 16)
    write_questions(tmp_path / "test.csv", intents, rng, 4)
    figures = load("banking77").main(
        [
            *("--data", str(tmp_path), "--out", str(tmp_path), "--epochs", "6"),
            *("--classes-per-batch", "6"),
        ]
    )
    assert list(figures) == [
        *("TF-IDF of words", "TF-IDF of 3 to 5 characters"),
        *("untrained encoder", "trained encoder"),
    ]
    assert all(list(row) == FIGURES[:4] for row in figures.values())
    assert figures["trained encoder"]["map_at_r"] > figures["untrained encoder"]["map_at_r"]
    out = capsys.readouterr().out
    assert "Train on 144 questions of 9 intents." in out
    assert "48 questions of intents that training never saw" in out
    assert len(re.findall(r"^    \S.*\?  \[\w+\]$", out, re.MULTILINE)) == 5
    nearest = re.findall(r"^      (\d\.\d\d)  .*\?  \[\w+\]$", out, re.MULTILINE)
    assert len(nearest) == 15
    by_query = np.array(nearest, float).reshape(5, 3)
    assert (np.diff(by_query) <= 0).all()


@pytest.mark.data
def test_banking77_of_real_questions(load, tmp_path):
    folder = data_folder("KERAS_SIAMESE_DATA", "banking77")
    figures = load("banking77").main(["--data", folder, "--out", str(tmp_path), "--epochs", "3"])
    trained, peer = figures["trained encoder"], figures["TF-IDF of 3 to 5 characters"]
    assert trained["map_at_r"] > peer["map_at_r"] + 0.03
    assert trained["pair_auc"] > peer["pair_auc"] + 0.03


def test_the_verdict_beside_tf_idf(load):
    verdict = load("banking77").verdict
    figures = {
        "TF-IDF of words": {"recall_at_1": 0.9, "map_at_r": 0.3},
        "TF-IDF of 3 to 5 characters": {"recall_at_1": 0.8, "map_at_r": 0.4},
        "trained encoder": {"recall_at_1": 0.9, "map_at_r": 0.5},
    }
    assert "TF-IDF by map_at_r; it is no better by recall_at_1." in verdict(figures)
    figures["trained encoder"] = {"recall_at_1": 1.0, "map_at_r": 1.0}
    assert "by recall_at_1, map_at_r; it is no better by no figure." in verdict(figures)


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
