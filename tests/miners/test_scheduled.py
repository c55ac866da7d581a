import copy
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from loss_harness import LABELS, MODES_OF_ONE_SIZE, differentiate, tensorflow_only, triplet_set
from miner_battery import tuples_of

import keras_siamese as ks
from keras_siamese.losses import ContrastiveLoss, TripletLoss
from keras_siamese.miners import (
    BatchHardMiner,
    EasyPositiveMiner,
    MultiSimilarityMiner,
    PairMarginMiner,
    PairMiner,
    ScheduledMiner,
    SemiHardMiner,
    TripletMiner,
    get,
)

SCHEDULE = [(0, "easy_positive"), (2, SemiHardMiner("all", "skip")), (3, "batch_hard")]


@pytest.fixture
def miner():
    return ScheduledMiner(SCHEDULE)


def test_which_miner_is_in_effect(miner):
    assert type(miner.in_effect) is EasyPositiveMiner
    changes = [miner.set_epoch(epoch) for epoch in (0, 1, 2, 3, 4, 2, 7, 0)]
    assert changes == [False, False, True, True, False, True, True, True]
    kinds = []
    for epoch in range(5):
        miner.set_epoch(epoch)
        kinds.append(type(miner.in_effect))
    assert kinds == [EasyPositiveMiner] * 2 + [SemiHardMiner] + [BatchHardMiner] * 2


def test_mines_as_the_miner_in_effect(rng, miner):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    for epoch, (_, expected) in zip((0, 2, 3), SCHEDULE, strict=True):
        miner.set_epoch(epoch)
        mined = triplet_set(miner(labels, x, margin=0.5))
        assert mined == triplet_set(get(expected)(labels, x, margin=0.5)) != []


@tensorflow_only
def test_a_function_traced_anew_meets_no_program_of_the_miner_before(rng, miner):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    for epoch in (0, 2, 3):
        miner.set_epoch(epoch)
        mine = tf.function(lambda: miner(labels, x, margin=0.5), autograph=False)
        assert triplet_set(mine()) == triplet_set(miner(labels, x, margin=0.5))


@tensorflow_only
def test_losses_that_share_it(rng):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3)).astype("float32")
    shared = ScheduledMiner(SCHEDULE)
    losses = [TripletLoss(0.5, miner=shared), TripletLoss(0.7, miner=shared)]
    for epoch, (_, expected) in zip((0, 2, 3), SCHEDULE, strict=True):
        assert [loss.set_epoch(epoch) for loss in losses] == [epoch > 0] * 2
        for loss in losses:
            value = tf.function(lambda loss=loss: loss(labels, x), autograph=False)()
            plain = TripletLoss(loss.margin, miner=expected)
            assert float(value) == pytest.approx(float(plain(labels, x)))


@pytest.mark.parametrize("mode", MODES_OF_ONE_SIZE)
def test_in_a_loss(rng, mode):
    labels, x = LABELS["ragged"], rng.normal(size=(12, 3)).astype("float32")
    loss = TripletLoss(0.5, miner=ScheduledMiner(SCHEDULE))

    for epoch, (_, expected) in zip((0, 2, 3), SCHEDULE, strict=True):
        assert loss.set_epoch(epoch) == (epoch > 0)
        value, _ = differentiate(lambda x: loss(labels, x), mode)(x)
        assert value == pytest.approx(float(TripletLoss(0.5, miner=expected)(labels, x)))


def test_pairs(rng):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    miner = ScheduledMiner([(0, "pair_margin"), (1, MultiSimilarityMiner(0.3))])
    assert get(miner, PairMiner) is miner
    assert tuples_of(miner(labels, x)) == tuples_of(PairMarginMiner()(labels, x))
    loss = ContrastiveLoss(miner=miner)
    loss.set_epoch(1)
    expected = ContrastiveLoss(miner=MultiSimilarityMiner(0.3))(labels, x)
    assert float(loss(labels, x)) == pytest.approx(float(expected))


def test_triplets_in_a_pair_loss(rng):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    schedule = [(0, "semi_hard"), (1, SemiHardMiner("all"))]
    loss = ContrastiveLoss(miner=ScheduledMiner(schedule))
    for epoch, miner in schedule:
        loss.set_epoch(epoch)
        expected = ContrastiveLoss(miner=miner)(labels, x)
        assert float(loss(labels, x)) == pytest.approx(float(expected))


def test_kinds(miner):
    assert get(miner, TripletMiner) is miner
    with pytest.raises(ValueError, match="`miner` must be a PairMiner"):
        get(miner, PairMiner)
    with pytest.raises(ValueError, match=r"of one kind.*\['SemiHardMiner', 'MultiSimilarityMiner"):
        ScheduledMiner([(0, "semi_hard"), (1, "multi_similarity")])


def test_schedule_in_a_schedule(miner):
    outer = ScheduledMiner([(0, "semi_hard"), (1, miner)])
    assert [outer.set_epoch(epoch) for epoch in range(4)] == [False, True, True, True]
    assert type(outer.in_effect) is BatchHardMiner


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ([], "beginning with epoch 0"),
        (None, "beginning with epoch 0. Received: None"),
        ([(1, "semi_hard")], "beginning with epoch 0"),
        ([(0, "semi_hard"), (0, "batch_hard")], "in order"),
        ([(0, "semi_hard"), (4, "batch_hard"), (2, "batch_all")], "in order"),
        ([0, "semi_hard"], "beginning with epoch 0"),
        ([(0, "semihard")], "Did you mean 'semi_hard'"),
        ([(0.5, "semi_hard")], "`epoch` must be an integer of at least 0. Received: 0.5"),
    ],
)
def test_schedules_that_are_none(schedule, message):
    with pytest.raises(ValueError, match=message):
        ScheduledMiner(schedule)


def test_round_trip(miner):
    miner.set_epoch(3)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(miner)))
    for restored in (keras.saving.deserialize_keras_object(config), copy.deepcopy(miner)):
        assert restored.get_config() == miner.get_config()
        assert type(restored.in_effect) is EasyPositiveMiner
        assert restored.set_epoch(2)
        assert restored.in_effect.get_config() == SCHEDULE[1][1].get_config()


@tensorflow_only
class TestFit:
    @pytest.fixture
    def data(self, rng):
        labels = np.arange(24) % 3
        return rng.normal(size=(24, 4)).astype("float32"), labels

    def model(self, miner):
        keras.utils.set_random_seed(1)
        model = ks.SiameseModel(ks.encoders.mlp((4,), 3, hidden_units=(6,)))
        model.compile(keras.optimizers.SGD(0.5), TripletLoss(0.5, miner=miner))
        return model

    def weights(self, model):
        return np.concatenate([x.ravel() for x in model.get_weights()])

    def test_each_epoch_is_trained_by_its_miner(self, data):
        # One batch an epoch, in order: no randomness but the first weights.
        options = {"batch_size": 24, "shuffle": False, "verbose": 0, "validation_data": data}
        scheduled = self.model(ScheduledMiner([(0, "easy_positive"), (2, "batch_hard")]))
        history = scheduled.fit(*data, epochs=4, **options).history
        stepwise = self.model("easy_positive")
        first = stepwise.fit(*data, epochs=2, **options).history
        halfway = stepwise.get_weights()
        # Mined wrongly, the weights would differ by then.
        stepwise.fit(*data, epochs=4, initial_epoch=2, **options)
        other = self.weights(stepwise)
        stepwise.set_weights(halfway)
        stepwise.compile(stepwise.optimizer, TripletLoss(0.5, miner="batch_hard"))
        second = stepwise.fit(*data, epochs=4, initial_epoch=2, **options).history
        for name in ("loss", "val_loss"):
            assert history[name] == pytest.approx(first[name] + second[name], rel=1e-5)
        assert self.weights(scheduled) == pytest.approx(self.weights(stepwise), abs=1e-6)
        assert np.abs(self.weights(scheduled) - other).max() > 1e-4

    def test_resumed_after_loading(self, data, tmp_path):
        options = {"batch_size": 24, "shuffle": False, "verbose": 0}
        schedule = [(0, "easy_positive"), (1, "batch_hard")]
        whole = self.model(ScheduledMiner(schedule))
        whole.fit(*data, epochs=2, **options)
        whole.save(tmp_path / "half.keras")
        losses = whole.fit(*data, initial_epoch=2, epochs=4, **options).history["loss"]
        loaded = keras.saving.load_model(tmp_path / "half.keras")
        assert type(loaded.loss.miner.in_effect) is EasyPositiveMiner
        resumed = loaded.fit(*data, initial_epoch=2, epochs=4, **options).history["loss"]
        assert resumed == pytest.approx(losses, rel=1e-5)
        assert self.weights(loaded) == pytest.approx(self.weights(whole), abs=1e-6)
