"""The command `project`: the Projector reads what the model makes of the data."""

import keras
import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

import keras_siamese as ks
from keras_siamese import __main__ as command_line


@pytest.fixture
def encoder(tmp_path):
    layers = [keras.Input((4, 4)), keras.layers.Flatten(), keras.layers.Dense(3)]
    encoder = keras.Sequential(layers)
    encoder.save(tmp_path / "model.keras")
    return encoder


@pytest.fixture
def images(rng, tmp_path, encoder):
    """Eight pictures of each of three classes, 0 to 2."""
    images = rng.random((24, 4, 4), dtype="float32")
    np.savez(tmp_path / "data.npz", x=images, y=np.repeat(range(3), 8))
    return images


def project(folder, *argv):
    """Runs the command; returns its exit code."""
    paths = (folder / "model.keras", folder / "data.npz", folder / "logs")
    return command_line.main(["project", *map(str, paths), *map(str, argv)])


def read(directory):
    """Returns the names of the snapshots, and tensor and table of the last one."""
    content = (directory / "projector_config.pbtxt").read_text()
    infos = text_format.Parse(content, ProjectorConfig()).embeddings
    tensor = np.fromfile(directory / infos[-1].tensor_path, "<f4").reshape(infos[-1].tensor_shape)
    header, *rows = (directory / infos[-1].metadata_path).read_text().splitlines()
    rows = [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]
    return [info.tensor_name for info in infos], tensor, rows


def test_the_embeddings_labels_and_pictures_of_the_data(encoder, images, tmp_path, capsys):
    assert project(tmp_path) == 0
    names, tensor, rows = read(tmp_path / "logs" / "data")
    assert names == ["final"]
    np.testing.assert_allclose(tensor, encoder.predict(images, verbose=0), rtol=1e-4, atol=1e-6)
    assert [row["label"] for row in rows] == ["0"] * 8 + ["1"] * 8 + ["2"] * 8
    assert "set" not in rows[0]
    with Image.open(tmp_path / "logs" / "data" / "sprite.png") as sheet:
        assert sheet.size == (120, 120)
    captured = capsys.readouterr()
    assert "24 of 24 items" in captured.err
    assert captured.out.endswith(f"    tensorboard --logdir {tmp_path / 'logs'}\n")


def test_run_snapshot_names_and_size_are_chosen(images, tmp_path):
    (tmp_path / "names.txt").write_text("ant\nbee\nKäfer, größer\n", encoding="utf-8")
    options = ("--name", "new", "--max-points", "6", "--class-names", tmp_path / "names.txt")
    assert project(tmp_path, *options, "--snapshot", "before") == 0
    assert project(tmp_path, *options, "--snapshot", "after") == 0
    names, tensor, rows = read(tmp_path / "logs" / "new")
    assert names == ["before", "after"] and len(tensor) == 6
    assert [row["label"] for row in rows] == ["ant", "ant", "bee", "bee", *["Käfer, größer"] * 2]


def test_runs_of_a_training_and_of_other_data_are_kept(encoder, images, tmp_path):
    data = (images, np.repeat(range(3), 8))
    ks.callbacks.EmbeddingProjector(tmp_path / "logs", data).write(encoder, "epoch_001")
    np.savez(tmp_path / "more.npz", x=images[:5], y=[0, 0, 1, 1, 1])
    for file in ("data.npz", "more.npz"):
        paths = (tmp_path / "model.keras", tmp_path / file, tmp_path / "logs")
        assert command_line.main(["project", *map(str, paths)]) == 0
    names = {run.name: read(run)[0] for run in (tmp_path / "logs").iterdir()}
    assert names == {"projector": ["epoch_001"], "data": ["final"], "more": ["final"]}


def test_further_sets_are_shown_with_the_data(encoder, images, rng, tmp_path):
    other = rng.random((4, 4, 4), dtype="float32")
    np.savez(tmp_path / "more.npz", x=other, y=[2, 2, 7, 7])
    assert project(tmp_path, "--set", f"seen later={tmp_path / 'more.npz'}") == 0
    _, tensor, rows = read(tmp_path / "logs" / "data")
    assert [row["set"] for row in rows] == ["data"] * 24 + ["seen later"] * 4
    assert [row["label"] for row in rows[24:]] == ["2", "2", "7", "7"]
    expected = encoder.predict(np.concatenate([images, other]), verbose=0)
    np.testing.assert_allclose(tensor, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options,message",
    [
        (["--set", "data.npz"], "Expected --set NAME=DATA"),
        (["--set", "=data.npz"], "Expected --set NAME=DATA"),
        (["--set", "data={folder}/data.npz"], "a name for each set"),
        (["--set", "more={folder}/nowhere"], "does not exist"),
        (["--class-names", "{folder}/no.txt"], "no.txt"),
        (["--class-names", "{folder}/short.txt"], "a name for each label"),
        (["--max-points", "1"], "max_points"),
        (["--name", "../up"], "a directory below"),
        (["--snapshot", "a/b"], "name of a snapshot"),
    ],
)
def test_bad_input_is_one_line(images, tmp_path, capsys, options, message):
    (tmp_path / "short.txt").write_text("ant\n")
    assert project(tmp_path, *(option.format(folder=tmp_path) for option in options)) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and not (tmp_path / "logs").exists()
    *_, error = captured.err.splitlines()
    assert error.startswith("error: ") and message in error


def test_a_directory_that_cannot_be_written_is_an_error(images, tmp_path, capsys):
    (tmp_path / "logs").write_text("a file")
    assert project(tmp_path) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "error: " in captured.err and "logs" in captured.err


def test_embeddings_that_are_not_finite_are_an_error(encoder, images, tmp_path, capsys):
    encoder.layers[-1].bias.assign([0, np.nan, 0])
    encoder.save(tmp_path / "model.keras")
    assert project(tmp_path) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "finite" in captured.err
