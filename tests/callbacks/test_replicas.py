"""All callbacks under `tf.distribute`: the figures of one device, and one writer."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import contextlib, pathlib, sys, keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.path.insert(0, sys.argv[2])
import small_model
from keras_siamese.callbacks import (
    EmbeddingPictures, HyperParameters, RetrievalEvaluation, TrainingDiagnostics,
)
data = small_model.make_data()
histories = []
for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    keras.utils.set_random_seed(1)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = small_model.make_model()
    logs = pathlib.Path(sys.argv[1], "two" if strategy else "one")
    callbacks = [
        TrainingDiagnostics(logs, batches_per_epoch=100),
        RetrievalEvaluation(data, data, log_dir=logs, batch_size=7),
        EmbeddingPictures(logs, data, every_n_epochs=1, map_method="pca"),
        HyperParameters(logs),
    ]
    fitted = model.fit(small_model.batches_of(data), epochs=2, verbose=0, callbacks=callbacks)
    histories.append(fitted.history)
    runs = {file.parent.name for file in logs.glob("*/events*")}
    assert runs == {"diagnostics", "retrieval", "pictures", "hparams"}, runs
    assert len(list(logs.glob("*/events*"))) == 4
one, two = histories
assert {"batch_gradient_norm", "batch_hard_share", "retrieval_map_at_r"} <= set(one)
assert set(one) == set(two)
for name in one:
    np.testing.assert_allclose(one[name], two[name], atol=1e-3, err_msg=name)
"""


@pytest.mark.slow
def test_two_replicas_say_what_one_says_and_one_of_them_writes(tmp_path):
    arguments = [sys.executable, "-c", PROGRAM, str(tmp_path), str(Path(__file__).parents[1])]
    subprocess.run(arguments, check=True, timeout=300)
