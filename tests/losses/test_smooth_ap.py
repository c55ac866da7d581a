import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS
from reference import loops, ranking_losses

from keras_siamese.losses import SmoothAPLoss


def _at(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        # Class 0 at 0, 20 and 90 degrees, class 1 at 50. From 0: the positives have the ranks 1 and
        # 3, precisions 1 and 2/3. From 20: 1 (20 away) and 3, the same. From 90: 2 (20) and 3 (0),
        # precisions 1/2 and 2/3. From 50: no positive.
        ("none", [1 / 6, 1 / 6, 5 / 12, 0.0]),
        ("mean", (1 / 6 + 1 / 6 + 5 / 12) / 3),
        ("sum", 0.75),
    ],
)
def test_golden(reduction, expected):
    loss = SmoothAPLoss(temperature=0.001, reduction=reduction)
    value = ops.convert_to_numpy(loss(np.array([0, 0, 0, 1]), _at(0, 20, 90, 50)))
    assert value == pytest.approx(expected, abs=1e-9)


def test_it_is_the_average_precision_at_low_temperatures(rng):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 4))
    d = loops.distances("cosine", x)
    losses = []
    for a in range(12):
        order = [c for c in np.argsort(d[a]) if c != a]
        hits = [rank for rank, c in enumerate(order, 1) if labels[c] == labels[a]]
        losses.append(1 - np.mean([found / rank for found, rank in enumerate(hits, 1)]))
    value = ops.convert_to_numpy(SmoothAPLoss(1e-6, reduction="none")(labels, x))
    assert value == pytest.approx(losses, abs=1e-6)


def test_right_rankings_cost_nothing():
    labels, x = np.arange(12) % 3, np.eye(3)[np.arange(12) % 3]
    assert float(SmoothAPLoss()(labels, x)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("temperature", [0, -1.0, None, "soft", float("inf")])
def test_temperatures_that_are_none(temperature):
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        SmoothAPLoss(temperature)


def test_pairs_and_triplets_have_no_ranking(rng):
    x = rng.normal(size=(2, 3))
    with pytest.raises(ValueError, match="SmoothAPLoss has no meaning on pairs"):
        SmoothAPLoss().on_pairs(x, x, [0, 1])
    with pytest.raises(ValueError, match="SmoothAPLoss has no meaning on triplets"):
        SmoothAPLoss().on_triplets(x, x, x)


class TestBattery(LossBattery):
    settings = {"wide": SmoothAPLoss(0.2), "default": SmoothAPLoss()}
    # 3 positives among 11 others: each has rank 1 + 10 / 2, and 1 + 2 / 2 among the positives.
    constant_when_collapsed = {"wide": 2 / 3, "default": 2 / 3}
    scale_invariant = True
    reference = staticmethod(ranking_losses.smooth_ap)
