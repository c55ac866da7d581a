import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from reference import loops, pair_losses

from keras_siamese.losses import SNRContrastiveLoss, ZeroMeanRegularizer
from keras_siamese.miners import BatchHardMiner

# Squared norms 8, 2, 14 and squared differences 2, 6, 8; all means are 0.
X = np.array([[2.0, 0.0, -2.0], [1.0, 0.0, -1.0], [3.0, -2.0, -1.0]])
SAME = np.array([0, 0, 1])


class TestBattery(LossBattery):
    settings = {
        "default": SNRContrastiveLoss(2.0),
        "regularized": SNRContrastiveLoss(
            0.5, embedding_regularizer=ZeroMeanRegularizer(0.3), reduction="mean_nonzero"
        ),
    }
    # 96 negative pairs of 132; of (0.5, -0.5, 0.5, 0.5) the entries sum up to 1.
    constant_when_collapsed = {"default": 96 / 132 * 2.0, "regularized": 0.5 + 0.3}
    rotation_invariant = False  # the entries are a signal: their order does not matter, they do

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return pair_losses.pair_losses(
            lambda _, d, same: pair_losses.snr_contrastive_loss(d, same, loss.margin),
            loops.distances("signal_to_noise", x, candidates),
            labels,
            candidate_labels,
        )

    def expected(self, loss, labels, x, *others, weights=None):
        value = super().expected(loss, labels, x, *others, weights=weights)
        if loss.embedding_regularizer is None:
            return value
        return value + pair_losses.zero_mean(x, loss.embedding_regularizer.factor) / len(x)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        # Matches: 2/8 and 2/2. Others from 0: 1 - 6/8; from 1: 8/2 is beyond; from 2: 1 - 6/14 and
        # 1 - 8/14.
        ("sum", 1.25 + 0.25 + 1.0),
        ("mean", 2.5 / 6),
        ("mean_nonzero", 0.5),
        ("none", [0.25, 0.5, 0.5]),
    ],
)
def test_golden(reduction, expected):
    value = SNRContrastiveLoss(reduction=reduction)(SAME, X)
    assert ops.convert_to_numpy(value) == pytest.approx(np.array(expected), rel=1e-6)


def test_the_anchor_is_the_signal():
    loss = SNRContrastiveLoss()
    assert float(loss.on_pairs(X[:1], X[1:2], [1]).value) == pytest.approx(2 / 8)
    assert float(loss.on_pairs(X[1:2], X[:1], [1]).value) == pytest.approx(2 / 2)
    # The pairs (0, 1) and (0, 2).
    result = loss.on_triplets(X[:1], X[1:2], X[2:])
    assert float(result.value) == pytest.approx((0.25 + 0.25) / 2)
    mined = SNRContrastiveLoss(miner=BatchHardMiner(), reduction="none")(SAME, X)
    assert ops.convert_to_numpy(mined) == pytest.approx([0.25, 0.5, 0.0])


def test_scale_does_not_matter(rng):
    labels, x = np.repeat([0, 1, 2], 4), rng.normal(size=(12, 5))
    loss = SNRContrastiveLoss()
    assert float(loss(labels, 1e3 * x)) == pytest.approx(float(loss(labels, x)), rel=1e-6)
    # Nor does what is added to all entries of one embedding.
    moved = x + rng.normal(size=(12, 1))
    assert float(loss(labels, moved)) == pytest.approx(float(loss(labels, x)), rel=1e-6)


def test_bad_arguments():
    with pytest.raises(ValueError, match="`margin` must be a finite number above 0"):
        SNRContrastiveLoss(-1.0)
    with pytest.raises(ValueError, match="takes no `distance`"):
        SNRContrastiveLoss(distance="euclidean")
