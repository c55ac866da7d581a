"""Encoders load in a new process, in safe mode, without custom_objects."""

import subprocess
import sys

import keras
import numpy as np

from keras_siamese.encoders import convnet, embedding_head, mlp

LOAD = """
import sys, numpy, keras, keras_siamese
for number in range(4):
    encoder = keras.saving.load_model(f"{sys.argv[1]}/{number}.keras", safe_mode=True)
    x = numpy.load(f"{sys.argv[1]}/x{number}.npy")
    numpy.save(f"{sys.argv[1]}/y{number}.npy", encoder.predict(x, verbose=0))
"""


def test_round_trip_in_a_new_process(rng, tmp_path, dtype_policy):
    backbone = keras.Sequential([keras.Input((5, 4)), keras.layers.Conv1D(6, 3)])
    encoders = [
        convnet((8, 8, 1), 8, filters=(4, 8), dropout=0.1),
        mlp((20,), 8, hidden_units=(9,), dropout=0.1),
        embedding_head(backbone, 8, dropout=0.1),
    ]
    dtype_policy("mixed_bfloat16")
    encoders.append(convnet((8, 8, 1), 8, filters=(4,)))
    wanted = []
    for number, encoder in enumerate(encoders):
        x = rng.normal(size=(3, *encoder.input_shape[1:])).astype("float32")
        wanted.append(encoder.predict(x, verbose=0))
        np.save(tmp_path / f"x{number}.npy", x)
        encoder.save(tmp_path / f"{number}.keras")

    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], check=True, timeout=120)
    for number, embeddings in enumerate(wanted):
        loaded = np.load(tmp_path / f"y{number}.npy")
        assert loaded.dtype == "float32"
        np.testing.assert_allclose(loaded, embeddings, atol=1e-6)
