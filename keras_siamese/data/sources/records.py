"""Serialised records in the files of a prepared data set, read by number."""

import functools
import mmap
import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

# Each mapped file holds a descriptor, of which a process has 1,024 by default.
_MAX_MAPPED_FILES = 256

# A record of a TFRecord file: its length (8 bytes), a checksum (4), the data, a checksum (4).
_HEADER, _FOOTER = 12, 4


class Records(Protocol):
    """Records with random access."""

    def __len__(self) -> int:
        """Returns how many records there are."""

    def read(self, places: np.ndarray) -> list[bytes]:
        """Returns the records at some places, integers, shape `(num_records,)`."""


class TFRecords:
    """Records of TFRecord files, of which a file has no table: it is made here, in memory.

    Args:
        parts: Which records of which files, as `file_instructions` of a split of TFDS.

    Raises: ValueError: If a file does not hold the records that it should.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        starts = [_record_starts(part.filename, part.examples_in_shard) for part in parts]
        # Records `skip` to `skip + take`, and the start of the one after them.
        starts = [
            rows[part.skip : part.skip + part.take + 1]
            for rows, part in zip(starts, parts, strict=True)
        ]
        self._paths = [part.filename for part in parts]
        self._files = np.repeat(np.arange(len(parts)), [part.take for part in parts])
        self._begins = np.concatenate([rows[:-1] + _HEADER for rows in starts])
        self._ends = np.concatenate([rows[1:] - _FOOTER for rows in starts])
        self._mapped = functools.lru_cache(_MAX_MAPPED_FILES)(_map_file)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, places: np.ndarray) -> list[bytes]:
        """Returns the records at some places, integers, shape `(num_records,)`."""
        bounds = (rows[places].tolist() for rows in (self._files, self._begins, self._ends))
        return [
            self._mapped(self._paths[file])[begin:end]
            for file, begin, end in zip(*bounds, strict=True)
        ]


class ArrayRecords:
    """Records of array_record files, which have a table of their own.

    Args:
        parts: Which records of which files, as `file_instructions` of a split of TFDS.

    Raises: ValueError: If a file does not hold the records that it should.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        from array_record.python import array_record_data_source, array_record_module

        for part in parts:
            # 0 of a file that cannot be read
            num_records = array_record_module.ArrayRecordReader(part.filename).num_records()
            if num_records != part.examples_in_shard:
                raise _damaged(part.filename, num_records, part.examples_in_shard)
        self._source = array_record_data_source.ArrayRecordDataSource(parts)

    def __len__(self) -> int:
        return len(self._source)

    def read(self, places: np.ndarray) -> list[bytes]:
        """Returns the records at some places, integers, shape `(num_records,)`."""
        return self._source.__getitems__(places.tolist())


_FORMATS: dict[str, type[TFRecords] | type[ArrayRecords]] = {
    "tfrecord": TFRecords,
    "array_record": ArrayRecords,
}


def open_records(parts: Sequence[Any], file_format: str) -> Records:
    """Returns the records of a split.

    Args:
        parts: Which records of which files, as `file_instructions` of a split of TFDS.
        file_format: `"tfrecord"` or `"array_record"`.

    Raises: ValueError: If the format is another one, a file is not there, or it does not hold the
        records that it should.
    """
    if file_format not in _FORMATS:
        raise ValueError(
            f"Expected files of one of the formats {sorted(_FORMATS)}, which have random access. "
            f"Received: {file_format!r}. Prepare the data set anew with "
            '`builder.download_and_prepare(file_format="array_record")`.'
        )
    if missing := [part.filename for part in parts if not os.path.isfile(part.filename)]:
        raise ValueError(
            f"{len(missing)} of {len(parts)} files are not on this machine, the first: "
            f"{missing[0]}. Copy them, or delete the folder and prepare the data set anew."
        )
    return _FORMATS[file_format](parts)


def _record_starts(path: str, num_records: int) -> np.ndarray:
    """Returns where the records of a file start, and its end, shape `(num_records + 1,)`."""
    size = os.path.getsize(path)
    starts = [0]
    with open(path, "rb") as file:
        while starts[-1] < size:
            file.seek(starts[-1])
            length = int.from_bytes(file.read(8), "little")
            starts.append(starts[-1] + _HEADER + length + _FOOTER)
    if starts[-1] != size or len(starts) != num_records + 1:
        raise _damaged(path, len(starts) - 1, num_records)
    return np.array(starts)


def _damaged(path: str, received: int, expected: int) -> ValueError:
    return ValueError(
        f"{path} is damaged. Expected {expected} whole records. Received: {received}, or a part of "
        "one. Copy the file anew, or delete the folder and prepare the data set anew."
    )


def _map_file(path: str) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
