import copy
import io
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from keras_siamese.callbacks import EmbeddingProjector
from keras_siamese.tensorboard.projector_run import ProjectorRun

X = np.arange(24, dtype="float32").reshape(12, 2)
Y = np.repeat([0, 1, 2], 4)


def make_model(**compile_options):
    """A model whose embeddings are its inputs times a weight that training changes."""
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="identity")]
    )
    model.compile(keras.optimizers.SGD(1e-4), "mse", **compile_options)
    return model


def fit(model, callbacks, **options):
    return model.fit(X, X * 0.5, batch_size=4, verbose=0, callbacks=callbacks, **options)


def snapshots(directory):
    content = (directory / "projector_config.pbtxt").read_text()
    return [info.tensor_name for info in text_format.Parse(content, ProjectorConfig()).embeddings]


def read_tensor(directory, snapshot):
    return np.fromfile(directory / f"{snapshot}.bytes", "<f4").reshape(-1, 2)


def test_the_trained_embeddings_are_written(tmp_path, capsys):
    model = make_model()
    fit(model, [EmbeddingProjector(tmp_path, (X, Y))], epochs=3)
    assert snapshots(tmp_path / "projector") == ["final"]
    embeddings = model.predict(X, verbose=0)
    assert not np.allclose(embeddings, X)
    np.testing.assert_allclose(read_tensor(tmp_path / "projector", "final"), embeddings, rtol=1e-4)
    assert (tmp_path / "projector" / "metadata.tsv").read_text().split() == [str(i) for i in Y]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_snapshots_by_epoch_show_the_model_of_that_epoch(tmp_path, steps_per_execution):
    model, seen = make_model(steps_per_execution=steps_per_execution), {}
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.update({epoch + 1: model.predict(X, verbose=0)})
    )
    fit(model, [note, EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=2, name="run")], epochs=5)
    assert snapshots(tmp_path / "run") == ["epoch_002", "epoch_004", "final"]
    for snapshot, epoch in (("epoch_002", 2), ("epoch_004", 4), ("final", 5)):
        tensor = read_tensor(tmp_path / "run", snapshot)
        np.testing.assert_allclose(tensor, seen[epoch], rtol=1e-4, atol=1e-6)


def test_training_that_goes_on_keeps_the_epochs_before(tmp_path):
    for epochs, initial_epoch in ((4, 0), (5, 2)):
        projector = EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1)
        fit(make_model(), [projector], epochs=epochs, initial_epoch=initial_epoch)
    # Of the first fit 3, 4 and final are gone: the second one trained those epochs anew.
    names = ["epoch_001", "epoch_002", "epoch_003", "epoch_004", "epoch_005", "final"]
    assert snapshots(tmp_path / "projector") == names
    fit(make_model(), [projector], epochs=3, initial_epoch=2)
    assert snapshots(tmp_path / "projector") == [*names[:3], "final"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving
def test_backup_and_restore_keeps_the_epochs_before(tmp_path):
    model = make_model()
    for epochs in (2, 3):
        fit(
            model,
            [
                keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
                EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1),
            ],
            epochs=epochs,
        )
        first = read_tensor(tmp_path / "projector", "epoch_001")
    assert snapshots(tmp_path / "projector") == ["epoch_001", "epoch_002", "epoch_003", "final"]
    np.testing.assert_array_equal(read_tensor(tmp_path / "projector", "epoch_001"), first)


def test_a_fit_from_the_start_begins_the_run_anew(tmp_path):
    projector = EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=2)
    fit(make_model(), [projector], epochs=4)
    fit(make_model(), [projector], epochs=2)
    assert snapshots(tmp_path / "projector") == ["epoch_002", "final"]
    assert not (tmp_path / "projector" / "epoch_004.bytes").exists()


def test_other_points_begin_the_run_anew(tmp_path):
    fit(make_model(), [EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1)], epochs=2)
    other = EmbeddingProjector(tmp_path, (X, Y[::-1]), every_n_epochs=1)
    fit(make_model(), [other], epochs=3, initial_epoch=2)
    assert snapshots(tmp_path / "projector") == ["epoch_003", "final"]


def test_a_sample_keeps_items_labels_columns_and_pictures_together(tmp_path, rng):
    images = rng.integers(0, 256, (12, 32, 32), dtype="uint8")
    options = {
        "class_names": ["nil", "one", "two"],
        "metadata": {"item": np.arange(12), "squared": [i * i for i in range(12)]},
        "images": images,
        "max_points": 6,
    }
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(5)
    fit(
        make_model(),
        [
            EmbeddingProjector(tmp_path, (X, Y), name="arrays", **options),
            EmbeddingProjector(tmp_path, dataset, name="dataset", **options),
        ],
        epochs=0,
    )
    header, *rows = (tmp_path / "arrays" / "metadata.tsv").read_text().splitlines()
    assert header == "label\titem\tsquared"
    rows = [row.split("\t") for row in rows]
    assert [row[0] for row in rows] == ["nil", "nil", "one", "one", "two", "two"]
    items = [int(row[1]) for row in rows]
    assert [int(row[2]) for row in rows] == [item * item for item in items]
    np.testing.assert_allclose(
        read_tensor(tmp_path / "arrays", "final"), X[items], rtol=1e-4, atol=1e-6
    )
    sheet = np.asarray(Image.open(tmp_path / "arrays" / "sprite.png"))
    np.testing.assert_array_equal(sheet[32:64, 64:96], images[items[5]])
    for file in ("metadata.tsv", "sprite.png", "final.bytes"):
        expected = (tmp_path / "arrays" / file).read_bytes()
        assert (tmp_path / "dataset" / file).read_bytes() == expected


def test_pictures_are_found_in_images_and_left_out_on_request(tmp_path):
    x, y = np.zeros((3, 8, 8, 1), "uint8"), ["a", "b", "a"]
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    for name, options in {"auto": {}, "none": {"images": None}}.items():
        projector = EmbeddingProjector(tmp_path, (x, y), name=name, **options)
        projector.set_model(model)
        projector.on_train_end()
    assert (tmp_path / "auto" / "sprite.png").exists()
    assert not (tmp_path / "none" / "sprite.png").exists()


def test_a_deep_copy_works_and_shares_the_points(tmp_path):
    projector = EmbeddingProjector(tmp_path, (X, Y))
    twin = copy.deepcopy(projector)
    fit(make_model(), [twin], epochs=1)
    assert snapshots(tmp_path / "projector") == ["final"]
    assert twin._points is projector._points


def test_a_distribution_strategy_is_no_obstacle(tmp_path):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = make_model()
    fit(model, [EmbeddingProjector(tmp_path, (X, Y))], epochs=1)
    assert snapshots(tmp_path / "projector") == ["final"]


def test_only_the_chief_writes(tmp_path):
    calls = []

    def predict(x, verbose):
        calls.append(x)
        return x

    strategy = SimpleNamespace(extended=SimpleNamespace(should_save_summary=False))
    projector = EmbeddingProjector(tmp_path, (X, Y))
    projector.set_model(SimpleNamespace(predict=predict, distribute_strategy=strategy))
    projector.on_train_end()
    assert len(calls) == 1
    assert not (tmp_path / "projector").exists()


@pytest.mark.parametrize(
    "embeddings,message",
    [(np.full((12, 2), np.nan), "12 of 12 rows"), (np.zeros((12, 2, 3)), "embedding_dim")],
)
def test_bad_embeddings_keep_the_snapshots_before(tmp_path, embeddings, message):
    projector = EmbeddingProjector(tmp_path, (X, Y))
    projector.set_model(SimpleNamespace(predict=lambda x, verbose: x))
    projector.on_epoch_begin(0)
    projector.on_train_end()
    projector.on_train_begin()
    projector.on_epoch_begin(0)
    projector.set_model(SimpleNamespace(predict=lambda x, verbose: embeddings))
    with pytest.raises(ValueError, match=message):
        projector.on_train_end()
    assert snapshots(tmp_path / "projector") == ["final"]
    tensor = read_tensor(tmp_path / "projector", "final")
    np.testing.assert_allclose(tensor, X, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "data,options,message",
    [
        (([], []), {}, "empty"),
        ((X, Y[:-1]), {}, "lengths"),
        ((X[:1], Y[:1]), {}, "two points or more"),
        ((X, Y), {"metadata": {"id": [1, 2]}}, "'id' needs one value for each of the 12"),
        ((X, Y), {"metadata": {"label": Y}}, "hide the labels"),
        ((X, Y), {"images": np.zeros((3, 8, 8))}, "one image for each of the 12"),
        ((X, Y), {"images": "Auto"}, "Did you mean 'auto'"),
        ((X, Y), {"class_names": ["a", "b"]}, "2 names and the label 2"),
        ((X, Y - 1), {"class_names": ["a", "b"]}, "2 names and the label -1"),
        ((X, list("abcdefabcdef")), {"class_names": ["a"]}, "name integer labels"),
        ((X, Y), {"every_n_epochs": -1}, "every_n_epochs"),
        ((X, Y), {"max_points": 1}, "max_points"),
        ((X, Y), {"max_points": 100_001}, "at most 100000"),
    ],
)
def test_bad_arguments(tmp_path, data, options, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingProjector(tmp_path, data, **options)


# What a real TensorBoard serves.

TRICKY = ["tab\there", "line\nend", "", 'é "<b>"', "日本", "plain"] * 2


@pytest.fixture(scope="module")
def tensorboard(tmp_path_factory):
    """Yields a function from (route, **query) to the bytes that TensorBoard serves."""
    log_dir = tmp_path_factory.mktemp("logs")
    images = np.zeros((12, 8, 8), "uint8")
    images[7] = 255
    pictured = EmbeddingProjector(
        log_dir, (X, TRICKY), every_n_epochs=1, images=images, metadata={"id": np.arange(12)}
    )
    bare = EmbeddingProjector(log_dir, (X, TRICKY), name="bare")
    fit(make_model(), [pictured, bare], epochs=2)
    # The beginnings of these files, if not guarded, would be read as text: zeros and "1\n2\n".
    zeros = ProjectorRun(log_dir / "zeros", {"label": ["a", "b"]})
    zeros.write("final", np.zeros((2, 2)))
    text = ProjectorRun(log_dir / "text", {"label": ["a", "b"]})
    text.write("final", np.frombuffer(b"1\n2\n" * 4, "<f4").reshape(2, 2))

    output = log_dir / "output.txt"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir)]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"], stdout=file, stderr=file
        )
    try:

        def wait_for(condition):
            for _ in range(600):
                found = condition()
                if found:
                    return found
                assert process.poll() is None, output.read_text()
                time.sleep(0.1)
            raise AssertionError(output.read_text())

        address = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/", output.read_text()))

        def get(route, **query):
            url = f"{address[0]}data/{route}?{urllib.parse.urlencode(query)}"
            with urllib.request.urlopen(url, timeout=30) as response:
                return response.read()

        wait_for(lambda: len(json.loads(get("plugin/projector/runs"))) == 4)
        wait_for(lambda: json.loads(get("plugins_listing"))["projector"]["enabled"])
        yield get
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_tensorboard_lists_the_runs_and_snapshots(tensorboard):
    runs = json.loads(tensorboard("plugin/projector/runs"))
    assert sorted(runs) == ["bare", "projector", "text", "zeros"]
    info = json.loads(tensorboard("plugin/projector/info", run="projector"))
    names = [embedding["tensorName"] for embedding in info["embeddings"]]
    assert names == ["epoch_001", "epoch_002", "final"]
    assert all(embedding["tensorShape"] == [12, 2] for embedding in info["embeddings"])


@pytest.mark.parametrize(
    "run,snapshot,num_points",
    [
        ("projector", "epoch_001", 12),
        ("projector", "final", 12),
        ("bare", "final", 12),
        ("zeros", "final", 2),
        ("text", "final", 2),
    ],
)
def test_tensorboard_serves_the_points(tensorboard, run, snapshot, num_points):
    content = tensorboard("plugin/projector/tensor", run=run, name=snapshot, num_rows=100_000)
    tensor = np.frombuffer(content, "<f4").reshape(num_points, 2)
    if run == "zeros":
        np.testing.assert_allclose(tensor, np.zeros((2, 2)), atol=1e-42)
    elif num_points == 12:
        # Training is but a few small steps away from the identity.
        np.testing.assert_allclose(tensor, X, rtol=0.5, atol=0.5)


@pytest.mark.parametrize("run", ["projector", "bare"])
def test_tensorboard_serves_one_line_of_metadata_for_each_point(tensorboard, run):
    content = tensorboard("plugin/projector/metadata", run=run, name="final", num_rows=100_000)
    lines = content.decode("utf-8").split("\n")
    assert lines.pop() == ""
    if run == "projector":
        assert lines.pop(0) == "label\tid"
        assert [line.split("\t")[1] for line in lines] == [str(i) for i in range(12)]
    labels = [line.split("\t")[0] for line in lines]
    empty = "" if run == "projector" else "(empty)"
    assert labels == ["tab here", "line end", empty, 'é "<b>"', "日本", "plain"] * 2


def test_tensorboard_serves_the_pictures(tensorboard):
    content = tensorboard("plugin/projector/sprite_image", run="projector", name="epoch_002")
    info = json.loads(tensorboard("plugin/projector/info", run="projector"))
    assert info["embeddings"][1]["sprite"]["singleImageDim"] == [24, 24]
    sheet = np.asarray(Image.open(io.BytesIO(content)))
    assert sheet.shape == (96, 96)
    # The white one of the twelve: 7 = row 1, column 3 of four.
    assert (sheet[24:48, 72:96] == 255).all()
    assert sheet.sum() == 24 * 24 * 255
