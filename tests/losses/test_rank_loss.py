"""A new loss by ranks is one formula."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_siamese.losses import RankLoss
from keras_siamese.ops.numerics import masked_mean


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class MeanRankLoss(RankLoss):
    """The mean rank of the positives."""

    def rank_losses(self, ranks, s_ap, mask):
        return masked_mean(ranks, mask, axis=1)


def test_mean_rank():
    # From 0 degrees, 20 is first and 90 third; from 20 also; from 90, 20 is second and 0 third.
    angles = np.radians([0, 20, 90, 50])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    loss = MeanRankLoss(0.001, reduction="none")
    labels = np.array([0, 0, 0, 1])
    value = ops.convert_to_numpy(loss(labels, x))
    assert value == pytest.approx([2.0, 2.0, 2.5, 0.0], abs=1e-9)
    result = loss.on_batch(labels, x)
    assert int(result.num_tuples) == 3
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert ops.convert_to_numpy(restored(labels, x)).tolist() == value.tolist()


@pytest.mark.parametrize(
    ("argument", "value"), [("margin", 0.2), ("miner", "semi_hard"), ("distance", "euclidean")]
)
def test_what_ranks_do_not_take(argument, value):
    with pytest.raises(ValueError, match=f"MeanRankLoss takes no `{argument}`"):
        MeanRankLoss(0.1, **{argument: value})
