"""Bad input, and disks that fail."""

import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from projector_runs import X, Y, fit, make_model, snapshots

from keras_siamese.callbacks import EmbeddingProjector


def test_another_writers_run_is_refused_before_any_training(tmp_path):
    config = tmp_path / "projector" / "projector_config.pbtxt"
    config.parent.mkdir()
    config.write_text('embeddings { tensor_name: "theirs" }')
    epochs = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    projector = EmbeddingProjector(tmp_path, (X, Y))
    for write in (
        lambda: fit(make_model(), [note, projector], epochs=1),
        lambda: projector.write(make_model()),
    ):
        with pytest.raises(ValueError, match=r"another writer's.*another `name`"):
            write()
    assert epochs == []
    assert config.read_text() == 'embeddings { tensor_name: "theirs" }'


def two_outputs():
    x = keras.Input((2,))
    model = keras.Model(x, [keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)])
    model.compile("sgd", ["mse", "mse"])
    return model


@pytest.mark.parametrize(
    "model,y,data,message",
    [
        (make_model(), X, (X[:, :1], Y), "incompatible"),
        (two_outputs(), [X, X], (X, Y), "one output.*Received: 2 in a list"),
    ],
)
def test_data_that_the_model_makes_no_embeddings_of_is_refused_before_any_training(
    tmp_path, model, y, data, message
):
    epochs = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    projector = EmbeddingProjector(tmp_path, data)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, verbose=0, callbacks=[projector, note])
    assert epochs == []


def test_another_writer_that_comes_while_training_loses_nothing(tmp_path):
    config = tmp_path / "projector" / "projector_config.pbtxt"

    def come(logs):
        config.parent.mkdir()
        config.write_text('embeddings { tensor_name: "theirs" }')

    others = keras.callbacks.LambdaCallback(on_train_begin=come)
    with pytest.warns(UserWarning, match="lost the snapshot 'final'.*another writer's"):
        fit(make_model(), [EmbeddingProjector(tmp_path, (X, Y)), others], epochs=1)
    assert config.read_text() == 'embeddings { tensor_name: "theirs" }'


def test_training_goes_on_without_a_disk_and_the_loss_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    projector = EmbeddingProjector(tmp_path / "file", (X, Y), every_n_epochs=1)
    with pytest.warns(UserWarning) as warned:
        history = fit(make_model(), [projector], epochs=2)
    assert len(history.epoch) == 2
    first, last = (str(warning.message) for warning in warned)
    assert "lost the snapshot 'epoch_001'" in first and "Training goes on" in first
    assert "could not write 3 times" in last
    with pytest.raises(OSError):
        projector.write(make_model())


@pytest.mark.parametrize("file", ["metadata.tsv", "epoch_002.bytes", "projector_config.pbtxt"])
def test_a_disk_that_fails_for_a_while_loses_that_snapshot_alone(tmp_path, monkeypatch, file):
    projector = EmbeddingProjector(tmp_path, (X, Y), every_n_epochs=1)
    replace, failing = os.replace, []

    def fail(source, target):
        if failing and (file == "metadata.tsv" or str(target).endswith(file)):
            raise OSError(28, "No space left on device")
        return replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    switch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: failing.append(1) if epoch == 1 else failing.clear()
    )
    with pytest.warns(UserWarning, match="lost the snapshot 'epoch_002'.*No space left"):
        fit(make_model(), [switch, projector], epochs=3)
    assert snapshots(tmp_path / "projector") == ["epoch_001", "epoch_003", "final"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_to_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.warns(UserWarning, match="lost the snapshot 'final'.*Permission denied"):
        fit(make_model(), [EmbeddingProjector(tmp_path, (X, Y))], epochs=1)


BAD_EMBEDDINGS = [
    (np.full((12, 2), np.nan), "12 of 12 rows"),
    (np.zeros((12, 2, 3)), "embedding_dim"),
    (np.zeros((11, 2)), "11 embeddings and 12 points"),
    (np.full((12, 2), 1e30) * np.arange(12)[:, None], "not finite"),
]


@pytest.mark.parametrize("embeddings,message", BAD_EMBEDDINGS)
def test_bad_embeddings_keep_the_snapshots_before(tmp_path, embeddings, message):
    projector = EmbeddingProjector(tmp_path, (X, Y))
    projector.write(SimpleNamespace(predict=lambda x, verbose: x))
    before = {file: file.read_bytes() for file in (tmp_path / "projector").iterdir()}
    bad = SimpleNamespace(predict=lambda x, verbose: embeddings)
    with pytest.raises(ValueError, match=message):
        projector.write(bad)
    projector.set_model(bad)
    projector.on_epoch_begin(0)
    with pytest.warns(
        UserWarning, match=f"(?s)lost the snapshot 'final'.*{message}.*Training goes"
    ):
        projector.on_train_end()
    assert {file: file.read_bytes() for file in (tmp_path / "projector").iterdir()} == before


@pytest.mark.parametrize(
    "data,options,message",
    [
        (([], []), {}, "empty"),
        ((X, Y[:-1]), {}, "lengths"),
        ((X[:1], Y[:1]), {}, "two points or more"),
        ((X, Y), {"metadata": {"id": [1, 2]}}, "'id' needs one value for each of the 12"),
        ((X, Y), {"metadata": {"label": Y}}, "'label' would hide"),
        ((X, Y), {"metadata": {"item": Y}}, "'item' would hide"),
        ((X, Y), {"metadata": {"predicted_label": Y}}, "'predicted_label' would hide"),
        ((X, Y), {"metadata": {"predicted_label\n": Y}}, "would hide"),
        ((X, Y), {"metadata": {"": Y}}, "need names"),
        ((X, Y), {"metadata": Y}, "columns by name.*type ndarray"),
        ((X, Y), {"metadata": {"a\tb": Y, "a b": Y}}, "no two the same"),
        ((X, Y), {"images": np.zeros((3, 8, 8))}, "one value for each of the 12.*3 values"),
        ((X, Y), {"images": [np.zeros((8, 8)), np.zeros((8,))] * 6}, r"shape \(8,\)"),
        ((X, Y), {"computed": ["nearest"]}, "Unknown `computed`"),
        ((X, Y), {"computed": "predicted_label"}, "must be a list"),
        ({}, {}, "an empty dict"),
        ({"": (X, Y)}, {}, "by name"),
        ({"a": (X, Y), "b": (X, Y), "c": (X, Y)}, {"max_points": 2}, "max_points"),
        ({"a": (X, Y), "b": (X[:, :1], Y)}, {}, "in 'a'.*shape \\(2,\\).*in 'b'.*shape \\(1,"),
        ({"a": (X, Y), "b": (X, Y.astype(str))}, {}, "labels of one kind"),
        ({"a": (X, Y)}, {"metadata": {"id": Y}}, r"keys of \['a'\]. Received: \['id'\]"),
        ({"a": (X, Y)}, {"metadata": {"a": {"id": Y[:3]}}}, "'id' needs one value"),
        ({"a": (X, Y), "b": (X, Y)}, {"images": {"a": np.zeros((12, 8, 8))}}, "none of 'b'"),
        ({"a": (X, Y)}, {"images": np.zeros((12, 8, 8))}, "given by set"),
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
