import keras
import numpy as np
import pytest

import keras_siamese as ks
from keras_siamese.ops import compiled
from keras_siamese.training_guard import TrainingGuard


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    labels = np.arange(48) % 4
    return rng.normal(size=(48, 6)).astype("float32"), labels


def make_model(encoder=None, rate=0.1):
    model = ks.SiameseModel(encoder or ks.encoders.mlp((6,), 4, hidden_units=(8,)))
    model.compile(keras.optimizers.SGD(rate), ks.losses.TripletLoss(0.5))
    return model


def test_broken_weights(data):
    model = make_model(rate=0.0)
    kernel = model.encoder.layers[2].kernel
    kernel.assign(np.full(kernel.shape, np.nan))  # which the ReLU behind it hides
    with pytest.raises(ValueError, match="kernel' is not finite after epoch 1"):
        model.fit(*data, verbose=0)


def test_nothing_to_learn_from(data):
    x, y = data
    for labels in (np.zeros_like(y), np.arange(len(y))):
        with pytest.raises(ValueError, match=r"Nothing was learned.*pk_batches"):
            make_model().fit(x, labels, verbose=0)


def test_collapse_is_named(data):
    x, y = data
    inputs = keras.Input((6,))
    constant = keras.layers.Dense(4, kernel_initializer="zeros", bias_initializer="ones")
    encoder = keras.Model(inputs, ks.encoders.L2Normalization()(constant(inputs)))
    with pytest.warns(UserWarning, match="collapsed.*learning rate"):
        make_model(encoder=encoder).fit(x, y, verbose=0, epochs=2)


def test_loss_that_is_not_finite():
    guard = TrainingGuard(None)
    guard.on_train_batch_end(0, {"loss": 0.5})
    for loss in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"not finite at batch 3\. Check the inputs"):
            guard.on_train_batch_end(3, {"loss": loss})


def test_collapse_is_named_once_a_fit():
    guard = TrainingGuard(None)
    guard.set_model(make_model())
    guard.on_epoch_end(0, {"batch_spread": 0.5})
    with pytest.warns(UserWarning, match="spread is 0.01 in epoch 2"):
        guard.on_epoch_end(1, {"batch_spread": 0.01})
    guard.on_epoch_end(2, {"batch_spread": 0.01})


@pytest.mark.parametrize("margin", [1.0, "soft"])
def test_a_loss_stuck_at_the_margin_is_named_once_a_fit(data, margin):
    x, _ = data
    x, y = 1 + 0.2 * x, np.random.default_rng(0).permutation(data[1])  # Nothing tells classes.
    model = make_model()
    model.compile(keras.optimizers.SGD(1e-4), ks.losses.TripletLoss(margin, miner="batch_all"))
    with pytest.warns(UserWarning, match="Training is stuck") as warned:
        logs = model.fit(x, y, batch_size=48, epochs=12, verbose=0).history
    (message,) = (str(warning.message) for warning in warned)
    assert f"the loss is {logs['loss'][4]:.3g} in epoch 5, since epoch 1" in message
    assert "Lower the learning rate" in message and "batch" in message
    model.fit(x, y, batch_size=48, epochs=4, verbose=0)


def test_a_loss_that_passes_the_margin_is_not_stuck():
    guard = TrainingGuard(None)
    guard.set_model(make_model())  # of margin 0.5
    stuck = {"batch_active_fraction": 1.0, "batch_spread": 0.5, "loss": 0.5}
    for epoch in range(20):  # Never five epochs on end.
        guard.on_epoch_end(epoch, stuck if epoch % 5 else {**stuck, "loss": 0.52})
    for epoch in range(10):  # A mean that happens to be there.
        guard.on_epoch_end(epoch, {**stuck, "batch_active_fraction": 0.6})
    guard.model.compile(loss=ks.losses.TripletLoss(0.5, reduction="sum"))
    for epoch in range(10):
        guard.on_epoch_end(epoch, stuck)


def test_val_loss_of_unknown_classes_is_named_once_a_fit(data):
    x, y = data
    model = make_model()
    model.compile(keras.optimizers.SGD(0.1), ks.losses.ArcFaceLoss(num_classes=4))
    with pytest.warns(UserWarning, match=r"`val_loss` is NaN.*num_classes") as warned:
        logs = model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y + 4)).history
    assert np.isnan(logs["val_loss"]).all()
    assert len(warned) == 1
    model.fit(x, y, verbose=0, validation_data=(x, y))


@pytest.mark.parametrize("num_replicas", [1, 2, 4])
def test_replicas_get_whole_classes(data, num_replicas):
    for p, k, is_whole in [(4, 4, True), (3, 4, False), (4, (3, 4), False)]:
        batches = ks.data.pk_batches(*data, classes_per_batch=p, examples_per_class=k)
        if is_whole or num_replicas == 1:
            TrainingGuard(batches, num_replicas)
        else:
            with pytest.raises(ValueError, match=f"multiple of {num_replicas}.*Received: {p} and"):
                TrainingGuard(batches, num_replicas)
    TrainingGuard(data[0], num_replicas)


def test_losses_compile_themselves_for_batches_of_one_size(data):
    traces = []

    class Encoder(keras.layers.Dense):
        def call(self, inputs):
            traces.append(compiled._COMPILES.get())
            return super().call(inputs)

    inputs = keras.Input((6,))
    model = make_model(keras.Model(inputs, Encoder(4)(inputs)), rate=0.0)

    def fit(*data):
        traces.clear()
        model.fit(*data, verbose=0)
        return set(traces)

    one_size = ks.data.pk_batches(*data, classes_per_batch=4, examples_per_class=3)
    sizes = ks.data.pk_batches(*data, classes_per_batch=4, examples_per_class=(3, 4))
    assert fit(one_size) == {True}
    assert fit(sizes.map(lambda x, y: (x, y))) == {False}
    assert fit(*data) == {True}
    assert fit(sizes) == {False}
    with pytest.raises(RuntimeError), TrainingGuard(sizes).compiled_if_alike(model):
        raise RuntimeError
    assert fit(one_size) == {True}


class StopAt(keras.callbacks.Callback):
    """Stops a run as a power cut would, in the middle of an epoch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at, self.epoch = (epoch, batch), None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("way", ["backup", "checkpoint"])
def test_a_stopped_run_goes_on_with_the_epoch_that_it_was_in(data, tmp_path, way):
    def run(callbacks, model=None, initial_epoch=0):
        keras.utils.set_random_seed(1)
        model = model or make_model()
        batches = ks.data.pk_batches(*data, classes_per_batch=3, examples_per_class=4, seed=5)
        try:
            model.fit(
                batches, initial_epoch=initial_epoch, epochs=4, verbose=0, callbacks=callbacks
            )
        except KeyboardInterrupt:
            pass
        return model

    whole = run([])
    path = tmp_path / "model.keras"
    if way == "backup":
        keeper = [keras.callbacks.BackupAndRestore(tmp_path / "backup")]
        run([*keeper, StopAt(2, 1)])
        resumed = run(keeper)
    else:
        run([keras.callbacks.ModelCheckpoint(path), StopAt(2, 1)])
        model = keras.saving.load_model(path)
        assert int(model.optimizer.iterations) == 2 * 4
        resumed = run([], model, initial_epoch=2)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_data_follows_the_optimizer(data):
    batches = ks.data.pk_batches(*data, classes_per_batch=4, examples_per_class=4, seed=0)
    model = make_model()
    model.fit(batches, epochs=2, verbose=0)
    guard = TrainingGuard(batches.map(lambda x, y: (x, y)))
    guard.set_model(model)
    guard.on_epoch_begin(0)
    assert int(batches.sampler.epoch_counter) == int(model.optimizer.iterations) == 6
