"""Shared fixtures: one fixed seed per test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# Hundreds of small programs are compiled here, and each is run a few times.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

if os.environ.get("KERAS_BACKEND") == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)  # labels are int64

import keras
import numpy as np
import pytest

BACKEND = keras.backend.backend()
if BACKEND != "tensorflow":
    # There, the operations of Keras turn float64 into float32.
    exact = pytest.approx

    def approx(expected, rel=None, abs=None, nan_ok=False):
        return exact(expected, max(rel or 0, 2e-4), max(abs or 0, 2e-5), nan_ok)

    pytest.approx = approx


def pytest_configure(config: pytest.Config) -> None:
    # PyTorch, of `float(loss(...))` where the loss has weights.
    config.addinivalue_line("filterwarnings", "ignore:Converting a tensor with requires_grad=True")


@pytest.fixture(autouse=True)
def fixed_seed():
    keras.utils.set_random_seed(20150312)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs the tests of a battery for each setting and mode that the class names."""
    if "battery_mode" in metafunc.fixturenames:
        metafunc.parametrize("battery_mode", metafunc.cls.modes)
    if "setting" in metafunc.fixturenames and metafunc.cls is not None:
        settings = list(metafunc.cls.settings)
        # JAX compiles each operation for itself: all settings take ten minutes.
        metafunc.parametrize("setting", settings[:1] if BACKEND == "jax" else settings)
