import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from google.protobuf import text_format
from keras.ops import convert_to_numpy
from tensorboard.plugins.projector import ProjectorConfig

from keras_siamese.tensorboard.metadata import Metadata
from keras_siamese.tensorboard.projector_run import ProjectorRun
from keras_siamese.tensorboard.sprite import Sprite

LABELS = Metadata.of({"label": ["a", "b", "c"]})


def read_config(directory):
    content = (directory / "projector_config.pbtxt").read_text()
    return text_format.Parse(content, ProjectorConfig()).embeddings


def snapshots(directory):
    return [info.tensor_name for info in read_config(directory)]


def read_tensor(directory, info):
    return np.fromfile(directory / info.tensor_path, "<f4").reshape(info.tensor_shape)


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def test_snapshots_share_metadata_and_pictures(tmp_path, rng):
    first, second = rng.normal(size=(2, 3, 4)).astype("float32")
    run = ProjectorRun(tmp_path / "run", LABELS, Sprite(b"png", 16))
    run.write("epoch_001", first)
    run.write("final", second)
    assert snapshots(tmp_path / "run") == ["epoch_001", "final"]
    infos = read_config(tmp_path / "run")
    for info, embeddings in zip(infos, (first, second), strict=True):
        np.testing.assert_allclose(read_tensor(tmp_path / "run", info), embeddings, rtol=1e-4)
        assert info.metadata_path == "metadata.tsv"
        assert info.sprite.image_path == "sprite.png"
        assert list(info.sprite.single_image_dim) == [16, 16]
    assert (tmp_path / "run" / "metadata.tsv").read_text() == "a\nb\nc\n"
    assert (tmp_path / "run" / "sprite.png").read_bytes() == b"png"


@pytest.mark.parametrize("first_bytes", [b"1\n2\n", b"\0\0\0\0", b"A\n\x80\xbf"])
def test_a_tensor_is_never_taken_for_text(tmp_path, first_bytes):
    embeddings = np.zeros((3, 4), "<f4")
    embeddings[0, 0] = np.frombuffer(first_bytes, "<f4")[0]
    ProjectorRun(tmp_path, LABELS).write("final", embeddings)
    content = (tmp_path / "final.bytes").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.split(b"\n")[0].decode()
    np.testing.assert_allclose(
        np.frombuffer(content, "<f4").reshape(3, 4), embeddings, rtol=2**-15, atol=1e-42
    )


@pytest.mark.parametrize("dim", [1, 2])
def test_few_dimensions_get_columns_of_zeros(tmp_path, dim):
    ProjectorRun(tmp_path, LABELS).write("final", np.ones((3, dim)))
    (info,) = read_config(tmp_path)
    expected = np.repeat([[1.0] * dim + [0.0] * (3 - dim)], 3, axis=0)
    np.testing.assert_allclose(read_tensor(tmp_path, info), expected, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_floats_become_float32(tmp_path, dtype):
    embeddings = keras.ops.cast(np.eye(3) * 0.5, dtype)
    for name, given in {"tensor": embeddings, "array": convert_to_numpy(embeddings)}.items():
        ProjectorRun(tmp_path, LABELS).write(name, given)
    for info in read_config(tmp_path):
        np.testing.assert_allclose(read_tensor(tmp_path, info), np.eye(3) * 0.5, rtol=1e-4)


def test_columns_of_a_snapshot_stand_in_its_own_table(tmp_path):
    run = ProjectorRun(tmp_path, LABELS, views=["label", "near"])
    run.write("epoch_001", np.eye(3), {"near": [1, 2, 3]})
    run.write("final", np.eye(3), {"near": [4, 5, None]})
    run.write("bare", np.eye(3))
    tables = {info.tensor_name: info.metadata_path for info in read_config(tmp_path)}
    read = {name: (tmp_path / path).read_text() for name, path in tables.items()}
    assert read == {
        "epoch_001": "label\tnear\na\t1\nb\t2\nc\t3\n",
        "final": "label\tnear\na\t4\nb\t5\nc\t\n",
        "bare": "a\nb\nc\n",
    }
    assert snapshots(tmp_path) == list(tables)
    run.write("bare", np.eye(3), keeps=lambda name: False)
    assert [name for name in files(tmp_path) if name.endswith(".tsv")] == ["metadata.tsv"]


def test_the_same_views_stand_beside_each_snapshot(tmp_path):
    run = ProjectorRun(tmp_path, LABELS, views=["label"])
    run.write("epoch_001", np.eye(3))
    run.write("final", np.eye(3))
    assert {info.bookmarks_path for info in read_config(tmp_path)} == {"bookmarks.json"}
    (view,) = json.loads((tmp_path / "bookmarks.json").read_text())
    assert view["selectedColorOptionName"] == "label"


def test_without_views_there_are_no_bookmarks(tmp_path):
    ProjectorRun(tmp_path, LABELS, views=["near"]).write("final", np.eye(3))
    assert not read_config(tmp_path)[0].bookmarks_path
    assert "bookmarks.json" not in files(tmp_path)


def test_what_does_not_change_is_not_written_again(tmp_path):
    run = ProjectorRun(tmp_path, LABELS, Sprite(b"png", 16), ["label"])
    run.write("epoch_001", np.eye(3), {"near": [1, 2, 3]})
    before = {file: file.stat() for file in tmp_path.iterdir()}
    again = ProjectorRun(tmp_path, LABELS, Sprite(b"png", 16), ["label"])
    again.write("final", np.eye(3), {"near": [4, 5, 6]})
    unchanged = {
        file.name
        for file, stat in before.items()
        if file.exists()
        and (file.stat().st_ino, file.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    }
    assert unchanged == {
        "bookmarks.json",
        "epoch_001.bytes",
        "events.out.tfevents.0000000000.projector",
        "metadata.tsv",
        "metadata_epoch_001.tsv",
        "sprite.png",
    }


def test_a_configuration_of_another_writer_is_not_touched(tmp_path):
    config = tmp_path / "projector_config.pbtxt"
    config.write_text('embeddings { tensor_name: "theirs" tensor_path: "metadata.tsv" }')
    (tmp_path / "metadata.tsv").write_text("theirs")
    run = ProjectorRun(tmp_path, LABELS)
    with pytest.raises(ValueError, match=r"another writer's.*another `name`"):
        run.check_ownership()
    with pytest.raises(ValueError, match=r"another writer's.*another `name`"):
        run.write("final", np.eye(3))
    assert "theirs" in config.read_text()
    assert files(tmp_path) == ["metadata.tsv", "projector_config.pbtxt"]


def test_files_that_a_configuration_names_elsewhere_are_not_removed(tmp_path):
    (tmp_path / "precious.bytes").write_text("")
    run = ProjectorRun(tmp_path / "run", LABELS)
    run.write("final", np.eye(3))
    config = tmp_path / "run" / "projector_config.pbtxt"
    config.write_text('embeddings { tensor_name: "../precious" tensor_path: "../precious.bytes" }')
    run.write("final", np.eye(3), keeps=lambda name: False)
    assert snapshots(tmp_path / "run") == ["final"]
    assert (tmp_path / "precious.bytes").exists()


def test_a_broken_configuration_of_ours_is_replaced(tmp_path):
    run = ProjectorRun(tmp_path, LABELS)
    run.write("final", np.eye(3))
    (tmp_path / "projector_config.pbtxt").write_text("embeddings {")
    run.write("final", np.eye(3))
    assert snapshots(tmp_path) == ["final"]


def test_an_event_file_of_another_writer_is_no_obstacle(tmp_path):
    (tmp_path / "events.out.tfevents.1.host").write_text("")
    run = ProjectorRun(tmp_path, LABELS)
    run.write("final", np.eye(3))
    assert snapshots(tmp_path) == ["final"]


@pytest.mark.parametrize("name", ["", "../final", "a/b", ".hidden", "a b", "a:0", "ä", "a&b", None])
def test_bad_names_of_snapshots(tmp_path, name):
    with pytest.raises(ValueError, match="name of a snapshot must"):
        ProjectorRun(tmp_path / "run", LABELS).write(name, np.eye(3))
    assert not (tmp_path / "run").exists()


def test_a_snapshot_of_the_same_name_is_replaced(tmp_path):
    run = ProjectorRun(tmp_path, LABELS)
    run.write("final", np.ones((3, 4)))
    run.write("final", np.full((3, 5), 5.0))
    (info,) = read_config(tmp_path)
    np.testing.assert_allclose(read_tensor(tmp_path, info), np.full((3, 5), 5.0), rtol=1e-4)


def test_names_that_differ_in_case_alone_are_the_same(tmp_path):
    run = ProjectorRun(tmp_path, LABELS)
    run.write("final", np.ones((3, 4)))
    run.write("Final", np.ones((3, 5)))
    assert snapshots(tmp_path) == ["Final"]
    assert [name for name in files(tmp_path) if name.endswith(".bytes")] == ["Final.bytes"]


def test_snapshots_that_are_not_kept_are_removed_with_their_files(tmp_path):
    run = ProjectorRun(tmp_path, LABELS)
    for name in ("epoch_001", "epoch_002", "epoch_003"):
        run.write(name, np.eye(3))
    run.write("final", np.eye(3), keeps=["epoch_001"].__contains__)
    assert snapshots(tmp_path) == ["epoch_001", "final"]
    tensors = [name for name in files(tmp_path) if name.endswith(".bytes")]
    assert tensors == ["epoch_001.bytes", "final.bytes"]


@pytest.mark.parametrize(
    "metadata,sprite",
    [
        (Metadata.of({"label": ["a", "b", "x"]}), Sprite(b"png", 16)),
        (LABELS, Sprite(b"other", 16)),
        (LABELS, None),
    ],
)
def test_other_points_start_the_run_anew(tmp_path, metadata, sprite):
    ProjectorRun(tmp_path, LABELS, Sprite(b"png", 16)).write("epoch_001", np.eye(3))
    (tmp_path / "notes.txt").write_text("not ours")
    other = ProjectorRun(tmp_path, metadata, sprite)
    other.write("final", np.eye(3))
    assert snapshots(tmp_path) == ["final"]
    assert "epoch_001.bytes" not in files(tmp_path)
    assert ("sprite.png" in files(tmp_path)) == (sprite is not None)
    assert "notes.txt" in files(tmp_path)


@pytest.mark.parametrize(
    "failing",
    ["metadata.tsv", "sprite.png", "bookmarks.json", "final.bytes", "_final.tsv", ".pbtxt"],
)
def test_an_interrupted_write_leaves_only_whole_files_in_the_config(tmp_path, monkeypatch, failing):
    ProjectorRun(tmp_path, Metadata.of({"label": ["x", "y", "z"]})).write("final", np.ones((3, 4)))
    run = ProjectorRun(tmp_path, LABELS, Sprite(b"png", 16), ["label"])
    write_bytes = Path.write_bytes

    def write_half(path, content):
        if path.name.endswith(failing):
            write_bytes(path, content[: len(content) // 2])
            raise OSError("disk full")
        return write_bytes(path, content)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(Path, "write_bytes", write_half)
        run.write("final", np.eye(3), {"near": [1, 2, 3]})
    assert "projector_config.pbtxt" not in files(tmp_path)
    assert not any(name.startswith(".") for name in files(tmp_path))
    run.write("final", np.eye(3))
    assert snapshots(tmp_path) == ["final"]


@pytest.mark.parametrize("failing", ["events.out", "projector_config", "checkpoint"])
def test_a_first_write_that_fails_leaves_a_directory_of_ours(tmp_path, monkeypatch, failing):
    run, replace = ProjectorRun(tmp_path, LABELS), os.replace

    def fail(source, target):
        if Path(target).name.startswith(failing):
            raise OSError("disk full")
        return replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(os, "replace", fail)
        run.write("final", np.eye(3))
    run.write("final", np.eye(3))
    assert snapshots(tmp_path) == ["final"]


@pytest.mark.parametrize(
    "embeddings,message",
    [
        (np.eye(4)[:, :3], "4 embeddings and 3 points"),
        (np.zeros((3, 2, 2)), r"shape \(3, 2, 2\)"),
        (np.array([[0, 1], [np.nan, 0], [0, np.inf]]), "2 of 3 rows.*lower the learning rate"),
        (np.full((3, 2), 1e300), "3 of 3 rows"),
    ],
)
def test_bad_embeddings(tmp_path, embeddings, message):
    with pytest.raises(ValueError, match=message):
        ProjectorRun(tmp_path / "run", LABELS).write("final", embeddings)
    assert not (tmp_path / "run").exists()
