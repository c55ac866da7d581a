import keras
import numpy as np
import pytest

import keras_siamese as ks


@pytest.fixture(scope="session")
def clusters():
    """Items of five classes: 120 for the index, 60 to ask."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(5, 8))
    y = rng.integers(0, 5, 180)
    x = (centres[y] + 0.2 * rng.normal(size=(180, 8))).astype("float32")
    return x, y


@pytest.fixture(scope="session")
def model():
    """Not to be trained: make one of your own with `make_model`."""
    return make_model()


def make_model(seed=0):
    keras.utils.set_random_seed(seed)
    return ks.SiameseModel(ks.encoders.mlp((8,), 4, hidden_units=(8,)))


@pytest.fixture
def new_model():
    return make_model
