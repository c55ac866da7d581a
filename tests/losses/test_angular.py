import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import differentiate
from reference import loops, softmax_losses

from keras_siamese.losses import AngularLoss
from keras_siamese.miners import PairMarginMiner, SemiHardMiner


def test_golden():
    # tan(45)^2 = 1. Cosines 0.6 to the positive, 0 and 0.8 to the negative: both anchors have
    # 4 (0 + 0.8) - 4 * 0.6 = 0.8.
    points = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
    values = AngularLoss(reduction="none")([0, 0, 1], points)
    expected = math.log(1 + math.exp(0.8))
    assert ops.convert_to_numpy(values) == pytest.approx([expected, expected, 0.0])


def test_triplets(rng):
    a, p, n = rng.normal(size=(3, 5, 4))
    loss = AngularLoss(alpha=40.0)

    def expected(a, p, n):
        rows = [np.stack([a[i], p[i], n[i]]) for i in range(5)]
        # In a batch of the three, the second anchor's loss is that of (p, a, n): the same.
        values = [softmax_losses.angular([0, 0, 1], row, alpha=40.0)[0][1] for row in rows]
        return sum(values) / 5

    run = differentiate(lambda a, p, n: loss.on_triplets(a, p, n).value)
    value, *gradients = run(a, p, n)
    assert value == pytest.approx(expected(a, p, n))
    for place, gradient in enumerate(gradients):

        def moved(x, place=place):
            return expected(*[x if i == place else y for i, y in enumerate((a, p, n))])

        assert gradient == pytest.approx(
            loops.finite_differences(moved, (a, p, n)[place]), abs=1e-7
        )
    assert int(loss.on_triplets(a, p, n).num_tuples) == 5


def test_extreme_angles_stay_finite():
    # One class at one point and the other opposite or on top of it, for the widest angle.
    for sign in (1.0, -1.0):
        points = np.array([[1.0, 0.0]] * 3 + [[sign, 0.0]] * 3, "float32")
        run = differentiate(lambda x: AngularLoss(alpha=69.9)([0, 0, 0, 1, 1, 1], x))
        value, gradient = run(points)
        t = math.tan(math.radians(69.9)) ** 2
        expected = math.log1p(3 * math.exp(sign * 8 * t - 2 * (1 + t)))
        assert value == pytest.approx(expected, rel=1e-5)
        assert np.isfinite(gradient).all()


def test_pair_miners_choose_pairs(rng):
    # Cosine distances below 0.9 alone count as negatives; all positives do.
    x = rng.normal(size=(8, 3))
    labels = np.repeat([0, 1], 4)
    miner = PairMarginMiner(positive_margin=1e-6, negative_margin=0.9)
    value = AngularLoss(miner=miner, reduction="sum")(labels, x)
    total, unit = 0.0, x / np.linalg.norm(x, axis=1, keepdims=True)
    for a, positives, negatives in softmax_losses.complete(labels):
        near = [n for n in negatives if 1 - unit[a] @ unit[n] < 0.9]
        for p in positives if near else []:
            exponents = [4 * (unit[a] + unit[p]) @ unit[n] - 4 * unit[a] @ unit[p] for n in near]
            total += math.log1p(sum(math.exp(e) for e in exponents))
    assert float(value) == pytest.approx(total)


def test_bad_arguments():
    for alpha in (0, -45.0, 70, None):
        with pytest.raises(ValueError, match="`alpha` must be a finite number above 0 and below"):
            AngularLoss(alpha)
    with pytest.raises(ValueError, match="`miner` must be a PairMiner"):
        AngularLoss(miner=SemiHardMiner())


class TestBattery(LossBattery):
    scale_invariant = True
    settings = {
        "default": AngularLoss(),
        "wide": AngularLoss(alpha=55.0, reduction="sum"),
        "narrow": AngularLoss(alpha=30.0),
    }
    # log(1 + 8 exp(6 t - 2)), with t = 1 and 1 / 3.
    constant_when_collapsed = {
        "default": math.log(1 + 8 * math.exp(4)),
        "narrow": math.log(9),
    }

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return softmax_losses.angular(labels, x, candidate_labels, candidates, alpha=loss.alpha)
