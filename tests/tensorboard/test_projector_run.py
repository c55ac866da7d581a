from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

from keras_siamese.tensorboard.projector_run import ProjectorRun
from keras_siamese.tensorboard.sprite import Sprite

LABELS = {"label": ["a", "b", "c"]}


def read_config(directory):
    content = (directory / "projector_config.pbtxt").read_text()
    return text_format.Parse(content, ProjectorConfig()).embeddings


def read_tensor(directory, info):
    return np.fromfile(directory / info.tensor_path, "<f4").reshape(info.tensor_shape)


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def test_snapshots_share_metadata_and_pictures(tmp_path, rng):
    first, second = rng.normal(size=(2, 3, 4)).astype("float32")
    run = ProjectorRun(tmp_path / "run", LABELS, Sprite(b"png", 16))
    run.write("epoch_001", first)
    run.write("final", second)
    assert run.snapshots() == ["epoch_001", "final"]
    infos = read_config(tmp_path / "run")
    for info, embeddings in zip(infos, (first, second), strict=True):
        np.testing.assert_allclose(read_tensor(tmp_path / "run", info), embeddings, rtol=1e-4)
        assert info.metadata_path == "metadata.tsv"
        assert info.sprite.image_path == "sprite.png"
        assert list(info.sprite.single_image_dim) == [16, 16]
    assert (tmp_path / "run" / "metadata.tsv").read_text() == "a\nb\nc\n"
    assert (tmp_path / "run" / "sprite.png").read_bytes() == b"png"


def test_two_columns_have_a_header_and_one_has_none(tmp_path):
    ProjectorRun(tmp_path, {**LABELS, "id": [7, 8, 9]}).write("final", np.eye(3))
    assert (tmp_path / "metadata.tsv").read_text() == "label\tid\na\t7\nb\t8\nc\t9\n"


def test_labels_can_neither_shift_rows_nor_columns(tmp_path):
    labels = ["a\tb", "line\r\nend", "", "\u2028\ufeff ", 'é "<b>"', b"caf\xc3\xa9", "\ud800", "\0"]
    ProjectorRun(tmp_path, {"label": labels}).write("final", np.eye(8))
    expected = ["a b", "line end", "(empty)", "(empty)", 'é "<b>"', "café", "?", "(empty)"]
    assert (tmp_path / "metadata.tsv").read_text("utf-8").split("\n")[:-1] == expected


def test_a_row_of_empty_cells_stays_a_row(tmp_path):
    ProjectorRun(tmp_path, {"label": ["", "b"], "note": ["", ""]}).write("final", np.eye(2))
    assert (tmp_path / "metadata.tsv").read_text() == "label\tnote\n(empty)\t\nb\t\n"


@pytest.mark.parametrize("first_bytes", [b"1\n2\n", b"\0\0\0\0", b"A\n\x80\xbf"])
def test_a_tensor_is_never_taken_for_text(tmp_path, first_bytes):
    embeddings = np.zeros((3, 2), "<f4")
    embeddings[0, 0] = np.frombuffer(first_bytes, "<f4")[0]
    ProjectorRun(tmp_path, LABELS).write("final", embeddings)
    content = (tmp_path / "final.bytes").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.split(b"\n")[0].decode()
    np.testing.assert_allclose(
        np.frombuffer(content, "<f4").reshape(3, 2), embeddings, rtol=2**-15, atol=1e-42
    )


def test_one_dimensional_embeddings_get_a_column_of_zeros(tmp_path):
    ProjectorRun(tmp_path, LABELS).write("final", [[1.0], [2.0], [3.0]])
    (info,) = read_config(tmp_path)
    np.testing.assert_allclose(read_tensor(tmp_path, info), [[1, 0], [2, 0], [3, 0]], rtol=1e-4)


def test_a_snapshot_of_the_same_name_is_replaced(tmp_path):
    run = ProjectorRun(tmp_path, LABELS)
    run.write("final", np.ones((3, 4)))
    run.write("final", np.full((3, 2), 5.0))
    (info,) = read_config(tmp_path)
    np.testing.assert_allclose(read_tensor(tmp_path, info), np.full((3, 2), 5.0), rtol=1e-4)


def test_keep_removes_the_other_snapshots_and_their_files(tmp_path):
    run = ProjectorRun(tmp_path, LABELS)
    for name in ("epoch_001", "epoch_002", "final"):
        run.write(name, np.eye(3))
    run.keep(["epoch_001"])
    assert run.snapshots() == ["epoch_001"]
    assert [name for name in files(tmp_path) if name.endswith(".bytes")] == ["epoch_001.bytes"]
    run.keep([])
    assert "projector_config.pbtxt" not in files(tmp_path)


@pytest.mark.parametrize(
    "columns,sprite",
    [
        ({"label": ["a", "b", "x"]}, Sprite(b"png", 16)),
        (LABELS, Sprite(b"other", 16)),
        (LABELS, None),
    ],
)
def test_other_points_start_the_run_anew(tmp_path, columns, sprite):
    ProjectorRun(tmp_path, LABELS, Sprite(b"png", 16)).write("epoch_001", np.eye(3))
    (tmp_path / "notes.txt").write_text("not ours")
    other = ProjectorRun(tmp_path, columns, sprite)
    assert other.snapshots() == []
    other.write("final", np.eye(3))
    assert other.snapshots() == ["final"]
    assert "epoch_001.bytes" not in files(tmp_path)
    assert ("sprite.png" in files(tmp_path)) == (sprite is not None)
    assert "notes.txt" in files(tmp_path)


@pytest.mark.parametrize("failing", ["metadata.tsv", "sprite.png", "final.bytes", ".pbtxt"])
def test_an_interrupted_write_leaves_only_whole_files_in_the_config(tmp_path, monkeypatch, failing):
    ProjectorRun(tmp_path, {"label": ["x", "y", "z"]}).write("final", np.ones((3, 4)))
    run = ProjectorRun(tmp_path, LABELS, Sprite(b"png", 16))
    write_bytes = Path.write_bytes

    def write_half(path, content):
        if path.name.endswith(failing):
            write_bytes(path, content[: len(content) // 2])
            raise OSError("disk full")
        return write_bytes(path, content)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
        patch.setattr(Path, "write_bytes", write_half)
        run.write("final", np.eye(3))
    assert "projector_config.pbtxt" not in files(tmp_path)
    assert not any(name.startswith(".") for name in files(tmp_path))
    run.write("final", np.eye(3))
    assert run.snapshots() == ["final"]


@pytest.mark.parametrize(
    "embeddings,message",
    [
        (np.eye(4)[:, :3], "4 embeddings and 3 points"),
        (np.zeros((3, 2, 2)), r"shape \(3, 2, 2\)"),
        (np.array([[0, 1], [np.nan, 0], [0, np.inf]]), "2 of 3 rows.*smaller learning rate"),
        (np.full((3, 2), 1e300), "3 of 3 rows"),
    ],
)
def test_bad_embeddings(tmp_path, embeddings, message):
    with pytest.raises(ValueError, match=message):
        ProjectorRun(tmp_path / "run", LABELS).write("final", embeddings)
    assert not (tmp_path / "run").exists()


def test_bad_columns(tmp_path):
    with pytest.raises(ValueError, match="two points or more"):
        ProjectorRun(tmp_path, {"label": ["a"]})
    with pytest.raises(ValueError, match=r"'id': 2"):
        ProjectorRun(tmp_path, {**LABELS, "id": [1, 2]})
