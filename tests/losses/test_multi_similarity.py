import math

import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS
from reference import loops, pair_losses

from keras_siamese.losses import MultiSimilarityLoss
from keras_siamese.miners import BatchHardMiner, MultiSimilarityMiner

# Cosine 1 between the first two, which match, and 0 to the third one.
X = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
SAME = np.array([0, 0, 1])


def collapsed(alpha, beta, base, s=1.0):
    # Three positives, eight negatives.
    far = math.log(1 + 3 * math.exp(-alpha * (s - base))) / alpha
    return far + math.log(1 + 8 * math.exp(beta * (s - base))) / beta


class TestBattery(LossBattery):
    settings = {
        "default": MultiSimilarityLoss(),
        "mild": MultiSimilarityLoss(3.0, 5.0, -0.2, reduction="sum"),
    }
    constant_when_collapsed = {"default": collapsed(2, 50, 0.5), "mild": 12 * collapsed(3, 5, -0.2)}
    scale_invariant = True

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        s = 1 - loops.distances("cosine", x, candidates)
        return pair_losses.multi_similarity(
            s, labels, candidate_labels, alpha=loss.alpha, beta=loss.beta, base=loss.base
        )


class TestBatteryOfOtherDistances(LossBattery):
    modes = ("eager",)
    settings = {
        "euclidean": MultiSimilarityLoss(2.0, 10.0, -1.0, "euclidean"),
        "inner_product": MultiSimilarityLoss(1.0, 2.0, 1.0, "inner_product"),
    }
    constant_when_collapsed = {
        "euclidean": collapsed(2, 10, -1, 0.0),
        "inner_product": collapsed(1, 2, 1),
    }

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        return pair_losses.multi_similarity(
            -loops.distances(loss.distance.name, x, candidates),
            labels,
            candidate_labels,
            alpha=loss.alpha,
            beta=loss.beta,
            base=loss.base,
        )


def test_golden():
    loss = MultiSimilarityLoss(alpha=2.0, beta=4.0, base=0.5, reduction="none")
    # The first two: log(1 + exp(-1)) / 2 + log(1 + exp(-2)) / 4; the third: two negatives alone.
    alike = math.log(1 + math.exp(-1)) / 2 + math.log(1 + math.exp(-2)) / 4
    expected = [alike, alike, math.log(1 + 2 * math.exp(-2)) / 4]
    assert ops.convert_to_numpy(loss(SAME, X)) == pytest.approx(expected, rel=1e-6)


def test_golden_triplets():
    loss = MultiSimilarityLoss(alpha=2.0, beta=4.0, base=0.5)
    expected = math.log(1 + math.exp(-1)) / 2 + math.log(1 + math.exp(-2)) / 4
    result = loss.on_triplets(X[:1], X[1:2], X[2:])
    assert float(result.value) == pytest.approx(expected, rel=1e-6)


def test_steep_weights_see_the_hardest_pairs_alone(rng):
    # log(1 + sum exp(k v)) / k tends to max(0, v), so that the loss tends to two hinges.
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    s = 1 - loops.distances("cosine", x)
    expected = [
        max(0, 0.5 - min(s[a][p] for p in positives))
        + max(0, max(s[a][n] for n in negatives) - 0.5)
        for a, positives, negatives in pair_losses.partners(labels)
    ]
    loss = MultiSimilarityLoss(1e5, 1e5, reduction="none")
    assert ops.convert_to_numpy(loss(labels, x)) == pytest.approx(expected, abs=1e-4)
    # With the pairs of batch-hard alone, the same.
    mined = MultiSimilarityLoss(1e5, 1e5, distance="cosine", miner=BatchHardMiner())
    assert float(mined(labels, x)) == pytest.approx(np.mean(expected), abs=1e-4)


@pytest.mark.parametrize("name", ["p_x_k", "ragged"])
def test_with_the_miner_of_the_paper(rng, name):
    labels, x = LABELS[name], rng.normal(size=(12, 3))
    s = 1 - loops.distances("cosine", x)
    expected = []
    for a, positives, negatives in pair_losses.partners(labels):
        if not positives or not negatives:
            continue
        far, near = min(s[a][p] for p in positives), max(s[a][n] for n in negatives)
        kept_p = [p for p in positives if s[a][p] < near + 0.1]
        kept_n = [n for n in negatives if s[a][n] > far - 0.1]
        if kept_p or kept_n:
            far = sum(math.exp(-2 * (s[a][p] - 0.5)) for p in kept_p)
            near = sum(math.exp(50 * (s[a][n] - 0.5)) for n in kept_n)
            expected.append(math.log1p(far) / 2 + math.log1p(near) / 50)
    result = MultiSimilarityLoss(miner=MultiSimilarityMiner(0.1)).on_batch(labels, x)
    assert int(result.num_tuples) == len(expected)
    assert float(result.value) == pytest.approx(np.mean(expected), rel=1e-5)


def test_single_pairs_are_refused():
    with pytest.raises(ValueError, match="has no meaning on pairs"):
        MultiSimilarityLoss().on_pairs(X, X, [1, 1, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.0}, "`alpha` must be a finite number above 0"),
        ({"beta": -1.0}, "`beta` must be a finite number above 0"),
        ({"base": float("nan")}, "`base` must be a finite number"),
        ({"base": "0.5"}, "`base` must be a finite number"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiSimilarityLoss(**arguments)
