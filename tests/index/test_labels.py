import numpy as np
import pytest

from keras_siamese.index.labels import LabelColumn, as_index_labels


def test_integers():
    column = LabelColumn()
    column.append(as_index_labels(np.array([3, 2**40])))
    column.check_kind(as_index_labels([7]))
    column.append(as_index_labels([7]))
    assert column.take(np.array([[2, 0]])).tolist() == [[7, 3]]
    column.replace(np.array([0]), as_index_labels([9]))
    column.keep(np.array([True, False, True]))
    assert column.take(slice(None)).tolist() == [9, 7]
    column.take(slice(None))[0] = 0
    assert column.take(slice(None)).tolist() == [9, 7]


def test_names_are_kept_once():
    column = LabelColumn()
    column.append(as_index_labels(["bee", "ant", "bee"]))
    column.append(as_index_labels(np.array([b"cat", b"ant"])))
    assert column.take(slice(None)).tolist() == ["bee", "ant", "bee", "cat", "ant"]
    assert sorted(column.names) == ["ant", "bee", "cat"]
    column.replace(np.array([1]), as_index_labels(["dog"]))
    again = LabelColumn.restore(column.kind, column.values, column.names)
    assert again.take(slice(0, 2)).tolist() == ["bee", "dog"]


def test_none():
    column = LabelColumn()
    column.append(None)
    column.keep(np.array([True]))
    assert column.take(slice(None)) is None


@pytest.mark.parametrize(
    "inside, new, message",
    [
        ([1, 2], ["a"], "are integers. Received: `y` of names"),
        (["a"], [1], "are names. Received: `y` of integers"),
        (["a"], None, "are names. Received: `y` of None"),
        (None, [1], "are none. Received: `y` of integers. Give no labels"),
    ],
)
def test_other_kinds(inside, new, message):
    column = LabelColumn()
    column.append(None if inside is None else as_index_labels(inside))
    with pytest.raises(ValueError, match=message):
        column.check_kind(None if new is None else as_index_labels(new))


def test_which_labels_are_inside():
    column = LabelColumn()
    column.append(as_index_labels(["unknown", "a", "b"]))
    column.keep(np.array([False, True, True]))
    assert "a" in column and "unknown" not in column and 1 not in column
    # Other labels may follow when all have gone, whatever names there were.
    column.keep(np.array([False, False]))
    column.append(as_index_labels([-1, 5]))
    assert -1 in column and 0 not in column and "a" not in column


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0.5], "floats"),
        ([1, "a"], "one kind"),
        (np.array([2**63], "uint64"), "below 2"),
        (np.array(["2020-01-01"], "datetime64[D]"), "names, or integers"),
    ],
)
def test_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        as_index_labels(labels)


@pytest.mark.parametrize("values, names", [([0, 2], ["a", "b"]), ([-1], ["a"]), ([0], ["a", "a"])])
def test_files_that_do_not_fit(values, names):
    with pytest.raises(ValueError, match="do not fit"):
        LabelColumn.restore("names", np.array(values), names)
