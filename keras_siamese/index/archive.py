"""One file of named members, written whole and read with suspicion."""

import hashlib
import io
import json
import math
import os
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

MANIFEST = "manifest.json"
_MAX_MANIFEST = 2**20
_MAX_HEADER = 1024
_CHUNK = 2**22
# What `zipfile` raises for bytes that are no proper archive.
_BROKEN = (
    zipfile.BadZipFile,
    RuntimeError,
    EOFError,
    OverflowError,
    OSError,
    ValueError,
    struct.error,
)


class ArchiveWriter:
    """Writes members into an uncompressed zip file, and at its end a manifest of all of them.

    Args:
        file: A new file, opened for writing.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._members: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> "ArchiveWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def array(self, name: str, array: np.ndarray) -> None:
        """Adds an array as `.npy`."""
        array = np.ascontiguousarray(array)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        with self._member(name) as write:
            header = io.BytesIO()
            description = np.lib.format.header_data_from_array_1_0(array)
            np.lib.format.write_array_header_1_0(header, description)
            write(header.getvalue())
            rows = max(1, _CHUNK // max(1, array[:1].nbytes))
            for start in range(0, len(array), rows):
                write(array[start : start + rows].tobytes())

    def json(self, name: str, value: Any) -> None:
        """Adds a value as JSON."""
        with self._member(name) as write:
            write(json.dumps(value, allow_nan=False).encode())

    def file(self, name: str, path: Path) -> None:
        """Adds the bytes of a file."""
        with self._member(name) as write, open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                write(chunk)

    def manifest(self, manifest: dict[str, Any]) -> None:
        """Adds the manifest, with size and SHA-256 of each member, at the end."""
        manifest = {**manifest, "members": self._members}
        self._zip.writestr(MANIFEST, json.dumps(manifest, allow_nan=False, indent=1))

    @contextmanager
    def _member(self, name: str) -> Iterator[Any]:
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name)  # of a fixed date: equal indexes give equal files
        with self._zip.open(info, "w", force_zip64=True) as member:

            def write(data: bytes) -> None:
                nonlocal size
                member.write(data)
                digest.update(data)
                size += len(data)

            yield write
        self._members[name] = {"size": size, "sha256": digest.hexdigest()}


class ArchiveReader:
    """Reads what `ArchiveWriter` wrote; anything else is a ValueError.

    Members are known by name and never unpacked to places that the file names. Nothing is allocated
    for sizes that the file merely claims: members are stored uncompressed, so that all of them
    together are no larger than the file.

    Args:
        path: The file.
        known: Names of members that there may be, besides the manifest.

    Attributes:
        manifest: The manifest, a dict of whatever the file says.

    Raises: ValueError: If it is no such archive.
    """

    def __init__(self, path: str | os.PathLike[str], known: Iterable[str]) -> None:
        self.path = path
        self._file = open(path, "rb")
        try:
            self._zip = self._of_zip(zipfile.ZipFile, self._file)
            self._infos = self._checked_members({*known, MANIFEST}, os.path.getsize(path))
            self.manifest = self._read_manifest()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "ArchiveReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def error(self, reason: str) -> ValueError:
        """Returns the error to raise for a file that is not what it should be."""
        return ValueError(
            f"{os.fspath(self.path)!r} is no whole index file: {reason}. Expected: a file that "
            "`EmbeddingIndex.save` wrote. Make it again, or take another copy."
        )

    def array(self, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        """Reads an array, which must be of this dtype and shape."""
        with self._open(name) as (member, size):
            if member.read(8) != np.lib.format.magic(1, 0):
                raise self.error(f"{name} is no .npy of version 1.0")
            length = member.read(2)
            header_size = int.from_bytes(length, "little")
            if header_size > _MAX_HEADER:
                raise self.error(f"{name} has a header of {header_size} bytes")
            header = io.BytesIO(length + member.read(header_size))
            try:
                found = np.lib.format.read_array_header_1_0(header, max_header_size=_MAX_HEADER)
            except Exception as error:
                raise self.error(f"{name} has no proper header") from error
            expected = np.dtype(dtype).newbyteorder("<")
            if found[0] != shape or (found[1] and len(shape) > 1) or found[2] != expected:
                raise self.error(
                    f"{name} is {found[2]} of shape {found[0]}, not {dtype} of shape {shape}"
                )
            num_bytes = expected.itemsize
            for length_of_axis in shape:
                num_bytes *= length_of_axis
            if 10 + header_size + num_bytes != size:
                raise self.error(f"{name} has {size} bytes, {num_bytes} expected in its array")
            array = np.empty(shape, expected)
            _read_into(member, array.reshape(-1).view(np.uint8))
        return array.astype(dtype, copy=False)

    def json(self, name: str) -> Any:
        """Reads a value of JSON."""
        with self._open(name) as (member, _):
            data = member.read()
        return self._parse(name, data)

    def extract(self, name: str, path: Path) -> None:
        """Writes the bytes of a member to a path of the caller's choice."""
        with self._open(name) as (member, _), open(path, "wb") as file:
            while chunk := member.read(_CHUNK):
                file.write(chunk)

    def _checked_members(self, known: set[str], file_size: int) -> dict[str, zipfile.ZipInfo]:
        infos: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            if info.filename not in known or info.filename in infos:
                raise self.error(f"it has a member {info.filename!r:.80} that does not belong")
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise self.error(f"{info.filename} is compressed or encrypted")
            infos[info.filename] = info
        total = sum(info.file_size for info in infos.values())
        if total > file_size or any(i.file_size != i.compress_size for i in infos.values()):
            raise self.error(f"its members claim {total} bytes, the file has {file_size}")
        if MANIFEST not in infos:
            raise self.error("it has no manifest")
        return infos

    def _read_manifest(self) -> dict[str, Any]:
        if self._infos[MANIFEST].file_size > _MAX_MANIFEST:
            raise self.error(f"its manifest has more than {_MAX_MANIFEST} bytes")
        manifest = self._parse(MANIFEST, self._of_zip(self._zip.read, MANIFEST))
        members = manifest.get("members") if isinstance(manifest, dict) else None
        if not isinstance(members, dict) or {*members, MANIFEST} != set(self._infos):
            raise self.error("its manifest names other members than there are")
        return manifest

    def _parse(self, name: str, data: bytes) -> Any:
        def refuse(constant: str) -> NoReturn:
            raise ValueError(f"{constant} is no JSON")

        def finite(number: str) -> float:
            value = float(number)  # 1e999 is infinity
            return value if math.isfinite(value) else refuse(number)

        try:
            return json.loads(data, parse_constant=refuse, parse_float=finite)
        except (ValueError, RecursionError) as error:
            raise self.error(f"{name} is no proper JSON ({type(error).__name__})") from error

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple["_Hashed", int]]:
        """Opens a member, all of which has to be read; checks its SHA-256 at the end."""
        if name not in self._infos:
            raise self.error(f"{name} is missing")
        stated = self.manifest["members"][name]
        size = self._infos[name].file_size
        if not isinstance(stated, dict) or stated.get("size") != size:
            raise self.error(f"{name} has another size than its manifest says")
        with self._of_zip(self._zip.open, name) as file:
            member = _Hashed(lambda count: self._of_zip(file.read, count))
            yield member, size
            if member.num_bytes != size:
                raise self.error(f"{name} ends early")
            if member.digest.hexdigest() != stated.get("sha256"):
                raise self.error(f"{name} has another SHA-256 than its manifest says")

    def _of_zip(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except _BROKEN as error:
            raise self.error(f"{error or type(error).__name__}") from error


class _Hashed:
    """A file whose bytes are hashed as they are read."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read, self.digest, self.num_bytes = read, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data = self._read(size)
        self.digest.update(data)
        self.num_bytes += len(data)
        return data


def unpacked_size(path: Path) -> int:
    """Returns how many bytes the members of a zip file claim to have; 0 if it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(info.file_size for info in archive.infolist())
    except _BROKEN:
        return 0


def _read_into(member: _Hashed, array: np.ndarray) -> None:
    start = 0
    while data := member.read(min(_CHUNK, len(array) - start)):
        array[start : start + len(data)] = np.frombuffer(data, np.uint8)
        start += len(data)
