"""A new loss of two towers is one formula."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_siamese.losses import CrossBatchMemory, TwoTowerLoss, WeightedSum, losses_of


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class MatchLoss(TwoTowerLoss):
    """One minus the cosine of what matches."""

    def pair_losses(self, x, positive, negative):
        return losses_of(1 - x, positive)


X1 = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]])
X2 = np.array([[5.0, 0.0], [3.0, 4.0], [-3.0, -4.0]])


def test_rows_of_two_views_match():
    # Cosines 1, 0.8 and -1.
    loss = MatchLoss(reduction="none")
    result = loss.on_views(X1, X2)
    assert ops.convert_to_numpy(result.value) == pytest.approx([0.0, 0.2, 2.0])
    assert int(result.num_tuples) == 3
    weighted = loss.on_views(X1, X2, [1, 2, 3]).value
    assert ops.convert_to_numpy(weighted) == pytest.approx([0.0, 0.4, 6.0])
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert ops.convert_to_numpy(restored.on_views(X1, X2).value) == pytest.approx([0.0, 0.2, 2.0])


def test_items_of_one_view_are_not_compared():
    same = np.ones((3, 2))
    assert int(MatchLoss().on_views(same, same).num_tuples) == 3


def test_views_of_different_lengths():
    with pytest.raises(ValueError, match="one second view for each embedding"):
        MatchLoss().on_views(X1, X2[:2])


def test_no_meaning_on_pairs_and_triplets():
    with pytest.raises(ValueError, match="MatchLoss has no meaning on pairs"):
        MatchLoss().on_pairs(X1, X2, [0, 1, 1])
    with pytest.raises(ValueError, match="MatchLoss has no meaning on triplets"):
        MatchLoss().on_triplets(X1, X2, X1)


@pytest.mark.parametrize(
    ("argument", "value"), [("margin", 0.2), ("miner", "semi_hard"), ("distance", "euclidean")]
)
def test_what_it_does_not_take(argument, value):
    with pytest.raises(ValueError, match=f"MatchLoss takes no `{argument}`: it is always"):
        MatchLoss(**{argument: value})


@pytest.mark.parametrize("wrap", [lambda loss: loss, lambda loss: WeightedSum([loss])])
def test_views_are_no_labelled_batch_for_a_memory(wrap):
    loss = CrossBatchMemory(wrap(MatchLoss()), 6)
    with pytest.raises(ValueError, match="compares first views with second ones alone"):
        loss.on_views(X1, X2)
