import numpy as np
import pytest
from loss_harness import DISTANCES
from miner_battery import MinerBattery, tuples_of
from reference import mining

from keras_siamese.losses import ContrastiveLoss
from keras_siamese.miners import MultiSimilarityMiner


def _on_circle(*degrees):
    return np.array([[np.cos(np.radians(x)), np.sin(np.radians(x))] for x in degrees])


def test_by_hand():
    # Cosines from 0 degrees: 0.5 (60, positive), 0.423 (65), 0.342 (70) and 0 (90), negatives.
    # Negatives above 0.5 - 0.1: the first. The positive is below 0.423 + 0.1.
    x = _on_circle(0, 60, 65, 70, 90)
    mined = tuples_of(MultiSimilarityMiner()([0, 0, 1, 2, 3], x, distance="cosine"))
    assert [pair for pair in mined if pair[0] == 0] == [(0, 1, True), (0, 2, False)]
    # A positive at 20 degrees, 0.940, is far above 0.423 + 0.1, and no negative above 0.840.
    x = _on_circle(0, 20, 65, 70, 90)
    mined = tuples_of(MultiSimilarityMiner()([0, 0, 1, 2, 3], x, distance="cosine"))
    assert [pair for pair in mined if pair[0] == 0] == []
    mined = tuples_of(MultiSimilarityMiner(0.55)([0, 0, 1, 2, 3], x, distance="cosine"))
    assert [pair for pair in mined if pair[0] == 0] == [(0, 1, True), (0, 2, False)]


def test_in_a_loss():
    # Only the pair of 0 and 1 (from both ends) and 0 and 2: d^2 / 2 and (1 - d)^2 / 2.
    x = np.array([[0.0], [0.5], [-0.55], [-3.0]])
    loss = ContrastiveLoss(1.0, miner=MultiSimilarityMiner(), reduction="none")
    pairs = [0.5**2 / 2, 0.45**2 / 2]
    values = np.asarray(loss([0, 0, 1, 2], x))
    assert values[0] == pytest.approx(np.mean(pairs))
    # From 2 and 3, without positives, nothing; from 1, the negative is 1.05 away: nothing.
    assert values[1:] == pytest.approx([0.0, 0.0, 0.0])


@pytest.mark.parametrize("epsilon", [0.0, -1.0, None])
def test_epsilons_that_are_none(epsilon):
    with pytest.raises(ValueError, match="`epsilon` must be a finite number above 0"):
        MultiSimilarityMiner(epsilon)


class TestBattery(MinerBattery):
    settings = {"default": MultiSimilarityMiner(), "wide": MultiSimilarityMiner(0.7)}
    distances = ("cosine", *DISTANCES)

    def reference(self, miner, d, sides, distance):
        similarities = 1 - d if distance == "cosine" else -d
        return mining.multi_similarity(similarities, sides, miner.epsilon)
