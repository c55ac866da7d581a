import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_siamese.tensorboard.summary_run import SummaryRun, directory_of_run


def read(directory):
    accumulator = EventAccumulator(str(directory), size_guidance={"tensors": 0})
    return accumulator.Reload()


def test_all_kinds_are_written_at_their_step(tmp_path, rng):
    run = SummaryRun(tmp_path / "run")
    numbers = rng.normal(size=(20, 5))
    run.write(3, scalars={"loss": 0.5}, histograms={"d": numbers})
    image = rng.integers(0, 255, (4, 5, 3), dtype="uint8")
    run.write(4, scalars={"loss": 0.25}, images={"map": image})
    message = tf.compat.v1.Summary()
    message.value.add(tag="raw", tensor=tf.make_tensor_proto(2.0))
    run.write(5, messages=[message])
    run.close()
    events = read(tmp_path / "run")
    assert set(events.Tags()["tensors"]) == {"loss", "d", "map", "raw"}
    steps = [
        (event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors("loss")
    ]
    assert steps == [(3, 0.5), (4, 0.25)]
    (raw,) = events.Tensors("raw")
    assert (raw.step, float(tf.make_ndarray(raw.tensor_proto))) == (5, 2.0)
    histogram = tf.make_ndarray(events.Tensors("d")[0].tensor_proto)  # left, right, number
    assert histogram[:, 2].sum() == 100
    assert (histogram[0, 0], histogram[-1, 1]) == (numbers.min(), numbers.max())
    width, height, png = tf.make_ndarray(events.Tensors("map")[0].tensor_proto)
    assert (int(width), int(height)) == (5, 4)
    np.testing.assert_array_equal(tf.io.decode_png(png), image)


def test_what_is_written_is_on_the_disk_before_the_run_is_closed(tmp_path):
    run = SummaryRun(tmp_path)
    run.write(1, scalars={"loss": 0.5})
    assert read(tmp_path).Tags()["tensors"] == ["loss"]


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((OSError, tf.errors.OpError)):
        SummaryRun(tmp_path / "file" / "run").write(1, scalars={"loss": 0.5})


def test_a_file_that_vanished_between_two_summaries_is_made_anew(tmp_path):
    run = SummaryRun(tmp_path / "run")
    run.write(1, scalars={"loss": 0.5})
    shutil.rmtree(tmp_path / "run")
    run.write(2, scalars={"loss": 0.25})
    (event,) = read(tmp_path / "run").Tensors("loss")
    assert event.step == 2


def test_a_file_that_vanishes_meanwhile_is_an_error_and_the_next_one_is_another(tmp_path):
    class Vanishing:
        def SerializeToString(self):  # noqa: N802
            shutil.rmtree(tmp_path / "run")
            return tf.compat.v1.Summary().SerializeToString()

    run = SummaryRun(tmp_path / "run")
    run.write(1, scalars={"loss": 0.5})
    with pytest.raises(FileNotFoundError, match="is gone"):
        run.write(2, scalars={"loss": 0.25}, messages=[Vanishing()])
    run.write(3, scalars={"loss": 0.125})
    (event,) = read(tmp_path / "run").Tensors("loss")
    assert event.step == 3


def end_at(directory, step):
    SummaryRun(directory).write(step, scalars={"loss": 0.5})


def test_a_new_training_has_a_new_run(tmp_path):
    first = tmp_path / "run"
    for name in ("run", "run_2", "run_3"):
        assert directory_of_run(first) == tmp_path / name
        end_at(tmp_path / name, 1)
    end_at(tmp_path / "run_of_another", 1)
    shutil.rmtree(tmp_path / "run_2")
    assert directory_of_run(first) == tmp_path / "run_4"


def test_a_training_that_goes_on_finds_the_run_that_ends_where_it_begins(tmp_path):
    first = tmp_path / "run"
    assert directory_of_run(first, 4) == first
    for name, step in (("run", 4), ("run_2", 9), ("run_3", 2), ("run_5", 6)):
        end_at(tmp_path / name, step)
    found = [directory_of_run(first, epochs_done).name for epochs_done in (2, 3, 4, 5, 6, 20)]
    assert found == ["run_3", "run_3", "run", "run", "run_5", "run_2"]
    # It was further than what it goes on from.
    assert directory_of_run(first, 1) == tmp_path / "run_5"


def test_of_runs_that_end_alike_the_last_one_goes_on(tmp_path):
    for name in ("run", "run_2", "run_10"):
        end_at(tmp_path / name, 3)
    assert directory_of_run(tmp_path / "run", 3) == tmp_path / "run_10"


def test_runs_of_others_do_not_go_on(tmp_path):
    for name in ("run", "run_2"):
        end_at(tmp_path / name, 3)
    first = tmp_path / "run"
    assert directory_of_run(first, 3, lambda run: run == first) == first
    assert directory_of_run(first, 3, lambda run: False) == tmp_path / "run_3"
