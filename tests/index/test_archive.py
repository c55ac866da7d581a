import io
import json
import zipfile

import numpy as np
import pytest

from keras_siamese.index.archive import ArchiveReader, ArchiveWriter

KNOWN = ("a.npy", "b.json", "c.bin")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "c").write_bytes(b"bytes" * 100)
    path = tmp_path / "file"
    with open(path, "wb") as file:
        write(file, tmp_path / "c")
    return path


def write(file, c):
    with ArchiveWriter(file) as archive:
        archive.array("a.npy", np.arange(6, dtype="float32").reshape(3, 2))
        archive.json("b.json", {"x": [1, None]})
        archive.file("c.bin", c)
        archive.manifest({"format": "test"})


def read(path):
    with ArchiveReader(path, KNOWN) as archive:
        archive.extract("c.bin", path.with_name("out"))
        return (
            archive.manifest["format"],
            archive.array("a.npy", "float32", (3, 2)).tolist(),
            archive.json("b.json"),
            path.with_name("out").read_bytes(),
        )


CONTENTS = ("test", [[0, 1], [2, 3], [4, 5]], {"x": [1, None]}, b"bytes" * 100)


def test_round_trip(path):
    assert read(path) == CONTENTS
    # Other programs read it, too.
    with zipfile.ZipFile(path) as file:
        assert np.load(io.BytesIO(file.read("a.npy"))).shape == (3, 2)


def test_equal_contents_give_equal_files(path, tmp_path):
    before = path.read_bytes()
    with open(path, "wb") as file:
        write(file, tmp_path / "c")
    # The manifest has the time at which it was written.
    assert len(path.read_bytes()) == len(before)


def test_cut_off_anywhere(path):
    data = path.read_bytes()
    for length in range(0, len(data), 4):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="no whole index file"):
            read(path)


def test_any_byte_changed(path):
    """The same contents, where the byte has no meaning, or an error; nothing else."""
    data = path.read_bytes()
    num_refused = num_changed = 0
    for place in range(0, len(data), 3):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 7
        path.write_bytes(changed)
        num_changed += 1
        try:
            assert read(path) == CONTENTS
        except ValueError:
            num_refused += 1
    assert num_refused > 0.8 * num_changed


def rewrite(path, change, compression=zipfile.ZIP_STORED):
    """Makes the archive anew with other members, under a manifest that agrees with them."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(members, manifest)
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
        if manifest is not None:
            file.writestr("manifest.json", json.dumps(manifest))


def with_array(**header):
    """Changes the header of the array, and what the manifest says of it."""

    def change(members, manifest):
        import hashlib

        data = io.BytesIO()
        fields = {"descr": "<f4", "fortran_order": False, "shape": (3, 2), **header}
        np.lib.format.write_array_header_1_0(data, fields)
        members["a.npy"] = data.getvalue() + bytes(24)
        manifest["members"]["a.npy"] = {
            "size": len(members["a.npy"]),
            "sha256": hashlib.sha256(members["a.npy"]).hexdigest(),
        }

    return change


@pytest.mark.parametrize(
    "header",
    [
        {"shape": (2**40, 2)},
        {"shape": (2, 2)},
        {"shape": (6,)},
        {"descr": "|O"},
        {"descr": ">f4"},
        {"descr": "<f8", "shape": (3, 1)},
        {"fortran_order": True},
    ],
)
def test_arrays_that_are_not_what_is_expected(path, header):
    rewrite(path, with_array(**header))
    with pytest.raises(ValueError, match=r"a\.npy is"):
        read(path)


def test_nothing_is_allocated_for_what_a_header_claims(path):
    rewrite(path, with_array(shape=(2**40, 2)))
    with ArchiveReader(path, KNOWN) as archive, pytest.raises(ValueError, match="bytes"):
        archive.array("a.npy", "float32", (2**40, 2))


def test_oversized_header(path):
    def change(members, manifest):
        data = members["a.npy"]
        members["a.npy"] = data[:8] + b"\xff\xff" + data[10:]

    rewrite(path, change)
    with pytest.raises(ValueError, match="header of 65535 bytes"):
        read(path)


@pytest.mark.parametrize("magic", [b"\x93NUMPY\x02\x00", b"\x80\x04pickle"])
def test_no_other_format_of_arrays(path, magic):
    def change(members, manifest):
        members["a.npy"] = magic + members["a.npy"][8:]

    rewrite(path, change)
    with pytest.raises(ValueError, match=r"no \.npy of version 1\.0"):
        read(path)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "d.json", "C:\\evil"])
def test_unknown_members(path, tmp_path, name):
    def change(members, manifest):
        members[name] = b"evil"
        manifest["members"][name] = {"size": 4, "sha256": ""}

    rewrite(path, change)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="does not belong"):
        read(path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(path):
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("b.json", "{}")
    with pytest.raises(ValueError, match="does not belong"):
        read(path)


def test_compressed_members(path):
    def change(members, manifest):
        members["c.bin"] = bytes(10**7)

    rewrite(path, change, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed"):
        read(path)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda members, manifest: members.pop("b.json"), "other members"),
        (lambda members, manifest: manifest["members"].pop("b.json"), "other members"),
        (lambda members, manifest: manifest.pop("members"), "other members"),
        (lambda members, manifest: manifest["members"].update({"b.json": 3}), "another size"),
        (lambda members, manifest: members.update({"b.json": b"{}"}), "another size"),
        (lambda members, manifest: members.update({"b.json": b'{"x": [1, nulk]}'}), "SHA-256|JSON"),
        (lambda members, manifest: manifest.update({"long": "x" * 2**20}), "manifest has more"),
    ],
)
def test_members_that_do_not_fit(path, change, message):
    rewrite(path, change)
    with pytest.raises(ValueError, match=message):
        read(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[NaN]", "[Infinity]", "9" * 10_000, "\xff"])
def test_json_that_is_none(path, text):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("manifest.json", text.encode("latin-1"))
    with pytest.raises(ValueError, match="no proper JSON"):
        read(path)


def test_no_archive(tmp_path):
    (tmp_path / "file").write_bytes(b"pickle")
    with pytest.raises(ValueError, match="no whole index file"):
        read(tmp_path / "file")
    with zipfile.ZipFile(tmp_path / "file", "w"):
        pass
    with pytest.raises(ValueError, match="no manifest"):
        read(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")


def test_a_missing_member(path):
    with ArchiveReader(path, [*KNOWN, "d"]) as archive:
        assert "d" not in archive and "a.npy" in archive
        with pytest.raises(ValueError, match="d is missing"):
            archive.json("d")
