import numpy as np
import pytest

from keras_siamese.index.items import ItemTable, as_ids
from keras_siamese.index.labels import LabelColumn
from keras_siamese.index.metadata import MetadataTable


def make(ids):
    items = ItemTable()
    items.append(np.array(ids), None, {})
    return items


def test_numbers_go_on_from_the_greatest():
    items = make([10, 3])
    assert items.new_ids(None, 2).tolist() == [11, 12]
    items.append(items.new_ids(None, 2), None, {})
    items.keep(np.array([True, True, False, False]))
    assert items.new_ids(None, 1).tolist() == [13]
    assert items.new_ids([11], 1).tolist() == [11]


def test_positions():
    items = make([10, 3, 7])
    assert items.positions_of(np.array([7, 10])).tolist() == [2, 0]
    positions, is_there = items.find(np.array([[3, 4], [-1, 10]]))
    assert is_there.tolist() == [[True, False], [False, True]]
    assert positions[is_there].tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"Received: \[4\].*1 in all"):
        items.positions_of(np.array([3, 4]))
    items.keep(np.array([False, True, True]))
    assert items.positions_of(np.array([7])).tolist() == [1]
    assert not ItemTable().find(np.array([1]))[1].any()


@pytest.mark.parametrize(
    "ids, message",
    [
        ([1, 1], "distinct. Received: 1, 2 times"),
        ([-1], "from 0 to"),
        ([2**63 - 1], "from 0 to"),
        (np.array([2**64 - 1], "uint64"), "from 0 to"),
        (["a"], "must be integers.*metadata"),
        ([0.5], "must be integers"),
        ([[1]], "must be integers"),
    ],
)
def test_refused(ids, message):
    with pytest.raises(ValueError, match=message):
        as_ids(ids)


def test_one_and_none():
    assert as_ids(3).tolist() == [3]
    assert as_ids([]).tolist() == []


def test_ids_that_are_taken():
    items = make([10, 3])
    with pytest.raises(ValueError, match=r"Received: 3, which is in the index.*update"):
        items.new_ids([4, 3], 2)
    with pytest.raises(ValueError, match=r"Expected 2 `ids`. Received: 1"):
        items.new_ids([4], 2)


def test_no_numbers_are_left():
    items = make([2**63 - 2])
    with pytest.raises(ValueError, match="No ids are left"):
        items.new_ids(None, 1)


def test_restore():
    items = ItemTable.restore(np.array([4]), LabelColumn(), MetadataTable(), 9)
    assert items.new_ids(None, 1).tolist() == [9]
