"""A small model to project, and what stands in the run directory afterwards."""

import keras
import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

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
    """The points of a snapshot, without the axis of zeros that those of two have."""
    tensor = np.fromfile(directory / f"{snapshot}.bytes", "<f4").reshape(-1, 3)
    assert not tensor[:, 2].any()
    return tensor[:, :2]


def read_table(directory, snapshot="final"):
    """The columns of a snapshot, as the Projector reads them."""
    content = (directory / "projector_config.pbtxt").read_text()
    infos = {i.tensor_name: i for i in text_format.Parse(content, ProjectorConfig()).embeddings}
    lines = (directory / infos[snapshot].metadata_path).read_bytes().decode().split("\n")
    assert lines.pop() == ""
    header, *rows = (line.split("\t") for line in lines)
    assert all(len(row) == len(header) for row in rows)
    return dict(zip(header, zip(*rows, strict=True), strict=True))
