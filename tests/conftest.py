"""Shared fixtures: one fixed seed per test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if os.environ.get("KERAS_BACKEND") == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)  # references are float64, and labels int64

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def fixed_seed():
    keras.utils.set_random_seed(20150312)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs the tests of a battery for each setting that the class names."""
    if "setting" in metafunc.fixturenames and metafunc.cls is not None:
        metafunc.parametrize("setting", metafunc.cls.settings)
