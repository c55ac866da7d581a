import datetime

import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.callbacks.point_columns import given_columns, known_columns
from keras_siamese.callbacks.point_sets import join_sets
from keras_siamese.callbacks.points import gather_sets
from keras_siamese.data import from_arrays


def gather(max_points=100, **sets):
    sets = gather_sets(sets, max_points)
    return join_sets(sets), sets


def known(data, **options):
    sets = gather_sets({"": data}, 100)
    return known_columns(join_sets(sets), sets, **options)


def test_numbers_have_a_label_and_a_place():
    assert known((np.zeros((3, 2)), [2, 0, 2])) == {"label": [2, 0, 2], "item": [0, 1, 2]}


def test_class_names_stand_for_integers():
    columns = known((np.zeros((2, 2)), [1, 0]), class_names=["zero", "one"])
    assert columns["label"] == ["one", "zero"]


def test_several_sets_are_told_apart_even_if_there_is_one():
    points, sets = gather(train=([[1], [2]], [0, 1]), gallery=([[3]], [1]))
    columns = known_columns(points, sets)
    assert columns["set"] == ["train", "train", "gallery"]
    assert columns["item"] == [0, 1, 0]
    points, sets = gather(train=([[1]], [0]))
    assert known_columns(points, sets)["set"] == ["train"]


def test_groups_of_a_source_are_a_column():
    source = from_arrays(np.zeros((2, 1)), [0, 1], groups=["latin", "greek"])
    assert known(source)["group"] == ["latin", "greek"]


@pytest.mark.parametrize(
    "x",
    [
        ["a\n cat", "x" * 200],
        np.array([["a\n cat"], ["x" * 200]]),
        np.array([b"a\n cat", b"x" * 200], object),
        {"text": ["a\n cat", "x" * 200], "length": [2, 1]},
    ],
)
def test_texts_are_a_column_of_their_beginnings(x):
    assert known((x, [0, 1]))["text"] == ["a cat", "x" * 119 + "…"]


@pytest.mark.parametrize("x", [{"a": ["x", "y"], "b": ["x", "y"]}, np.full((2, 3), "word")])
def test_several_texts_an_item_are_none(x):
    assert "text" not in known((x, [0, 1]))


def test_given_columns_keep_their_values_and_follow_the_sample():
    values = [None, True, b"x", datetime.date(2024, 2, 29), 1.5, np.int8(3)]
    _, sets = gather(**{"": (np.arange(6), [0] * 6)})
    assert given_columns({"any": values}, sets) == {"any": values}
    _, sets = gather(3, **{"": (np.arange(6), [0] * 6)})
    positions = sets[""].positions
    assert given_columns({"any": values}, sets) == {"any": [values[i] for i in positions]}
    tensors = given_columns({"id": tf.range(6) * 2}, sets)
    assert tensors == {"id": [2 * i for i in positions]}


class Frame:
    """What data frames of pandas and polars share: `columns`, and columns by name."""

    columns = ("id", "note")

    def __getitem__(self, name):
        return {"id": np.array([5, 6]), "note": ("x", "y")}[name]

    def __bool__(self):
        raise ValueError("The truth value of a DataFrame is ambiguous.")


def test_a_data_frame_gives_its_columns():
    _, sets = gather(**{"": ([[1], [2]], [0, 1])})
    assert given_columns(Frame(), sets) == {"id": [5, 6], "note": ["x", "y"]}
    _, sets = gather(a=([[1], [2]], [0, 1]), b=([[3]], [1]))
    assert given_columns({"a": Frame()}, sets)["note"] == ["x", "y", None]


def test_columns_that_a_set_does_not_have_are_empty_there():
    _, sets = gather(a=([[1], [2]], [0, 1]), b=([[3]], [1]), c=([[4]], [1]))
    columns = given_columns({"b": {"id": [7], "note": ["x"]}, "a": {"id": [5, 6]}}, sets)
    assert columns == {"id": [5, 6, 7, None], "note": [None, None, "x", None]}


@pytest.mark.parametrize(
    "metadata,message",
    [
        ({"id": [1, 2]}, "keys of \\['a', 'b'\\]. Received: \\['id'\\]"),
        ([1, 2], "Received: list"),
        ({"a": {"id": [1]}}, "'id' needs one value for each of the 2 items.*Received: 1"),
    ],
)
def test_bad_columns(metadata, message):
    _, sets = gather(a=([[1], [2]], [0, 1]), b=([[3]], [1]))
    with pytest.raises(ValueError, match=message):
        given_columns(metadata, sets)
