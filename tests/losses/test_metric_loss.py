"""What a loss on embeddings offers by default."""

import copy

import numpy as np
import pytest
from keras import ops
from loss_harness import LABELS, differentiate, tensorflow_only

from keras_siamese.losses import (
    ArcFaceLoss,
    ContrastiveLoss,
    CosFaceLoss,
    CrossBatchMemory,
    LossResult,
    Matryoshka,
    MetricLoss,
    MultiSimilarityLoss,
    NTXentLoss,
    ProxyNCALoss,
    SimSiamLoss,
    SmoothAPLoss,
    TripletLoss,
    WeightedSum,
)
from keras_siamese.relations import SameBranch, SharedLabel


class SumLoss(MetricLoss):
    """The sum of all coordinates, and nothing else."""

    def on_batch(self, labels, embeddings, sample_weight=None, **kwargs):
        return LossResult(embeddings.sum(), 1.0, len(labels))


def test_the_least_that_a_loss_must_say():
    loss = SumLoss()
    assert loss.name == "sum_loss"
    assert loss([0, 1], np.ones((2, 3))) == 6
    assert loss.part_names == []
    assert loss.takes_two_sets
    assert loss.set_epoch(3) is False
    loss.check_margin(unit_norm=True)
    for method, inputs in (("pairs", 3), ("triplets", 3)):
        with pytest.raises(ValueError, match=f"SumLoss has no meaning on {method}"):
            getattr(loss, f"on_{method}")(*[None] * inputs)


def test_views_are_classes_of_two(rng):
    x1, x2 = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    weights = rng.uniform(size=5)
    loss = ContrastiveLoss(2.0)
    labels = np.tile(np.arange(5), 2)
    expected = float(loss(labels, np.concatenate([x1, x2]), np.tile(weights, 2)))
    assert float(loss.on_views(x1, x2, weights).value) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="one second view for each embedding"):
        loss.on_views(x1, x2[:4])


@pytest.mark.parametrize("relation", [SharedLabel(), SameBranch(0)])
def test_views_match_by_themselves(relation):
    with pytest.raises(ValueError, match=r"not by labels.*Leave out `relation`"):
        ContrastiveLoss(relation=relation).on_views(np.ones((3, 2)), np.ones((3, 2)))


@pytest.mark.parametrize(
    "loss",
    [
        ArcFaceLoss(2),
        ContrastiveLoss(2.0, "mahalanobis"),
        WeightedSum([ContrastiveLoss(2.0), CosFaceLoss(2)]),
        Matryoshka(CosFaceLoss(2), (3, 2)),
        CrossBatchMemory(ContrastiveLoss(2.0), 8),
        SimSiamLoss(),
    ],
    ids=lambda loss: loss.name,
)
def test_a_copy_has_the_weights_and_is_another(loss, rng):
    loss.build(3)
    for layer in loss.layers:
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    copied = copy.deepcopy(loss)
    for ours, theirs in zip(loss.layers, copied.layers, strict=True):
        assert len(ours.weights) == len(theirs.weights) > 0
        for one, other in zip(ours.weights, theirs.weights, strict=True):
            assert one is not other
            assert ops.convert_to_numpy(one).tolist() == ops.convert_to_numpy(other).tolist()


@pytest.mark.parametrize(
    ("make", "argument", "value"),
    [
        (NTXentLoss, "margin", 0.2),
        (MultiSimilarityLoss, "margin", 0.2),
        (lambda **arguments: ProxyNCALoss(3, **arguments), "margin", 0.2),
        (lambda **arguments: ProxyNCALoss(3, **arguments), "miner", "semi_hard"),
        (SmoothAPLoss, "distance", "euclidean"),
    ],
)
def test_arguments_that_a_loss_does_not_take(make, argument, value):
    with pytest.raises(ValueError, match=f"takes no `{argument}`: it is always .* Received: "):
        make(**{argument: value})
    assert argument not in make().get_config()
    make(**{argument: None})


@tensorflow_only
def test_an_argument_that_is_changed_is_not_what_was_compiled(rng):
    labels, x = LABELS["ragged"], rng.normal(size=(12, 3))
    loss = ContrastiveLoss(0.5)
    before, _ = differentiate(lambda labels, x: loss(labels, x), "graph")(labels, x)
    loss.margin = 3.0
    after, _ = differentiate(lambda labels, x: loss(labels, x), "graph")(labels, x)
    assert after == pytest.approx(float(ContrastiveLoss(3.0)(labels, x)), rel=1e-6)
    assert after > before + 0.1


@pytest.mark.parametrize(
    ("loss", "argument", "near"),
    [
        (TripletLoss, "smooth", ""),
        (ContrastiveLoss, "margn", "Did you mean 'margin'"),
        (NTXentLoss, "temprature", "Did you mean 'temperature'"),
        (TripletLoss, "regularizer", "Did you mean 'embedding_regularizer'"),
    ],
)
def test_arguments_that_no_loss_takes(loss, argument, near):
    with pytest.raises(ValueError, match=f"Unknown `argument`.*'{argument}'.*{near}"):
        loss(**{argument: 1})
