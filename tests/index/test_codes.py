import numpy as np
import pytest

from keras_siamese.index.codes import Coder


def test_floats(rng):
    x = rng.normal(size=(5, 3)).astype("float32")
    assert np.array_equal(Coder("float32", False).encode(x), x)
    assert Coder("float16", False).encode(x * 1e9).max() == 65504
    unit = Coder("float32", True).encode(np.array([[3, 4], [0, 0]], "float32"))
    assert unit.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]


def test_int8_has_one_scale():
    coder = Coder("int8", False)
    assert coder.encode(np.array([[2.0, -1.0]], "float32")).tolist() == [[127, -64]]
    # Later vectors are clipped at the greatest entry of the first ones.
    assert coder.encode(np.array([[8.0, 1.0]], "float32")).tolist() == [[127, 64]]


def test_signs_about_the_mean():
    coder = Coder("binary", False)
    x = np.array([[9, 1, 5], [11, 3, 5]], "float32")
    # The mean is (10, 2, 5): bits 000 and 110, filled up with zeros.
    assert coder.encode(x).tolist() == [[0], [0b11000000]]


@pytest.mark.parametrize("codes", ["float32", "float16", "int8", "binary"])
def test_config(rng, codes):
    x = rng.normal(size=(20, 9)).astype("float32")
    coder, again = Coder(codes, True), Coder(codes, True)
    coder.encode(x)
    again.set_config(coder.get_config(), 9)
    assert np.array_equal(again.encode(2 * x[::-1]), coder.encode(2 * x[::-1]))


@pytest.mark.parametrize(
    "codes, config",
    [
        ("int8", {}),
        ("int8", {"scale": -1}),
        ("int8", {"scale": "x"}),
        ("binary", {"mean": [1, 2]}),
        ("binary", {"mean": {}}),
        ("binary", {}),
    ],
)
def test_wrong_config(codes, config):
    with pytest.raises(ValueError, match="no scale and mean"):
        Coder(codes, False).set_config(config, 3)


def test_unknown_codes():
    with pytest.raises(ValueError, match="Unknown `codes`"):
        Coder("int4", False)
