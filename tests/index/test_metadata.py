import numpy as np
import pytest

from keras_siamese.index.metadata import MetadataTable, as_columns


def test_values_are_plain():
    columns = as_columns(
        {"n": np.arange(2), "t": [(1, 2), {"a": None}], "f": [np.float32(0.5), 1]}, 2
    )
    assert columns == {"n": [0, 1], "t": [[1, 2], {"a": None}], "f": [0.5, 1]}
    assert type(columns["n"][0]) is int and type(columns["f"][0]) is float
    assert as_columns(None, 3) == {}


def test_columns_come_and_go():
    table = MetadataTable()
    table.append({"a": [1, 2]}, 2)
    table.append({"b": ["x"]}, 1)
    table.append({}, 1)
    assert table.columns == {"a": [1, 2, None, None], "b": [None, None, "x", None]}
    table.keep(np.array([True, False, True, True]))
    table.replace(np.array([0, 2]), {"b": ["y", "z"], "c": [[1], [2]]})
    taken = table.take(np.array([[0, 1], [2, 0]]))
    assert taken["b"].tolist() == [["y", "x"], ["z", "y"]]
    assert taken["c"].shape == (2, 2) and taken["c"][0, 0] == [1] and taken["c"][0, 1] is None
    table.append({"a": [5]}, 1)
    assert table.columns["a"] == [1, None, None, 5]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "metadata, message",
    [
        ([{"a": 1}], "dict of columns"),
        ({1: [1, 2]}, "dict of columns"),
        ({"a": [1]}, "each of the 2 items. Received: 1"),
        ({"a": "xy"}, "one value for each item"),
        ({"a": 3}, "one value for each item"),
        ({"a": [1, object()]}, "column 'a' at row 1"),
        ({"a": [1, float("nan")]}, "nan in column 'a' at row 1"),
        ({"a": [1, b"x"]}, "at row 1"),
        ({"a": [1, nested(100_000)]}, "at row 1"),
    ],
)
def test_refused(metadata, message):
    with pytest.raises(ValueError, match=message):
        as_columns(metadata, 2)


@pytest.mark.parametrize("columns", [[], {"a": 3}, {"a": [1]}])
def test_files_that_do_not_fit(columns):
    with pytest.raises(ValueError, match="columns of 2 values"):
        MetadataTable.restore(columns, 2)
