import copy
import shutil
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.callbacks.log_callback import LogCallback

X = np.arange(24, dtype="float32").reshape(12, 2)


class Recorder(LogCallback):
    """Writes the loss of each epoch that is due."""

    def on_epoch_end(self, epoch, logs=None):
        if self.is_due(epoch):
            self.write_summaries(epoch, scalars={"loss": logs["loss"]})


def fit(callbacks, **options):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    return model.fit(X, X, batch_size=4, verbose=0, callbacks=callbacks, **options)


def steps_of(directory):
    steps = []
    # Not by name: of two files of one second, number 10 comes before number 9.
    for file in sorted(directory.glob("events*"), key=lambda file: file.stat().st_mtime_ns):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            steps += [event.step] if event.summary.value else []
    return steps


def test_due_epochs_are_counted_from_one(tmp_path):
    fit([Recorder(tmp_path, "run", every_n_epochs=2)], epochs=5)
    assert steps_of(tmp_path / "run") == [2, 4]
    fit([Recorder(tmp_path, "never", every_n_epochs=0)], epochs=2)
    assert not (tmp_path / "never").exists()


def test_a_second_fit_has_a_run_of_its_own_and_a_resumed_one_goes_on(tmp_path):
    recorder = Recorder(tmp_path, "run")
    fit([recorder], epochs=2)
    fit([recorder], epochs=2)
    fit([recorder], epochs=3)
    fit([Recorder(tmp_path, "run")], epochs=4, initial_epoch=2)
    assert steps_of(tmp_path / "run") == [1, 2]
    assert steps_of(tmp_path / "run_2") == [1, 2, 3, 4]
    assert steps_of(tmp_path / "run_3") == [1, 2, 3]


def test_without_a_directory_nothing_is_written():
    fit([Recorder(None, "run")], epochs=1)


def test_training_goes_on_without_a_disk_and_the_loss_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning) as warned:
        history = fit([Recorder(tmp_path / "file", "run")], epochs=3)
    assert len(history.epoch) == 3
    first, last = (str(warning.message) for warning in warned)
    assert first.startswith("Recorder lost the summaries of epoch 1: ")
    assert first.endswith(f"{tmp_path / 'file'} is not a directory. Training goes on.")
    assert "function_node" not in first and "[Op:" not in first
    assert "could not write 3 times" in last


def test_a_directory_that_vanishes_is_made_anew(tmp_path):
    vanish = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch == 1 and shutil.rmtree(tmp_path / "run")
    )
    fit([vanish, Recorder(tmp_path, "run")], epochs=4)
    assert steps_of(tmp_path / "run") == [2, 3, 4]


def test_a_training_may_change_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    recorder = Recorder("elsewhere", "run")
    recorder.log_dir = "logs"
    move = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch == 1 and monkeypatch.chdir("other")
    )
    fit([move, recorder], epochs=2)
    assert steps_of(tmp_path / "logs" / "run") == [1, 2]
    assert recorder.log_dir == tmp_path / "logs" and not any((tmp_path / "other").iterdir())


def test_the_home_directory_is_that_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Recorder("~/logs", "run").run_dir == tmp_path / "logs" / "run"


def test_a_fit_that_fails_midway_keeps_its_run_and_is_gone_on_with(tmp_path):
    def fail(epoch, logs):
        if epoch == 1:
            raise RuntimeError("out of memory")

    recorder = Recorder(tmp_path, "run")
    failing = keras.callbacks.LambdaCallback(on_epoch_begin=fail)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            fit([recorder, failing], epochs=3)
    fit([recorder], epochs=3, initial_epoch=1)
    assert steps_of(tmp_path / "run") == [1]
    assert steps_of(tmp_path / "run_2") == [1, 2, 3]


def test_a_fit_after_a_failed_one_starts_afresh(tmp_path):
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file", "run")
    with pytest.warns(UserWarning):
        fit([recorder], epochs=2)
    recorder.log_dir = tmp_path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit([recorder], epochs=1)
    assert steps_of(tmp_path / "run") == [1]


def test_a_copy_made_while_training_writes_too(tmp_path):
    copies = []
    recorder = Recorder(tmp_path, "run")
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: copies.append(copy.deepcopy(recorder))
    )
    fit([recorder, note], epochs=1)
    assert copies[0].model is None
    fit(copies, epochs=1)
    assert steps_of(tmp_path / "run_2") == [1]


@pytest.mark.parametrize("name", ["", ".", "/tmp", "../run", "a/../../b"])
def test_a_name_stays_below_the_log_directory(tmp_path, name):
    with pytest.raises(ValueError, match="`name` must be a directory below"):
        Recorder(tmp_path, name)


def test_data_in_place_of_the_log_directory_are_told():
    with pytest.raises(ValueError, match=r"`log_dir` must be the path.*type tuple.*Is it `data`"):
        Recorder((X, X), "run")


def test_one_worker_writes(tmp_path, monkeypatch):
    extended = type(tf.distribute.get_strategy().extended)
    monkeypatch.setattr(extended, "should_save_summary", property(lambda self: False))
    fit([Recorder(tmp_path, "run")], epochs=1)
    assert not (tmp_path / "run").exists()
