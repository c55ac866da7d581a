from pathlib import Path

import pytest
import tensorflow as tf

from keras_siamese.tensorboard.projector_refresh import refresh


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def test_each_time_there_is_one_checkpoint_of_a_new_name(tmp_path):
    seen = set()
    for _ in range(3):
        refresh(tmp_path)
        latest = tf.train.latest_checkpoint(tmp_path)
        assert tf.train.list_variables(latest)
        seen.add(latest)
        assert len(files(tmp_path)) == 3
    assert len(seen) == 3


def test_a_directory_made_again_has_a_checkpoint_of_a_new_name_too(tmp_path, monkeypatch):
    seen = set()
    for second in (1_700_000_000, 1_700_000_060):
        monkeypatch.setattr("time.time_ns", lambda second=second: second * 10**9 + second * 1000)
        refresh(tmp_path)
        seen.add(Path(tf.train.latest_checkpoint(tmp_path)).name)
        for file in tmp_path.iterdir():
            file.unlink()
    assert len(seen) == 2
    assert max(map(len, seen)) <= len("refresh-9999")


def test_no_other_file_is_removed(tmp_path):
    theirs = ["refresh-1.bytes", "refresh-1.data-x.bytes", "metadata_refresh-1.tsv"]
    for name in theirs:
        (tmp_path / name).write_text("")
    for _ in range(2):
        refresh(tmp_path)
    assert set(theirs) < set(files(tmp_path)) and len(files(tmp_path)) == len(theirs) + 3


def test_the_checkpoints_of_another_writer_are_left_as_they_are(tmp_path):
    model = tf.train.Checkpoint(weight=tf.Variable(3.0))
    tf.train.CheckpointManager(model, tmp_path, 3).save()
    before = files(tmp_path)
    refresh(tmp_path)
    assert files(tmp_path) == before


def test_a_failure_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    refresh(tmp_path)
    before = tf.train.latest_checkpoint(tmp_path)

    def fail(path, content):
        raise OSError("disk full")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(Path, "write_text", fail)
        refresh(tmp_path)
    assert tf.train.latest_checkpoint(tmp_path) == before
    refresh(tmp_path)
    assert len(files(tmp_path)) == 3
