"""`TripletSemiHardLoss` is tensorflow-addons', value for value and gradient for gradient."""

import numpy as np
import pytest
from loss_harness import LABELS, MODES, differentiate
from reference import loops

from keras_siamese.losses import TripletLoss, TripletSemiHardLoss
from keras_siamese.miners import SemiHardMiner


def _check(rng, labels, margin, dtype):
    embeddings = rng.normal(size=(len(labels), 4)).astype(dtype)
    loss = TripletSemiHardLoss(margin)
    value, gradient = differentiate(lambda x: loss(labels, x))(embeddings)
    expected = loops.addons_triplet_semi_hard(embeddings, labels, margin)
    assert value == pytest.approx(expected[0], abs=1e-5)
    assert gradient == pytest.approx(expected[1], abs=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("classes", "examples", "margin"),
    [(2, 2, 1.0), (2, 8, 0.2), (4, 4, 1.0), (6, 3, 3.0), (3, 5, 0.2), (12, 2, 1.0)],
)
def test_p_x_k_batches(rng, classes, examples, margin, dtype):
    labels = rng.permutation(np.repeat(rng.integers(0, 2**62, classes), examples))
    _check(rng, labels, margin, dtype)


@pytest.mark.parametrize("name", ["p_x_k", "shuffled", "ragged", "pairs"])
def test_other_batches(rng, name):
    _check(rng, LABELS[name], 1.0, "float32")
    _check(rng, LABELS[name], 0.2, "float64")


@pytest.mark.parametrize("mode", MODES[1:])
def test_in_a_graph(rng, mode):
    loss = TripletSemiHardLoss()
    run = differentiate(lambda labels, x: loss(labels, x), mode)
    for name in ("p_x_k", "ragged", "shuffled"):  # of one shape, and so compiled once
        embeddings = rng.normal(size=(12, 3)).astype("float32")
        value, gradient = run(LABELS[name], embeddings)
        expected = loops.addons_triplet_semi_hard(embeddings, LABELS[name], 1.0)
        assert value == pytest.approx(expected[0], abs=1e-5)
        assert gradient == pytest.approx(expected[1], abs=1e-5)


def test_golden():
    # Worked out in test_triplet.py: 7.7 with margin 0.6, and 10 of 12 triplets with a loss. With
    # margin 1.0 each of these costs 0.4 more; the other two stay at 0.9 - 2.1 and 0.7 - 2.1.
    points = np.array([[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]])
    value = TripletSemiHardLoss()(np.array([0, 0, 0, 1, 1, 1]), points)
    assert float(value) == pytest.approx((7.7 + 10 * 0.4) / 12)


def test_it_is_a_setting_of_the_triplet_loss(rng):
    labels, embeddings = LABELS["ragged"], rng.normal(size=(12, 3))
    expected = float(TripletSemiHardLoss()(labels, embeddings))
    miner = SemiHardMiner("nearest", "farthest")
    # With "farthest" each pair has its triplet, so that both means are one.
    for reduction in ("mean", "mean_pairs"):
        setting = TripletLoss(margin=1.0, miner=miner, reduction=reduction)
        assert float(setting(labels, embeddings)) == expected


def test_gradient_of_the_reference(rng):
    labels, embeddings = LABELS["ragged"], rng.normal(size=(12, 2))
    _, gradient = loops.addons_triplet_semi_hard(embeddings, labels, 1.0)
    differences = loops.finite_differences(
        lambda x: loops.addons_triplet_semi_hard(x, labels, 1.0)[0], embeddings
    )
    assert gradient == pytest.approx(differences, abs=1e-8)


@pytest.mark.parametrize("argument", ["miner", "reduction"])
def test_what_it_does_not_take(argument):
    with pytest.raises(ValueError, match=f"has its own `{argument}`"):
        TripletSemiHardLoss(**{argument: "batch_hard"})
