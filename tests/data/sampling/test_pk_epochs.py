"""Epochs of P x K batches: their order, where they go on, and training by them."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sampling.sampler import find_sampler

# Class sizes of the labels below: 11 classes of 3 to 13 items, in no order.
SIZES = np.arange(3, 14)
LABELS = np.random.default_rng(7).permutation(np.repeat(100 * np.arange(11), SIZES))
ITEMS = np.arange(len(LABELS))


def batches_of(**arguments):
    """Batches of items that are their own indices."""
    defaults = {"classes_per_batch": 4, "examples_per_class": 3, "seed": 0}
    return pk_batches(ITEMS, LABELS, **(defaults | arguments))


def epoch_of(dataset):
    return [items.tolist() for items, _ in dataset.as_numpy_iterator()]


def test_equal_seeds_give_equal_epochs_and_each_epoch_differs():
    first, second, other = batches_of(), batches_of(), batches_of(seed=1)
    epochs = [epoch_of(first) for _ in range(3)]
    assert [epoch_of(second) for _ in range(3)] == epochs
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert epoch_of(other) not in epochs


def test_drawn_seed_is_drawn_once():
    dataset = batches_of(seed=None)
    epoch = epoch_of(dataset)
    dataset.sampler.epoch_counter.assign(0)
    assert epoch_of(dataset) == epoch
    assert epoch_of(batches_of(seed=None)) != epoch


def test_epoch_counter_rules_the_order():
    dataset = batches_of()
    epochs = [epoch_of(dataset) for _ in range(3)]
    assert dataset.sampler.epoch_counter.numpy() == 3
    dataset.sampler.epoch_counter.assign(1)
    assert epoch_of(dataset) == epochs[1]
    dataset.sampler.epoch_counter.assign(2**40)
    assert epoch_of(dataset) not in epochs
    assert dataset.sampler.epoch_counter.numpy() == 2**40 + 1


def test_two_iterations_at_once_are_two_epochs():
    dataset = batches_of()
    epochs = [epoch_of(dataset), epoch_of(dataset)]
    dataset.sampler.epoch_counter.assign(0)
    pairs = list(zip(dataset.as_numpy_iterator(), dataset.as_numpy_iterator(), strict=True))
    assert [[pair[i][0].tolist() for pair in pairs] for i in range(2)] == epochs


def test_repeated_dataset_runs_through_the_epochs():
    dataset = batches_of()
    expected = epoch_of(dataset) + epoch_of(dataset)
    dataset.sampler.epoch_counter.assign(0)
    assert epoch_of(dataset.repeat(2)) == expected


def test_iterator_checkpoint_continues_its_epoch(tmp_path):
    dataset = batches_of().map(lambda x, y: (x + 1, y))
    iterator = iter(dataset)
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
    rest = [items.numpy().tolist() for items, _ in iterator]
    assert len(rest) > 3
    resumed = iter(dataset)
    tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
    assert [items.numpy().tolist() for items, _ in resumed] == rest


class Recorder(keras.Model):
    """Notes the items of each training step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, inputs):
        return inputs

    def train_step(self, data):
        self.seen.append(data[0].numpy().tolist())
        return {"loss": 0.0}


@pytest.mark.parametrize("initial_epoch", [0, 2])
def test_fit_sees_the_epochs_that_the_counter_says(initial_epoch):
    dataset = batches_of()
    dataset.sampler.epoch_counter.assign(10)
    epochs = [epoch_of(dataset) for _ in range(4)]
    expected = [batch for epoch in epochs[initial_epoch:] for batch in epoch]

    augmented = dataset.map(lambda x, y: (x + 1000, y)).prefetch(2)
    counter = find_sampler(augmented).epoch_counter
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(
        augmented,
        epochs=4,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: counter.assign(10 + epoch)
            )
        ],
    )
    assert model.seen == [[item + 1000 for item in batch] for batch in expected]


def test_batches_of_many_sizes_train_in_few_programs(rng):
    x, y = rng.normal(size=(len(LABELS), 5)).astype("float32"), LABELS
    batches = pk_batches(
        x, y, classes_per_batch=4, examples_per_class=(3, 12), steps_per_epoch=25, seed=0
    )
    traces = []

    class Encoder(keras.layers.Dense):
        def call(self, inputs):
            traces.append(tuple(inputs.shape))
            return super().call(inputs)

    inputs = keras.Input((5,))
    model = ks.SiameseModel(keras.Model(inputs, Encoder(3)(inputs)))
    model.compile(keras.optimizers.SGD(0.0), ks.losses.TripletLoss(0.5))
    traces.clear()
    losses = []
    history = model.fit(
        batches,
        epochs=2,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
            )
        ],
    ).history
    assert set(traces) == {(None, 5)} and len(traces) <= 3

    batches.sampler.epoch_counter.assign(0)
    elsewhere = [
        (float(model.loss(labels, model(items))), len(labels)) for items, labels in batches
    ]
    values, sizes = np.transpose(elsewhere)
    assert len(set(sizes)) > 8
    # Keras logs the mean over the items seen so far.
    np.testing.assert_allclose(losses[:25], np.cumsum(values * sizes) / np.cumsum(sizes), rtol=1e-4)
    assert history["loss"][0] == pytest.approx(losses[24])


def test_replicas_get_whole_classes(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((120, 5), np.float32))
    program = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras_siamese as ks
x, y = np.zeros((120, 5), np.float32), np.arange(120) % 10
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
sources = ks.data.from_arrays(x, y), ks.data.from_arrays(np.load("x.npy", mmap_mode="r"), y)


def batches_of(source, **options):
    defaults = dict(classes_per_batch=4, examples_per_class=3, steps_per_epoch=9, seed=0)
    return ks.data.pk_batches(source, **(defaults | options))


for source in sources:
    for distributed in strategy.experimental_distribute_dataset(batches_of(source)):
        parts = [part.numpy() for part in strategy.experimental_local_results(distributed[1])]
        of_replica = [part.reshape(2, 3) for part in parts]
        assert all((part == part[:, :1]).all() for part in of_replica)
        assert len({label for part in of_replica for label in part[:, 0].tolist()}) == 4


with strategy.scope():
    model = ks.SiameseModel(ks.encoders.mlp((5,), 4, hidden_units=(8,)))
    model.compile("sgd", ks.losses.TripletLoss(0.5))
for options, received in [
    (dict(classes_per_batch=5), "Received: 5 and 3."),
    (dict(examples_per_class=(2, 3)), "Received: 4 and (2, 3)."),
]:
    batches = batches_of(source, **options).map(lambda x, y: (x, y))
    try:
        model.fit(batches, verbose=0)
    except ValueError as error:
        assert "multiple of 2" in str(error) and received in str(error), error
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300, cwd=tmp_path)
