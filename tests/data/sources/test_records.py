import struct
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.sources import records as records_module
from keras_siamese.data.sources.records import open_records

CONTENTS = [[b"", b"a", b"bc" * 5000], [b"def"], [b"g", b"hi"]]


@dataclass
class Part:
    """Which records of a file, as TFDS says it."""

    filename: str
    skip: int
    take: int
    examples_in_shard: int


@pytest.fixture
def files(tmp_path):
    paths = [str(tmp_path / f"file-{number}") for number in range(len(CONTENTS))]
    for path, contents in zip(paths, CONTENTS, strict=True):
        with tf.io.TFRecordWriter(path) as writer:
            for record in contents:
                writer.write(record)
    return paths


def whole(files):
    return [
        Part(path, 0, len(contents), len(contents))
        for path, contents in zip(files, CONTENTS, strict=True)
    ]


def test_records_are_numbered_through_the_files(files):
    records = open_records(whole(files), "tfrecord")
    assert len(records) == 6
    flat = [record for contents in CONTENTS for record in contents]
    assert records.read(np.arange(6)) == flat
    assert records.read(np.array([5, 2, 2, 0, 3])) == [flat[i] for i in (5, 2, 2, 0, 3)]
    assert records.read(np.array([], np.int64)) == []


def test_parts_of_files_in_any_order(files):
    parts = [Part(files[2], 1, 1, 2), Part(files[0], 0, 2, 3), Part(files[0], 1, 2, 3)]
    records = open_records(parts, "tfrecord")
    assert records.read(np.arange(len(records))) == [b"hi", b"", b"a", b"a", b"bc" * 5000]


def test_more_files_than_are_mapped_at_a_time(files, monkeypatch):
    monkeypatch.setattr(records_module, "_MAX_MAPPED_FILES", 1)
    records = open_records(whole(files), "tfrecord")
    assert records.read(np.array([3, 0, 3, 5, 1])) == [b"def", b"", b"def", b"hi", b"a"]


def test_files_without_some_of_their_bytes_are_refused(files):
    with open(files[0], "rb") as file:
        content = file.read()
    for size in (0, 5, 16, 16 + 17, len(content) - 1):
        with open(files[0], "wb") as file:
            file.write(content[:size])
        with pytest.raises(ValueError, match=r"file-0 is damaged\. Expected 3 whole records"):
            open_records(whole(files), "tfrecord")


def test_wild_lengths_are_refused(files):
    with open(files[1], "r+b") as file:
        file.write(struct.pack("<Q", 2**64 - 1))
    with pytest.raises(ValueError, match="file-1 is damaged"):
        open_records(whole(files), "tfrecord")


def test_files_with_more_records_are_refused(files):
    with pytest.raises(ValueError, match=r"Expected 2 whole records\. Received: 3"):
        open_records([Part(files[0], 0, 2, 2)], "tfrecord")


def test_other_files_are_refused(files):
    with pytest.raises(ValueError, match=r"\['array_record', 'tfrecord'\].*'riegeli'"):
        open_records(whole(files), "riegeli")
    missing = Part("no/such/file", 0, 1, 1)
    with pytest.raises(ValueError, match=r"1 of 4 files are not on this machine.*no/such/file"):
        open_records([*whole(files), missing], "tfrecord")
    # No array_record file either.
    with pytest.raises(ValueError, match="file-1 is damaged"):
        open_records(whole(files)[1:2], "array_record")
