import numpy as np
import pytest
from loss_harness import triplet_set
from miner_battery import MinerBattery
from reference import loops, mining

from keras_siamese.losses import TripletLoss
from keras_siamese.miners import EasyPositiveMiner

# On a line, d_ap of the nearest positive, then d_an:
# 0 at 0:   0.2 (1); 0.5 1.0 3.0 -> 3        3 at 0.5: 0.5 (4); 0.5 0.3 0.4 -> none
# 1 at 0.2: 0.2 (0); 0.3 0.8 2.8 -> 3        4 at 1:   0.5 (3); 1.0 0.8 0.1 -> 1
# 2 at 0.9: 0.7 (1); 0.4 0.1 2.1 -> 5        5 at 3:   2.0 (4); 3.0 2.8 2.1 -> 2
POINTS = np.array([[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]])
POINT_LABELS = np.array([0, 0, 0, 1, 1, 1])
BEYOND = [(0, 1, 3), (1, 0, 3), (2, 1, 5), (4, 3, 1), (5, 4, 2)]


@pytest.mark.parametrize(
    ("fallback", "other"), [("farthest", [(3, 4, 0)]), ("hardest", [(3, 4, 1)]), ("skip", [])]
)
def test_by_hand(fallback, other):
    triplets = EasyPositiveMiner(fallback)(POINT_LABELS, POINTS)
    assert triplet_set(triplets) == sorted(BEYOND + other)
    assert int(triplets.num_pairs) == 6


def test_in_a_loss():
    # Gaps d_ap - d_an + 0.2: -0.1, 0.1, -1.2, -0.1, 0.1 and, easiest of 3, 0.5 - 0.5 + 0.2.
    loss = TripletLoss(0.2, miner="easy_positive")
    assert float(loss(POINT_LABELS, POINTS)) == pytest.approx(0.4 / 6)


@pytest.mark.parametrize("fallback", ["farthest", "hardest", "skip"])
def test_beyond_means_strictly_beyond(fallback):
    # On a grid distances are exact, and many are equal: compared by their lengths.
    for seed in range(5):
        points = np.random.default_rng(seed).integers(0, 3, (12, 2)).astype("float32")
        labels, d = np.arange(12) % 3, loops.distances("squared_euclidean", points)
        mined = triplet_set(EasyPositiveMiner(fallback)(labels, points))
        expected = mining.easy_positive(d, mining.sides(labels), fallback)
        assert [(a, d[a, p], d[a, n]) for a, p, n in mined] == [
            (a, d[a, p], d[a, n]) for a, p, n in expected
        ]


def test_unknown_fallback():
    with pytest.raises(ValueError, match=r"Unknown `fallback`.*Did you mean 'farthest'"):
        EasyPositiveMiner("fartest")


class TestBattery(MinerBattery):
    settings = {
        fallback: EasyPositiveMiner(fallback) for fallback in ("farthest", "hardest", "skip")
    }

    def reference(self, miner, d, sides, distance):
        return mining.easy_positive(d, sides, miner.fallback)
