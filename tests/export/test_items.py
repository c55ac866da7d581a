import keras
import numpy as np
import pytest

from keras_siamese.export.items import given_items, inputs_like, made_up_items


def test_made_up():
    inputs = [
        keras.Input((2, 3)),
        keras.Input((50,), dtype="uint8"),
        keras.Input((), dtype="int64"),
        keras.Input((4,), dtype="bool"),
    ]
    floats, bytes_, integers, bools = made_up_items(inputs)
    assert floats.shape == (4, 2, 3)
    assert floats.dtype == "float32"
    assert floats.std() > 0.5
    assert bytes_.dtype == "uint8"
    assert bytes_.max() > 100
    assert integers.shape == (4,)
    assert set(integers.tolist()) <= {0, 1}
    assert bools.dtype == "bool"
    again = made_up_items(inputs)
    assert all(
        (a == b).all() for a, b in zip([floats, bytes_, integers, bools], again, strict=True)
    )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (keras.Input((), dtype="string"), "Strings"),
        (keras.Input((None, 3)), r"Items of shape \(None, 3\)"),
    ],
)
def test_what_cannot_be_made_up(inputs, message):
    with pytest.raises(ValueError, match=f"{message} cannot be made up.*check_on"):
        made_up_items(inputs)


def test_given():
    items = given_items([[1, 2, 3]], keras.Input((None,)))
    assert items.tolist() == [[1.0, 2.0, 3.0]]
    assert items.dtype == "float32"
    assert given_items(["a", "b"], keras.Input((), dtype="string")).dtype == object
    inputs = {"x": keras.Input((2,)), "n": keras.Input((), dtype="int32")}
    items = given_items({"n": [1], "x": [[1.0, 2.0]]}, inputs)
    assert items["n"].dtype == "int32"
    assert items["x"].shape == (1, 2)


@pytest.mark.parametrize(
    ("items", "inputs", "message"),
    [
        ([[0.5, 1.0]], keras.Input((2,), dtype="uint8"), "uint8, shape .*Received: float64"),
        ([[0.5, 1.0]], keras.Input((3,)), r"shape \('num_items', 3\)"),
        ([0.5, 1.0], keras.Input((2,)), r"shape \(2,\)"),
        ([["a"]], keras.Input((1,)), "float32"),
        ([1.0], keras.Input((), dtype="string"), "string"),
        ([[1.0], [1.0, 2.0]], keras.Input((1,)), "inhomogeneous"),
        (np.zeros((0, 2)), keras.Input((2,)), "one item or more"),
        ([[[1.0]], [[1.0], [2.0]]], [keras.Input((1,)), keras.Input((1,))], r"\[1, 2\]"),
        ([[[1.0]]], [keras.Input((1,)), keras.Input((1,))], "structure of the 2 inputs"),
        ({"x": [[1.0]]}, {"y": keras.Input((1,))}, "structure of the 1 inputs"),
    ],
)
def test_given_that_do_not_fit(items, inputs, message):
    with pytest.raises(ValueError, match=message):
        given_items(items, inputs)


def test_inputs_like():
    like = inputs_like([[1.0, 2.0]])
    assert (like.shape, like.dtype) == ((None, 2), "float32")
    like = inputs_like({"a": ["text"], "b": np.zeros((2, 3), "uint8")})
    assert like["a"].dtype == "string"
    assert like["a"].shape == (None,)
    assert like["b"].dtype == "uint8"
