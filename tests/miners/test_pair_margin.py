import numpy as np
import pytest
from miner_battery import MinerBattery, tuples_of
from reference import mining

from keras_siamese.miners import PairMarginMiner


def test_by_hand():
    # Positives: 0 and 0.1 (0.1 apart), 0 and 0.6, 0.1 and 0.6 (0.5). Negatives of 1: 1, 0.9, 0.4.
    x = np.array([[0.0], [0.1], [0.6], [1.0]])
    mined = tuples_of(PairMarginMiner(0.2, 0.8)([0, 0, 0, 1], x))
    positives = [(0, 2, True), (1, 2, True), (2, 0, True), (2, 1, True)]
    assert mined == sorted([*positives, (2, 3, False), (3, 2, False)])


@pytest.mark.parametrize("argument", ["positive_margin", "negative_margin"])
def test_margins_that_are_none(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be a finite number above 0"):
        PairMarginMiner(**{argument: 0.0})


class TestBattery(MinerBattery):
    settings = {"default": PairMarginMiner(), "wide": PairMarginMiner(0.9, 1.7)}

    def reference(self, miner, d, sides, distance):
        return mining.pair_margin(d, sides, miner.positive_margin, miner.negative_margin)
