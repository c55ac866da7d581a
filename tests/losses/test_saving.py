"""Every loss, with any setting, can be saved, loaded and copied."""

import copy
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import tensorflow_only

from keras_siamese.losses import ContrastiveLoss, TripletLoss, TripletSemiHardLoss
from keras_siamese.miners import BatchAllMiner, BatchHardMiner, SemiHardMiner

SETTINGS = {
    "defaults": TripletLoss(),
    "batch_hard": TripletLoss(0.5, miner=BatchHardMiner(), reduction="mean_pairs"),
    "soft": TripletLoss("soft", "cosine", BatchAllMiner(), "mean_nonzero", name="mine"),
    "skip": TripletLoss(0.1, "manhattan", SemiHardMiner("all", "skip", seed=4), "none"),
    "random": TripletLoss(0.1, "inner_product", SemiHardMiner("random", seed=4), "sum"),
    "addons": TripletSemiHardLoss(0.3, "squared_euclidean"),
    "contrastive": ContrastiveLoss(0.9, "angular", "balanced", name="pairs"),
}


@pytest.fixture
def batch(rng):
    return np.repeat([3, 1, 2], 4), rng.normal(size=(12, 3))


@pytest.mark.parametrize("name", SETTINGS)
def test_round_trip(batch, name):
    loss = SETTINGS[name]
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
    # Of fresh losses: with one seed, the first draws are the same.
    expected = ops.convert_to_numpy(type(loss).from_config(loss.get_config())(*batch))
    for restored in (
        keras.saving.deserialize_keras_object(config, safe_mode=True),
        keras.losses.get(json.loads(json.dumps(keras.losses.serialize(loss)))),
        copy.deepcopy(loss),
    ):
        assert restored is not loss
        assert type(restored) is type(loss)
        assert restored.get_config() == loss.get_config()
        assert restored.name == loss.name
        assert ops.convert_to_numpy(restored(*batch)).tolist() == expected.tolist()


@tensorflow_only
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_deep_copy_after_use_in_a_graph(batch, reduction):
    # What was compiled cannot be copied, and KerasTuner copies what it is given.
    loss = ContrastiveLoss(reduction=reduction)
    expected = tf.function(loss)(*batch).numpy()
    copied = copy.deepcopy([loss])[0]
    assert copied is not loss
    assert tf.function(copied)(*batch).numpy() == pytest.approx(expected)
