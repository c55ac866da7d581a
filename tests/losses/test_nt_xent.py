import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS
from reference import softmax_losses

from keras_siamese.losses import NTXentLoss, SupConLoss


def test_golden():
    # Of the two anchors with a positive, at cosine 0.8: one negative at cosine 0, and one at 0.6.
    points = np.array([[1.0, 0.0], [1.6, 1.2], [0.0, 5.0]])
    values = NTXentLoss(temperature=0.5, reduction="none")([0, 0, 1], points)
    expected = [math.log(1 + math.exp((0 - 0.8) / 0.5)), math.log(1 + math.exp(-0.2 / 0.5)), 0.0]
    assert ops.convert_to_numpy(values) == pytest.approx(expected)


def test_other_positives_are_left_out():
    # Three equal items and one at cosine 0: log((e + 1) / e), not log((2 e + 1) / e).
    points = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    result = NTXentLoss(temperature=1.0).on_batch([0, 0, 0, 1], points)
    assert float(result.value) == pytest.approx(math.log1p(math.exp(-1)))
    assert int(result.num_tuples) == 6


def test_two_views_give_the_loss_of_simclr(rng):
    # Its algorithm 1, with 2N items of which k and k + N are views of one.
    x = rng.normal(size=(10, 3))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    total = 0.0
    for i in range(10):
        j = (i + 5) % 10
        below = sum(math.exp(unit[i] @ unit[k] / 0.2) for k in range(10) if k != i)
        total -= math.log(math.exp(unit[i] @ unit[j] / 0.2) / below)
    value = NTXentLoss(temperature=0.2).on_views(x[:5], x[5:]).value
    assert float(value) == pytest.approx(total / 10)


def test_two_items_a_class_give_the_supervised_contrastive_loss(rng):
    x = rng.normal(size=(12, 4))
    for temperature in (0.1, 0.7):
        value = NTXentLoss(temperature)(LABELS["pairs"], x)
        assert float(value) == pytest.approx(float(SupConLoss(temperature)(LABELS["pairs"], x)))


def test_triplets(rng):
    # log(1 + exp(s_an - s_ap)): the triplet loss with a soft margin on similarities.
    a, p, n = rng.normal(size=(3, 5, 4))
    values = NTXentLoss(temperature=0.3, reduction="none").on_triplets(a, p, n).value
    expected = [
        math.log1p(
            math.exp(
                (
                    softmax_losses.similarity("cosine", a[i], n[i])
                    - softmax_losses.similarity("cosine", a[i], p[i])
                )
                / 0.3
            )
        )
        for i in range(5)
    ]
    assert ops.convert_to_numpy(values) == pytest.approx(expected)


def test_pairs_are_refused():
    with pytest.raises(ValueError, match="NTXentLoss has no meaning on pairs"):
        NTXentLoss().on_pairs(np.ones((2, 3)), np.ones((2, 3)), [1, 0])


@pytest.mark.parametrize("temperature", [0, -0.1, float("inf"), None, "warm"])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        NTXentLoss(temperature)


class TestBattery(LossBattery):
    scale_invariant = True
    settings = {
        "default": NTXentLoss(),
        "warm": NTXentLoss(temperature=0.5, reduction="sum"),
    }
    # 8 negatives; 36 pairs in the sum.
    constant_when_collapsed = {"default": math.log(9), "warm": 36 * math.log(9)}

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return softmax_losses.nt_xent(
            loss.distance.name,
            labels,
            x,
            candidate_labels,
            candidates,
            temperature=loss.temperature,
        )


class TestOfDistances(TestBattery):
    modes = ("eager",)
    scale_invariant = False
    settings = {"euclidean": NTXentLoss(temperature=0.3, distance="euclidean")}
    constant_when_collapsed = {"euclidean": math.log(9)}
