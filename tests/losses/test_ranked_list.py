import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import differentiate
from reference import loops, softmax_losses

from keras_siamese.losses import RankedListLoss

POINTS = np.array([[0.0], [1.0], [2.0]])


def test_golden():
    # Positives are to be within 0.8, negatives beyond 1.2. Of the first, the positive is 1 away;
    # of the second too, and the negative 1; of the last, the negatives are 2 and 1 away.
    values = RankedListLoss(imbalance=0.25, reduction="none")([0, 0, 1], POINTS)
    expected = [0.75 * 0.2, 0.75 * 0.2 + 0.25 * 0.2, 0.25 * 0.2]
    assert ops.convert_to_numpy(values) == pytest.approx(expected)


def test_golden_weights():
    # Negatives 0.25 and 0.75 too near, with weights e^(2 * 0.25) and e^(2 * 0.75); positives 0.5
    # and 1 too far, with weights e^(3 * 0.5) and e^(3 * 1).
    points = np.array([[0.0], [0.75], [0.25], [-1.0], [1.5], [2.0]])
    loss = RankedListLoss(
        margin=0.5,
        alpha=1.0,
        negative_temperature=2.0,
        positive_temperature=3.0,
        reduction="none",
    )
    value = ops.convert_to_numpy(loss([0, 1, 2, 0, 0, 3], points))[0]
    too_near = (0.25 * math.exp(0.5) + 0.75 * math.exp(1.5)) / (math.exp(0.5) + math.exp(1.5))
    too_far = (0.5 * math.exp(1.5) + 1.0 * math.exp(3.0)) / (math.exp(1.5) + math.exp(3.0))
    assert value == pytest.approx(0.5 * too_near + 0.5 * too_far)


def test_nothing_to_learn_from_what_is_in_order():
    # Classes within 0.8 of themselves, and beyond 1.2 of each other.
    points = np.array([[0.0], [0.5], [0.7], [2.0], [2.3], [2.6]])
    run = differentiate(lambda x: RankedListLoss()([0, 0, 0, 1, 1, 1], x))
    value, gradient = run(points)
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 0.0}, "`margin` must be a finite number above 0"),
        ({"alpha": -1.0}, "`alpha` must be a finite number above 0"),
        ({"negative_temperature": -1.0}, "`negative_temperature` must be a finite number of at"),
        ({"positive_temperature": None}, "`positive_temperature` must be a finite number of at"),
        ({"imbalance": 1.0}, "`imbalance` must be a finite number above 0 and below 1"),
        ({"margin": 1.5}, "Received: alpha=1.2, margin=1.5. Use `alpha >= margin`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        RankedListLoss(**arguments)


def test_margin_out_of_reach():
    with pytest.raises(ValueError, match=r"unit-norm embeddings lies in \[0, 2\]"):
        RankedListLoss(margin=2.5, alpha=3.0).check_margin(unit_norm=True)


class TestBattery(LossBattery):
    # Anchors with pairs of one kind have a loss too.
    active_in = ("p_x_k", "shuffled", "ragged", "pairs")
    settings = {
        "default": RankedListLoss(margin=0.8, alpha=2.4),
        "both_weighted": RankedListLoss(
            margin=0.5,
            alpha=2.0,
            negative_temperature=3.0,
            positive_temperature=1.5,
            imbalance=0.3,
            reduction="sum",
        ),
        "cosine": RankedListLoss(
            margin=0.3, alpha=1.0, negative_temperature=0.0, distance="cosine"
        ),
    }
    active_in = ("p_x_k", "shuffled", "ragged", "pairs")
    constant_when_collapsed = {"default": 0.5 * 2.4, "both_weighted": 12 * 0.3 * 2, "cosine": 0.5}

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None, weigh=None):
        d = loops.distances(loss.distance.name, x, candidates)
        return softmax_losses.ranked_list(d, labels, candidate_labels, loss=loss, weigh=weigh)

    def expected_beside(self, loss, labels, x, change):
        # The weights are constants to the gradient: those of `x`, also a step away from it.
        weigh = loops.distances(loss.distance.name, x)
        losses = self.reference(loss, labels, x + change, weigh=weigh)
        return loops.reduce(losses, loss.reduction, len(labels))
