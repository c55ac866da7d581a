import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from loss_harness import DISTANCES, DOUBLE, LABELS, MODES, differentiate
from reference import loops

from keras_siamese.losses import ContrastiveLoss

REDUCTIONS = ("mean", "mean_nonzero", "balanced", "sum", "none")
DISTANCES = [name for name in DISTANCES if name != "inner_product"]


def _expected(loss, labels, embeddings, candidate_labels=None, candidates=None, weights=None):
    distances = loops.distances(loss.distance.name, embeddings, candidates)
    losses = loops.contrastive_losses(distances, labels, candidate_labels, margin=loss.margin)
    return loops.reduce(losses, loss.reduction, len(labels), weights=weights)


# Places 0, 0.6, -0.8: a match 0.6 apart (0.18), others 0.8 (0.2^2 / 2 = 0.02) and 1.4 (0) apart.
PLACES = np.array([[0.0], [0.6], [-0.8]])


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        # From both ends: 2 * 0.18 + 2 * 0.02 + 2 * 0.
        ("sum", 0.4),
        ("mean", 0.4 / 6),
        ("mean_nonzero", 0.1),
        # (0.18 + (0.02 + 0) / 2) / 2
        ("balanced", 0.095),
        # 0: 0.18 and 0.02; 1: 0.18 and 0; 2: 0.02 and 0.
        ("none", [0.1, 0.09, 0.01]),
    ],
)
def test_golden_labelled(reduction, expected):
    value = ContrastiveLoss(reduction=reduction)(np.array([0, 0, 1]), PLACES)
    assert ops.convert_to_numpy(value) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum", 0.2),
        ("mean", 0.2 / 3),
        ("mean_nonzero", 0.1),
        ("balanced", 0.095),
        ("none", [0.18, 0.02, 0.0]),
    ],
)
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", ["int64", "bool", "float32"])
def test_golden_pairs(reduction, expected, shape, dtype):
    x1, x2 = PLACES[[0, 0, 1]], PLACES[[1, 2, 2]]
    same = np.array([1, 0, 0], dtype).reshape(shape)
    result = ContrastiveLoss(reduction=reduction).on_pairs(x1, x2, same)
    assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-9)
    assert int(result.num_tuples) == 3
    assert float(result.active_fraction) == pytest.approx(2 / 3)


def test_golden_triplets():
    # Of (0, 0.6, -0.8): a match 0.6 apart and a mismatch 0.8 apart.
    result = ContrastiveLoss(reduction="none").on_triplets(PLACES[:1], PLACES[1:2], PLACES[2:])
    assert ops.convert_to_numpy(result.value) == pytest.approx([0.1])
    assert int(result.num_tuples) == 2


def test_one_means_the_same():
    near, far = np.zeros((1, 2)), np.array([[3.0, 4.0]])
    loss = ContrastiveLoss(margin=1.0)
    assert float(loss.on_pairs(near, far, [1]).value) == 12.5
    assert float(loss.on_pairs(near, far, [0]).value) == 0.0
    assert float(loss.on_pairs(near, near, [1]).value) == 0.0
    assert float(loss.on_pairs(near, near, [0]).value) == 0.5


@pytest.mark.parametrize("distance", DISTANCES)
def test_against_loops(rng, distance):
    def check(labels, reduction, weights=None):
        embeddings = rng.normal(size=(12, 3)).astype("float32")
        loss = ContrastiveLoss(margin=0.7, distance=distance, reduction=reduction)
        expected = _expected(loss, labels, embeddings, weights=weights)
        value = ops.convert_to_numpy(loss(labels, embeddings, weights))
        assert value == pytest.approx(expected, rel=2e-5, abs=1e-6)

    for labels in LABELS.values():
        check(labels, "mean")
    for reduction in REDUCTIONS:
        check(LABELS["ragged"], reduction)
        check(LABELS["shuffled"], reduction, rng.choice([0.0, 0.5, 1.0, 2.0], 12))


@pytest.mark.parametrize("distance", DISTANCES)
def test_gradient_is_the_finite_difference(rng, distance):
    loss = ContrastiveLoss(margin=0.7, distance=distance, reduction="balanced")
    labels, embeddings = LABELS["ragged"], rng.normal(size=(12, 2))
    value, gradient = differentiate(lambda x: loss(labels, x))(embeddings)
    assert value.dtype in ("float64", DOUBLE)
    expected = loops.finite_differences(lambda x: _expected(loss, labels, x), embeddings)
    assert gradient == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_two_sets(rng, reduction):
    # No item is left out: what the second set holds is another item, also where it is equal.
    labels, candidate_labels = LABELS["ragged"], np.array([5, 1, 1, 7, 5])
    embeddings, candidates = rng.normal(size=(12, 2)), rng.normal(size=(5, 2))
    loss = ContrastiveLoss(margin=0.7, reduction=reduction)
    result = loss.on_batch(
        labels, embeddings, candidate_labels=candidate_labels, candidates=candidates
    )
    expected = _expected(loss, labels, embeddings, candidate_labels, candidates)
    assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-9)
    assert int(result.num_tuples) == 60


@pytest.mark.parametrize("mode", MODES)
def test_given_pairs(rng, mode):
    reduction = "balanced"
    loss = ContrastiveLoss(margin=1.5, reduction=reduction)
    x1, x2 = (rng.normal(size=(6, 3)).astype("float32") for _ in range(2))
    same = np.array([1, 0, 0, 1, 0, 0])

    def expected(x1, x2):
        losses = [
            (
                i,
                loops.contrastive_loss(loops.distance("euclidean", x1[i], x2[i]), same[i], 1.5),
                bool(same[i]),
            )
            for i in range(6)
        ]
        return loops.reduce(losses, reduction, 6)

    run = differentiate(lambda x1, x2, same: loss.on_pairs(x1, x2, same).value, mode)
    value, by_x1, by_x2 = run(x1, x2, same)
    assert value == pytest.approx(expected(x1, x2), rel=1e-5)
    differences = loops.finite_differences(lambda x: expected(x, x2), x1)
    assert by_x1 == pytest.approx(differences, abs=1e-5)
    differences = loops.finite_differences(lambda x: expected(x1, x), x2)
    assert by_x2 == pytest.approx(differences, abs=1e-5)


def test_nothing_to_learn_from_points_of_classes_beyond_the_margin():
    labels = LABELS["shuffled"]
    _, ids = np.unique(labels, return_inverse=True)
    embeddings = 2.0 * ids[:, None] * np.ones((1, 3))
    loss = ContrastiveLoss(margin=3.0)
    value, gradient = differentiate(lambda x: loss(labels, x))(embeddings)
    assert value == 0
    assert not gradient.any()


def test_wider_margins_cost_more(rng):
    labels, embeddings = LABELS["ragged"], rng.normal(size=(12, 3))
    values = [float(ContrastiveLoss(margin)(labels, embeddings)) for margin in (0.1, 0.5, 1, 2)]
    assert values == sorted(values)


@pytest.mark.parametrize("margin", [0, -1.0, None, "soft", True])
def test_margins_that_are_none(margin):
    with pytest.raises(ValueError, match="`margin` must be a finite number above 0"):
        ContrastiveLoss(margin)


def test_margin_out_of_reach():
    with pytest.raises(ValueError, match=r"angular distance lies in \[0, 1\]"):
        ContrastiveLoss(1.5, "angular")
    with pytest.raises(ValueError, match=r"unit-norm embeddings lies in \[0, 2\]"):
        ContrastiveLoss(2.5).check_margin(unit_norm=True)


def test_distance_that_may_be_negative():
    with pytest.raises(ValueError, match=r"must not be negative.*InnerProduct\(\).*Use \"cosine\""):
        ContrastiveLoss(distance="inner_product")


def test_unknown_reduction():
    with pytest.raises(ValueError, match=r"Unknown `reduction`.*Did you mean 'balanced'"):
        ContrastiveLoss(reduction="balance")


class TestBattery(LossBattery):
    settings = {
        "default": ContrastiveLoss(3.0),
        "cosine": ContrastiveLoss(0.7, "cosine"),
    }
    constant_when_collapsed = {"default": 96 / 132 * 4.5, "cosine": 96 / 132 * 0.245}

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        distances = loops.distances(loss.distance.name, x, candidates)
        losses = loops.contrastive_losses(distances, labels, candidate_labels, margin=loss.margin)
        return [(anchor, value) for anchor, value, _ in losses]
