import pytest

from keras_siamese.files import atomic_path


def test_writes_a_file_and_its_folder(tmp_path):
    path = tmp_path / "new" / "folder" / "labels.tsv"
    with atomic_path(path) as temporary:
        assert temporary.parent.parent == path.parent
        assert temporary.suffix == ".tsv"
        temporary.write_text("a\n")
        assert not path.exists()
    assert path.read_text() == "a\n"
    assert list(path.parent.iterdir()) == [path]


def test_replaces_a_file(tmp_path):
    path = tmp_path / "index.npz"
    path.write_text("old")
    with atomic_path(str(path)) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_exception_leaves_what_stood_there(tmp_path):
    path = tmp_path / "index.npz"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_no_new_file(tmp_path):
    with pytest.raises(ValueError, match="disk"), atomic_path(tmp_path / "new.npz") as temporary:
        temporary.write_text("half")
        raise ValueError("disk")
    assert list(tmp_path.iterdir()) == []


def test_writing_nothing_is_an_error(tmp_path):
    path = tmp_path / "index.npz"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_path(path):
        pass
    assert path.read_text() == "old"
