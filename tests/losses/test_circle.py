import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import differentiate
from reference import loops, pair_losses

from keras_siamese.losses import CircleLoss

# Cosine 1 between the first two, which match, and 0 to the third one.
X = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
SAME = np.array([0, 0, 1])


class TestBattery(LossBattery):
    settings = {
        "default": CircleLoss(),
        "images": CircleLoss(0.4, 80.0, reduction="sum"),
    }
    # Three positives, eight negatives; softplus of what is far above 0.
    constant_when_collapsed = {
        "default": 256 * (1 - 2 * 0.25**2) + math.log(24),
        "images": 12 * (80 * (1 - 2 * 0.4**2) + math.log(24)),
    }
    scale_invariant = True

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None, fixed=None):
        s = 1 - loops.distances("cosine", x, candidates)
        if fixed is not None:
            fixed = 1 - loops.distances("cosine", fixed)
        return pair_losses.circle(
            s, labels, candidate_labels, m=loss.m, gamma=loss.gamma, fixed=fixed
        )

    def expected_beside(self, loss, labels, x, change):
        losses = self.reference(loss, labels, x + change, fixed=x)
        return loops.reduce(losses, loss.reduction, len(labels))


def test_golden():
    # far = 0.25 (1 - 0.25 - 1), near = 0.25 (0 - 0.25); the third point has no positive.
    expected = math.log1p(math.exp(-2 * 2 * 0.0625))
    loss = CircleLoss(0.25, 2.0, reduction="none")
    value = ops.convert_to_numpy(loss(SAME, X))
    assert value == pytest.approx([expected, expected, 0.0], rel=1e-6)
    assert float(loss.on_triplets(X[:1], X[1:2], X[2:]).value[0]) == pytest.approx(expected)


def test_nothing_to_learn_beyond_the_optima():
    # Similarity 1 + m and more of positives, -m and less of negatives: their weights are 0.
    x = np.array([[1.0, 0.0], [1.3, 0.0], [-0.3, 0.0]])
    loss = CircleLoss(0.25, 4.0, "inner_product")
    run = differentiate(lambda x: loss.on_triplets(x[:1], x[1:2], x[2:]).value)
    value, gradient = run(x)
    assert value == pytest.approx(math.log(2), rel=1e-6)
    assert not gradient.any()


def test_weights_are_held_fixed():
    # One triplet of unit vectors: d loss / d s_an = sigmoid(e) gamma (s_an + m), and no 2 s_an.
    m, gamma, s = 0.25, 2.0, 0.6
    x = np.array([[1.0, 0.0], [1.0, 0.0], [s, 0.8]])
    loss = CircleLoss(m, gamma, "inner_product")
    _, gradient = differentiate(lambda x: loss.on_triplets(x[:1], x[1:2], x[2:]).value)(x)
    exponent = gamma * (m * -m + (s + m) * (s - m))
    slope = gamma * (s + m) / (1 + math.exp(-exponent))
    assert gradient[2] == pytest.approx([slope, 0.0], rel=1e-5)


def test_single_pairs_are_refused():
    with pytest.raises(ValueError, match="has no meaning on pairs"):
        CircleLoss().on_pairs(X, X, [1, 1, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"m": 0.0}, "`m` must be a finite number above 0"),
        ({"m": 1.0}, "`m` must be a finite number above 0 and below 1"),
        ({"gamma": -1.0}, "`gamma` must be a finite number above 0"),
        ({"distance": "euclidean"}, r'Expected "cosine".*Received: Euclidean\(\)'),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        CircleLoss(**arguments)
