import copy
from collections import Counter

import keras
import numpy as np
import pytest

import keras_siamese as ks
from keras_siamese.callbacks import HardClassMining

# 24 classes of 6 items in the plane: class 2 i and class 2 i + 1 lie beside each other.
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(24), 6))
CENTERS = 100.0 * np.stack(np.divmod(np.arange(24) // 2, 4), axis=1)
ITEMS = (CENTERS[LABELS] + np.random.default_rng(2).normal(size=(144, 2))).astype("float32")


class Identity(keras.layers.Layer):
    """Embeds items as they are, but for a weight that training moves."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return self.scale * inputs


def make_model(rate=0.0):
    inputs = keras.Input((2,))
    model = ks.SiameseModel(keras.Model(inputs, Identity()(inputs)))
    model.compile(keras.optimizers.SGD(rate), ks.losses.TripletLoss(1.0))
    return model


def make_batches(x=ITEMS, **options):
    defaults = {"classes_per_batch": 4, "examples_per_class": 3, "steps_per_epoch": 18, "seed": 0}
    return ks.data.pk_batches(x, LABELS, **(defaults | options))


class Epochs(keras.callbacks.Callback):
    """Notes the batches of each epoch: what the data set gives if the epoch starts now."""

    def __init__(self, batches):
        super().__init__()
        self.batches, self.labels = batches, []

    def on_epoch_begin(self, epoch, logs=None):
        counter = self.batches.sampler.epoch_counter
        before = counter.numpy()
        self.labels.append([y.tolist() for _, y in self.batches.as_numpy_iterator()])
        counter.assign(before)


def num_neighbours(epoch):
    """How often the two classes of a pair of neighbours share a batch."""
    return sum(label % 2 == 0 and label + 1 in batch for batch in epoch for label in set(batch))


def labels_of(mining, batches, model=None, **options):
    """The labels of each epoch of a fit."""
    epochs = Epochs(batches)
    model = model or make_model()
    model.fit(batches, verbose=0, callbacks=[mining, epochs], **options)
    return epochs.labels


def test_confused_classes_meet_and_epochs_stay_even():
    batches = make_batches()
    epochs = labels_of(HardClassMining(batches, ITEMS, LABELS, num_confused=1), batches, epochs=3)
    # 18 batches are three rounds, in each of which all 12 pairs may meet.
    assert num_neighbours(epochs[0]) < 12
    assert num_neighbours(epochs[1]) == num_neighbours(epochs[2]) == 36
    for epoch in epochs:
        assert Counter(np.ravel(epoch).tolist()) == dict.fromkeys(range(24), 9)


def test_sources_and_every_n_epochs(monkeypatch):
    x = np.stack([ITEMS[:, 0], ITEMS[:, 1]], axis=1)
    source = ks.data.from_arrays(x, LABELS)
    batches = make_batches().map(lambda x, y: (x, y)).prefetch(1)
    mining = HardClassMining(batches, source, num_confused=1, every_n_epochs=2)
    drawn = []
    draw = mining._draw_items
    monkeypatch.setattr(mining, "_draw_items", lambda epoch: drawn.append(epoch) or draw(epoch))
    model = make_model()
    model.fit(batches, epochs=5, verbose=0, callbacks=[mining])
    assert drawn == [2, 4]
    model.fit(batches, initial_epoch=5, epochs=7, verbose=0, callbacks=[mining])
    assert drawn == [2, 4, 5, 6]
    model.fit(batches, epochs=1, verbose=0, callbacks=[mining])
    assert drawn == [2, 4, 5, 6]
    assert not ks.data.find_sampler(batches).alike.numpy().size


def test_some_items_of_each_class_are_drawn():
    batches = make_batches()
    mining = HardClassMining(batches, ITEMS, LABELS, items_per_class=4, seed=3)
    first, second = mining._draw_items(1), mining._draw_items(2)
    for items in (first, second):
        assert np.bincount(LABELS[items]).tolist() == [4] * 24
        assert len(set(items.tolist())) == len(items)
    assert first.tolist() == mining._draw_items(1).tolist() != second.tolist()
    mining = HardClassMining(batches, ITEMS, LABELS, items_per_class=99)
    assert mining._draw_items(1).tolist() == list(range(144))


def test_dropped_classes_are_not_embedded():
    labels = np.where(LABELS == 5, 6, LABELS)
    labels[np.flatnonzero(labels == 6)[0]] = 5  # one item
    batches = ks.data.pk_batches(
        ITEMS, labels, classes_per_batch=4, examples_per_class=3, short_classes="drop"
    )
    mining = HardClassMining(batches, ITEMS, labels)
    assert set(labels[mining._draw_items(1)]) == set(range(24)) - {5}


def test_resumed_run_has_the_same_batches(tmp_path):
    def run(fits):
        batches, model = make_batches(), make_model(rate=1e-3)
        mining = HardClassMining(batches, ITEMS, LABELS)
        labels = []
        for fit in fits:
            labels += labels_of(mining, batches, model, **fit)
            model.save(tmp_path / "model.keras")
            model = keras.saving.load_model(
                tmp_path / "model.keras", custom_objects={"Identity": Identity}
            )
            batches = make_batches()
            mining = HardClassMining(batches, ITEMS, LABELS)
        return labels, model.get_weights()

    whole, weights = run([{"epochs": 4}])
    resumed, same_weights = run([{"epochs": 2}, {"initial_epoch": 2, "epochs": 4}])
    assert resumed == whole
    np.testing.assert_allclose(weights, same_weights, rtol=1e-5)
    assert weights[0] != 1.0


def test_a_deep_copy_rules_the_same_batches():
    batches = make_batches()
    mining = HardClassMining(batches, ITEMS, LABELS, num_confused=1)
    twin = copy.deepcopy([mining])[0]
    assert twin is not mining and twin.num_confused == 1
    assert num_neighbours(labels_of(twin, batches, epochs=2)[1]) == 36
    # The next trial of a search starts anew.
    assert num_neighbours(labels_of(copy.deepcopy(mining), batches, epochs=1)[0]) < 12


@pytest.mark.parametrize(
    ("make_arguments", "message"),
    [
        (lambda: (ITEMS, ITEMS, LABELS), "must be what `pk_batches` made"),
        (lambda: (make_batches(), ITEMS[:9], LABELS[:9]), "classes, among them"),
        (lambda: (make_batches(), ITEMS), "no `y`"),
        (
            lambda: (
                ks.data.pk_batches(
                    ks.data.from_arrays(ITEMS, LABELS, groups=LABELS // 6),
                    classes_per_batch=4,
                    examples_per_class=3,
                    super_classes_per_batch=2,
                ),
                ITEMS,
                LABELS,
            ),
            "super_classes_per_batch=2",
        ),
    ],
)
def test_bad_data_is_refused(make_arguments, message):
    with pytest.raises(ValueError, match=message):
        HardClassMining(*make_arguments())


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_confused", 0), ("items_per_class", 0), ("every_n_epochs", 0), ("seed", -1)],
)
def test_bad_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        HardClassMining(make_batches(), ITEMS, LABELS, **{name: value})
