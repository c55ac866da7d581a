"""A new loss by a softmax is one formula of the logits."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_siamese.losses import NCALoss, NTXentLoss, SupConLoss, losses_of
from keras_siamese.losses.softmax_loss import SoftmaxLoss, against_negatives


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class LogitLoss(SoftmaxLoss):
    """The logit of each pair that matches."""

    def pair_losses(self, x, positive, negative):
        return losses_of(x, positive)


def test_logits_are_similarities_by_the_temperature():
    # The first two points match: cosine 0.8; distance sqrt(0.2^2 + 0.6^2).
    labels, x = np.array([0, 0, 1]), np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    loss = LogitLoss(0.5, "cosine")
    result = loss.on_batch(labels, x)
    assert float(result.value) == pytest.approx(0.8 / 0.5)
    assert int(result.num_tuples) == 2
    assert float(LogitLoss(0.5, "euclidean")(labels, x)) == pytest.approx(-math.sqrt(0.4) / 0.5)
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert restored.temperature == 0.5
    assert float(restored(labels, x)) == float(result.value)


@pytest.mark.parametrize("kind", [LogitLoss, NCALoss, NTXentLoss, SupConLoss])
def test_bad_arguments(kind):
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        kind(-1.0, "cosine")
    with pytest.raises(ValueError, match=f"{kind.__name__} takes no `margin`"):
        kind(1.0, "cosine", margin=0.2)


def test_each_positive_against_all_negatives():
    # Row 0: its positives 0 and 1 against its negatives 2 and 3. Row 1 has no negative, row 2 no
    # positive.
    s_ap = ops.convert_to_tensor([[1.0, 2.0, 3.0, 0.0]] * 3)
    positive = ops.convert_to_tensor([[True, True, False, False]] * 2 + [[False] * 4])
    negative = ops.convert_to_tensor([[False, False, row != 1, row != 1] for row in range(3)])
    losses = against_negatives(s_ap, s_ap + 1, positive, negative)
    assert ops.convert_to_numpy(losses.count).tolist() == [[1, 1, 0, 0], [0] * 4, [0] * 4]
    below = math.exp(3 + 1) + math.exp(0 + 1)
    expected = [math.log1p(below / math.exp(1)), math.log1p(below / math.exp(2)), 0.0, 0.0]
    assert ops.convert_to_numpy(losses.values)[0] == pytest.approx(expected)
