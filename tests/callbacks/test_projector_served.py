"""What a real TensorBoard serves of the runs."""

import io
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import keras
import numpy as np
import pytest
from PIL import Image

from keras_siamese.callbacks import EmbeddingProjector
from keras_siamese.tensorboard.metadata import Metadata
from keras_siamese.tensorboard.projector_run import ProjectorRun

X = np.arange(24, dtype="float32").reshape(12, 2)
TRICKY = ["tab\there", "line\nend", "", 'é "<b>"', "日本", "plain"] * 2
# These stand where they can shift everything below, and right of, them.
SHOWN = ["tab here", "line end", "(empty)", 'é "<b>"', "日本", "plain"] * 2


@pytest.fixture(scope="module")
def tensorboard(tmp_path_factory):
    """Yields a function from (route, **query) to the bytes that TensorBoard serves."""
    log_dir = tmp_path_factory.mktemp("logs")
    images = np.zeros((12, 8, 8), "uint8")
    images[7] = 255
    pictured = EmbeddingProjector(
        log_dir, (X, TRICKY), every_n_epochs=1, images=images, metadata={"id": np.arange(12)}
    )
    bare = EmbeddingProjector(log_dir, (X, TRICKY), name="bare", computed=())
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="identity")]
    )
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    model.fit(X, X * 0.5, batch_size=4, verbose=0, epochs=2, callbacks=[pictured, bare])
    column = ProjectorRun(log_dir / "column", Metadata.of({"label": TRICKY}))
    column.write("final", X)
    # The beginnings of these files, if not guarded, would be read as text: zeros and "1\n2\n".
    zeros = ProjectorRun(log_dir / "zeros", Metadata.of({"label": ["a", "b"]}))
    zeros.write("final", np.zeros((2, 2)))
    text = ProjectorRun(log_dir / "text", Metadata.of({"label": ["a", "b"]}))
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

        wait_for(lambda: len(json.loads(get("plugin/projector/runs"))) == 5)
        wait_for(lambda: json.loads(get("plugins_listing"))["projector"]["enabled"])
        get.log_dir = log_dir
        yield get
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_tensorboard_lists_the_runs_and_snapshots(tensorboard):
    runs = json.loads(tensorboard("plugin/projector/runs"))
    assert sorted(runs) == ["bare", "column", "projector", "text", "zeros"]
    info = json.loads(tensorboard("plugin/projector/info", run="projector"))
    names = [embedding["tensorName"] for embedding in info["embeddings"]]
    assert names == ["epoch_001", "epoch_002", "final"]
    assert all(embedding["tensorShape"] == [12, 3] for embedding in info["embeddings"])


@pytest.mark.parametrize(
    "run,snapshot,num_points",
    [
        ("projector", "epoch_001", 12),
        ("projector", "final", 12),
        ("bare", "final", 12),
        ("column", "final", 12),
        ("zeros", "final", 2),
        ("text", "final", 2),
    ],
)
def test_tensorboard_serves_the_points(tensorboard, run, snapshot, num_points):
    content = tensorboard("plugin/projector/tensor", run=run, name=snapshot, num_rows=100_000)
    tensor = np.frombuffer(content, "<f4").reshape(num_points, 3)
    if run == "zeros":
        np.testing.assert_allclose(tensor, np.zeros((2, 3)), atol=1e-42)
    elif num_points == 12:
        # Training is but a few small steps away from the identity.
        np.testing.assert_allclose(tensor[:, :2], X, rtol=0.5, atol=0.5)


@pytest.mark.parametrize(
    "run,columns",
    [
        (
            "projector",
            ["item", "id", "predicted_label", "nearest_is_correct", "distance_to_centre"],
        ),
        ("bare", ["item"]),
        ("column", []),
    ],
)
def test_tensorboard_serves_one_line_of_metadata_for_each_point(tensorboard, run, columns):
    content = tensorboard("plugin/projector/metadata", run=run, name="final", num_rows=100_000)
    lines = content.decode("utf-8").split("\n")
    assert lines.pop() == ""
    if columns:
        assert lines.pop(0) == "\t".join(["label", *columns])
        assert [line.split("\t")[1] for line in lines] == [str(i) for i in range(12)]
    labels = [line.split("\t")[0] for line in lines]
    assert labels == SHOWN
    if "predicted_label" in columns:
        # Points stand on a line: the nearest is the one before or behind.
        predicted = [line.split("\t")[3] for line in lines]
        beside = zip([SHOWN[1], *SHOWN], [*SHOWN[1:], SHOWN[-2]], strict=False)
        assert all(one in both for one, both in zip(predicted, beside, strict=True))


def test_tensorboard_serves_the_views(tensorboard):
    content = tensorboard("plugin/projector/bookmarks", run="projector", name="epoch_001")
    colours = [view["selectedColorOptionName"] for view in json.loads(content)]
    expected = ["label", "id", "predicted_label", "nearest_is_correct", "distance_to_centre"]
    assert colours == expected


def test_tensorboard_serves_the_pictures(tensorboard):
    content = tensorboard("plugin/projector/sprite_image", run="projector", name="epoch_002")
    info = json.loads(tensorboard("plugin/projector/info", run="projector"))
    assert info["embeddings"][1]["sprite"]["singleImageDim"] == [24, 24]
    sheet = np.asarray(Image.open(io.BytesIO(content)))
    assert sheet.shape == (96, 96)
    # The white one of the twelve: 7 = row 1, column 3 of four.
    assert (sheet[24:48, 72:96] == 255).all()
    assert sheet.sum() == 24 * 24 * 255


def test_a_tensorboard_that_runs_learns_of_new_snapshots(tensorboard):
    # The last of the tests: it adds to what the others look at.
    run = ProjectorRun(tensorboard.log_dir / "column", Metadata.of({"label": TRICKY}))
    for name in ("later", "even_later"):
        run.write(name, X + 1)
        info = json.loads(tensorboard("plugin/projector/info", run="column"))
        assert name in [embedding["tensorName"] for embedding in info["embeddings"]]
        content = tensorboard("plugin/projector/tensor", run="column", name=name, num_rows=12)
        tensor = np.frombuffer(content, "<f4").reshape(12, 3)
        np.testing.assert_allclose(tensor[:, :2], X + 1, rtol=1e-4)
