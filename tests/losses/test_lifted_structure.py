import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS
from reference import loops, pair_losses

from keras_siamese.losses import (
    GeneralizedLiftedStructureLoss,
    LiftedStructureLoss,
    TripletLoss,
)
from keras_siamese.miners import BatchHardMiner

# Places 0, 0.6, -0.8: a match 0.6 apart, others 0.8 and 1.4 apart.
PLACES = np.array([[0.0], [0.6], [-0.8]])
SAME = np.array([0, 0, 1])


class TestBattery(LossBattery):
    settings = {
        "default": LiftedStructureLoss(),
        "cosine": LiftedStructureLoss(0.3, "cosine"),
    }
    # Eight negatives of each end.
    constant_when_collapsed = {
        "default": (1 + math.log(16)) ** 2 / 2,
        "cosine": (0.3 + math.log(16)) ** 2 / 2,
    }

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        d = loops.distances(loss.distance.name, x, candidates)
        return pair_losses.lifted_structure(d, labels, candidate_labels, margin=loss.margin)


def test_asymmetric_distance(rng):
    # The negatives of a candidate are anchors, and seen from there.
    labels, x = LABELS["ragged"], rng.normal(size=(12, 3))
    d = loops.distances("signal_to_noise", x)
    expected = loops.reduce(pair_losses.lifted_structure(d, labels, margin=2.5), "mean", 12)
    loss = LiftedStructureLoss(2.5, "signal_to_noise")
    assert float(loss(labels, x)) == pytest.approx(expected, rel=1e-5)


class TestGeneralizedBattery(LossBattery):
    settings = {
        "default": GeneralizedLiftedStructureLoss(),
        "cosine": GeneralizedLiftedStructureLoss(0.3, "cosine", reduction="mean_nonzero"),
    }
    # Three positives, eight negatives.
    constant_when_collapsed = {"default": 1 + math.log(24), "cosine": 0.3 + math.log(24)}

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        d = loops.distances(loss.distance.name, x, candidates)
        return pair_losses.generalized_lifted_structure(
            d, labels, candidate_labels, margin=loss.margin
        )


# log(exp(1 - 0.8) + exp(1 - 1.4)) + 0.6
J = math.log(math.exp(0.2) + math.exp(-0.4)) + 0.6


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("mean", J**2 / 2), ("sum", J**2), ("none", [J**2 / 2, J**2 / 2, 0.0])],
)
def test_golden(reduction, expected):
    result = LiftedStructureLoss(reduction=reduction).on_batch(SAME, PLACES)
    assert ops.convert_to_numpy(result.value) == pytest.approx(np.array(expected), rel=1e-6)
    assert int(result.num_tuples) == 2


@pytest.mark.parametrize(
    ("reduction", "expected"),
    # 0.6 + 1 - 0.8 and 0.6 + 1 - 1.4; the third point has no positive.
    [("mean", 0.5), ("sum", 1.0), ("none", [0.8, 0.2, 0.0])],
)
def test_golden_generalized(reduction, expected):
    result = GeneralizedLiftedStructureLoss(reduction=reduction).on_batch(SAME, PLACES)
    assert ops.convert_to_numpy(result.value) == pytest.approx(np.array(expected), rel=1e-6)
    assert int(result.num_tuples) == 2


def test_golden_two_sets():
    # An anchor at 0, candidates of its class at 0.5 and of another at 2. Only the anchor has a
    # negative: the other end, at 0.5, matches all anchors. J = 1 - 2 + 0.5 is negative for margin
    # 1; for margin 2 it is 0.5. With a second anchor at 1, of the other class, 0.5 away from the
    # candidate of class 0: J = log(exp(2 - 2) + exp(2 - 0.5)) + 0.5 for the first anchor, and
    # log(exp(2 - 0.5) + exp(2 - 2)) + 1 for the second one, with the candidate at 2.
    loss = LiftedStructureLoss(2.0, reduction="none")
    second = {"candidate_labels": np.array([0, 1]), "candidates": np.array([[0.5], [2.0]])}
    value = loss.on_batch(np.array([0]), np.array([[0.0]]), **second).value
    assert ops.convert_to_numpy(value) == pytest.approx([0.5**2 / 2])
    value = loss.on_batch(np.array([0, 1]), np.array([[0.0], [1.0]]), **second).value
    both = math.log(1 + math.exp(1.5))
    expected = [(both + 0.5) ** 2 / 2, (both + 1) ** 2 / 2]
    assert ops.convert_to_numpy(value) == pytest.approx(expected, rel=1e-6)


def test_generalized_is_above_batch_hard_and_equals_it_for_two_of_a_class(rng):
    x = rng.normal(size=(12, 3))
    for labels in (LABELS["p_x_k"], LABELS["ragged"]):
        hard = TripletLoss(1.0, miner=BatchHardMiner(), reduction="none")(labels, x)
        soft = GeneralizedLiftedStructureLoss(1.0, reduction="none")(labels, x)
        assert (ops.convert_to_numpy(soft) >= ops.convert_to_numpy(hard) - 1e-9).all()
    labels, x = np.array([0, 0, 1]), x[:3]
    hard = TripletLoss(1.0, miner=BatchHardMiner())(labels, x)
    assert float(GeneralizedLiftedStructureLoss(1.0)(labels, x)) == pytest.approx(float(hard))


def test_explicit_tuples():
    for loss in (LiftedStructureLoss(), GeneralizedLiftedStructureLoss()):
        with pytest.raises(ValueError, match="has no meaning on pairs"):
            loss.on_pairs(PLACES, PLACES, [1, 0, 1])
    with pytest.raises(ValueError, match="has no meaning on triplets"):
        LiftedStructureLoss().on_triplets(PLACES, PLACES, PLACES)
    # 0.6 + 1 - 0.8
    result = GeneralizedLiftedStructureLoss().on_triplets(PLACES[:1], PLACES[1:2], PLACES[2:])
    assert float(result.value) == pytest.approx(0.8)


@pytest.mark.parametrize("kind", [LiftedStructureLoss, GeneralizedLiftedStructureLoss])
def test_bad_arguments(kind):
    with pytest.raises(ValueError, match="`margin` must be a finite number above 0"):
        kind(0.0)
    with pytest.raises(ValueError, match="`margin` is out of reach"):
        kind(1.5, "angular")


def test_triplet_miner_is_refused():
    with pytest.raises(ValueError, match="`miner` must be a PairMiner"):
        LiftedStructureLoss(miner=BatchHardMiner())
