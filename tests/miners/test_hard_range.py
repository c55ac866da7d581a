import numpy as np
import pytest
from loss_harness import LABELS, triplet_set
from miner_battery import MinerBattery
from reference import mining

from keras_siamese.miners import BatchHardMiner, HardRangeMiner


def test_by_hand():
    # 0, 0.2, 0.9 against 0.5, 1, 3. Second farthest positive and second nearest negative:
    # from 0: 0.2 and 1; from 0.2: 0 (0.2 away) and 1; from 0.9: 0.2 and 0.5; from 0.5: 1 and 0.9
    # (0.4 away, after 0.2); from 1: 0.5 and 0.2; from 3: 1 and 0.2.
    points = np.array([[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]])
    triplets = HardRangeMiner()([0, 0, 0, 1, 1, 1], points)
    expected = [(0, 1, 4), (1, 0, 4), (2, 1, 3), (3, 4, 2), (4, 3, 1), (5, 4, 1)]
    assert triplet_set(triplets) == expected
    assert int(triplets.num_pairs) == 6


def test_from_the_first_rank_it_is_batch_hard(rng):
    for labels in LABELS.values():
        x = rng.normal(size=(12, 3))
        expected = triplet_set(BatchHardMiner()(labels, x))
        assert triplet_set(HardRangeMiner((0, 1), (0, 1))(labels, x)) == expected


def test_a_wrong_label_is_left_out():
    # The item at 100 has a wrong label, and the negative at 0.1 too.
    points = np.array([[0.0], [1.0], [100.0], [0.1], [5.0]])
    mined = triplet_set(HardRangeMiner()([0, 0, 0, 1, 1], points))
    assert mined[0] == (0, 1, 4)


def test_ranges_wider_than_the_batch(rng):
    miner, labels, x = HardRangeMiner((0, 30), (0, 40)), LABELS["ragged"], rng.normal(size=(12, 3))
    triplets = miner(labels, x)
    assert len(triplet_set(triplets)) == sum(len(p) * len(n) for p, n in mining.sides(labels))
    assert int(triplets.num_pairs) == sum(len(p) for p, _ in mining.sides(labels))


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        (1, "`negative_ranks` must be the first rank and the one after the last"),
        ((1, 2, 3), "the first rank and the one after the last.*Received: .1, 2, 3"),
        ((-1, 2), "`negative_ranks` must be an integer of at least 0. Received: -1"),
        ((1, 1), "`negative_ranks` must be an integer of at least 2. Received: 1. The end"),
        ((0, 1.5), "`negative_ranks` must be an integer of at least 1. Received: 1.5"),
    ],
)
def test_ranks_that_are_none(ranks, message):
    with pytest.raises(ValueError, match=message):
        HardRangeMiner(negative_ranks=ranks)


class TestBattery(MinerBattery):
    settings = {
        "default": HardRangeMiner(),
        "wide": HardRangeMiner((0, 2), (1, 4)),
        "easy": HardRangeMiner((2, 3), (3, 20)),
    }

    def reference(self, miner, d, sides, distance):
        return mining.hard_range(d, sides, miner.positive_ranks, miner.negative_ranks)
