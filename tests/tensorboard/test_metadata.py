import copy
import datetime

import numpy as np
import pytest

from keras_siamese.tensorboard.metadata import Metadata


def table(**columns):
    return Metadata.of(columns).to_bytes().decode("utf-8")


def test_two_columns_have_a_header_and_one_has_none():
    assert table(label=["a", "b"]) == "a\nb\n"
    assert table(label=["a", "b"], id=[7, 8]) == "label\tid\na\t7\nb\t8\n"


def test_labels_can_neither_shift_rows_nor_columns():
    labels = ["a\tb", "line\r\nend", "", "\u2028\ufeff ", 'é "<b>"', b"caf\xc3\xa9", "\ud800", "\0"]
    shown = ["a b", "line end", "(empty)", "(empty)", 'é "<b>"', "café", "?", "(empty)"]
    assert table(label=labels).split("\n")[:-1] == shown


def test_an_empty_label_is_shown_as_such_and_other_cells_may_be_empty():
    assert table(label=["", "b"], note=["", ""]) == "label\tnote\n(empty)\t\nb\t\n"
    labels = Metadata.of({"label": [None, "b"]})
    assert labels.with_columns({"near": [None, "a"]}).to_bytes() == (
        b"label\tnear\n(empty)\t\nb\ta\n"
    )


@pytest.mark.parametrize(
    "value,cell",
    [
        (None, ""),
        (float("nan"), ""),
        (np.float32("nan"), ""),
        (np.datetime64("NaT"), ""),
        ("nan", "nan"),
        (True, "True"),
        (np.bool_(False), "False"),
        (np.int64(-3), "-3"),
        (np.float32(0.1), "0.1"),
        (1e-9, "1e-09"),
        (np.str_("text"), "text"),
        (np.bytes_(b"text"), "text"),
        (b"\xff", "\ufffd"),
        (datetime.datetime(2024, 2, 29, 12, 30), "2024-02-29 12:30:00"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (np.datetime64("2024-02-29"), "2024-02-29"),
    ],
)
def test_values_of_any_kind_are_shown(value, cell):
    assert table(label=["a", "b"], value=["x", value]).split("\n")[2] == f"b\t{cell}"


def test_names_of_columns_are_cleaned():
    assert table(label=["a", "b"], **{"two\nwords": [1, 2]}).split("\n")[0] == "label\ttwo words"


def test_further_columns_stand_behind_and_leave_the_table_as_it_is():
    known = Metadata.of({"label": ["a", "b"]})
    more = known.with_columns({"near": [True, None]})
    assert more.to_bytes() == b"label\tnear\na\tTrue\nb\t\n"
    assert more.column("near") == ["True", ""]
    assert known.to_bytes() == b"a\nb\n"
    assert known.with_columns({}) == known
    assert copy.deepcopy(known) is known


@pytest.mark.parametrize(
    "columns,message",
    [
        ({"label": ["a"]}, "two points or more. Received: 1"),
        ({"label": []}, "two points or more. Received: 0"),
        ({"label": ["a", "b"], "id": [1, 2, 3]}, "'id': 3"),
        ({"label": ["a", "b"], " ": [1, 2]}, "need names"),
        ({"a\tb": ["a", "b"], "a b": [1, 2]}, "no two the same"),
    ],
)
def test_bad_columns(columns, message):
    with pytest.raises(ValueError, match=message):
        Metadata.of(columns)


def test_bad_further_columns():
    known = Metadata.of({"label": ["a", "b"]})
    with pytest.raises(ValueError, match="no two the same"):
        known.with_columns({"label": [1, 2]})
    with pytest.raises(ValueError, match=r"each of the 2 points.*'id': 3"):
        known.with_columns({"id": [1, 2, 3]})
