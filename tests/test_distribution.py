import subprocess
import sys


def test_two_replicas_equal_one_big_batch():
    program = """
import contextlib, sys, numpy as np, keras, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras_siamese as ks
rng = np.random.default_rng(0)
data = rng.normal(size=(200, 6)).astype("float32"), rng.integers(0, 4, 200)
results = []
weights = rng.random(200).astype("float32")
first, second, same = ks.data.verification_pairs(data[1], 96)
pairs = data[0][first], data[0][second]
views = data[0], data[0] + 0.1 * rng.normal(size=data[0].shape).astype("float32")
views = tf.data.Dataset.from_tensor_slices((views,)).batch(50)
for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    keras.utils.set_random_seed(1)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = ks.SiameseModel(ks.encoders.mlp((6,), 4, hidden_units=(8,)))
        metrics = [ks.metrics.RecallAtK(1), ks.metrics.PairAUC()]
        model.compile(keras.optimizers.SGD(0.5), ks.losses.TripletLoss(0.5), metrics=metrics)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(48)
    weighted = tf.data.Dataset.from_tensor_slices((*data, weights)).batch(48)
    history = model.fit(batches, epochs=2, verbose=0, validation_data=weighted).history
    with strategy.scope() if strategy else contextlib.nullcontext():
        loss = ks.losses.ContrastiveLoss(reduction="balanced")
        model.compile(keras.optimizers.SGD(0.5), loss, metrics=[ks.metrics.PairAUC()])
    paired = tf.data.Dataset.from_tensor_slices((pairs, same)).batch(32)
    more = model.fit(paired, verbose=0, validation_data=paired).history
    history.update({f"pairs_{name}": values for name, values in more.items()})
    with strategy.scope() if strategy else contextlib.nullcontext():
        model.compile(keras.optimizers.SGD(0.5), ks.losses.SimSiamLoss())
    more = model.fit(views, verbose=0, validation_data=views).history
    history.update({f"views_{name}": values for name, values in more.items()})
    trained = model.get_weights()
    keras.utils.set_random_seed(1)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = ks.SiameseModel(ks.encoders.mlp((6,), 4, hidden_units=(8,)))
        loss = ks.losses.ProxyAnchorLoss(4, alpha=4.0, seed=1, learning_rate_multiplier=3.0)
        model.compile(keras.optimizers.SGD(0.1), loss)
    history["proxies_loss"] = model.fit(batches, epochs=2, verbose=0).history["loss"]
    proxies = keras.ops.convert_to_numpy(loss.proxies)
    results.append((history, [*trained, proxies]))
(one, one_weights), (two, two_weights) = results
assert "views_val_loss" in one and "proxies_loss" in one
for name in one:
    # An area counts pairs: rounding may swap two that are nearly tied.
    atol = 1e-3 if "auc" in name else 5e-5
    np.testing.assert_allclose(one[name], two[name], atol=atol, err_msg=name)
for a, b in zip(one_weights, two_weights):
    np.testing.assert_allclose(a, b, atol=1e-4)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
