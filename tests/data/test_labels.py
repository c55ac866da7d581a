import numpy as np
import pytest

from keras_siamese.data.labels import as_class_labels, encode_labels


def test_strings_become_ids_in_ascending_order():
    ids, classes = encode_labels(["cat", "ant", "cat"])
    assert ids.tolist() == [1, 0, 1]
    assert ids.dtype == np.int64
    assert classes.tolist() == ["ant", "cat"]


@pytest.mark.parametrize(
    "labels",
    [
        np.array([7, 3, 7], np.uint8),
        np.array([2**24, 2**24 + 1, 2**24]),
        np.array(["2024-02-01", "2024-01-01", "2024-02-01"], "datetime64[D]"),
        np.array(["b", "a", "b"], object),
        np.array([b"b", b"a", b"b"], object),
        np.array([[5], [4], [5]]),
    ],
)
def test_classes_of_ids_give_back_the_labels(labels):
    ids, classes = encode_labels(labels)
    assert ids.shape == (3,)
    assert classes[ids].tolist() == labels.reshape(-1).tolist()
    assert sorted(set(ids.tolist())) == list(range(len(classes)))


def test_values_and_type_are_kept():
    labels = as_class_labels(np.array([[300], [2]], np.uint16))
    assert labels.dtype == np.uint16
    assert labels.tolist() == [300, 2]
    assert as_class_labels(["b", "a"]).tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1.0, 2.0], "whole numbers"),
        (np.array([1.0, 2.0], object), "whole numbers"),
        (np.array(["a", None], object), "1 of 2 that are None or NaN, the first at row 1"),
        (np.array(["a", float("nan")], object), "the first at row 1"),
        (["a", "b", float("nan"), float("nan")], "2 of 4 that are None or NaN, the first at row 2"),
        ([None, None], "2 of 2"),
        ([1.0, float("nan")], "1 of 2"),
        (np.array(["2024-01-01", "NaT"], "datetime64[D]"), "the first at row 1"),
        (["a", 1], "int and str"),
        (np.eye(3, dtype=int), "argmax"),
        (3, "shape"),
        ([], "empty"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        encode_labels(labels)
