import numpy as np
import pytest
from keras import ops
from loss_battery import DIM, LossBattery
from loss_harness import LABELS, MODES, differentiate, tensorflow_only
from reference import loops, pair_losses

from keras_siamese.losses import MarginLoss
from keras_siamese.miners import BatchHardMiner, DistanceWeightedMiner, SemiHardMiner
from keras_siamese.relations import Relation

# Places 0, 0.6, -0.8: a match 0.6 apart, others 0.8 and 1.4 apart.
PLACES = np.array([[0.0], [0.6], [-0.8]])
SAME = np.array([0, 0, 1])


class TestBattery(LossBattery):
    settings = {
        "default": MarginLoss(0.3, 2.0),
        "fixed": MarginLoss(0.3, 2.0, learn_beta=False, reduction="sum"),
        "pulled": MarginLoss(0.2, 0.7, nu=0.25, distance="cosine", reduction="mean"),
    }
    # 36 matching pairs of 132: max(0, margin - beta); 96 others: margin + beta.
    constant_when_collapsed = {
        "default": 2.3,
        "fixed": 96 * 2.3,
        "pulled": 96 / 132 * 0.9 + 0.25 * 0.7 / 2,
    }

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        beta = loss.beta if loss.betas is None else float(ops.convert_to_numpy(loss.betas)[0])
        d = loops.distances(loss.distance.name, x, candidates)
        return pair_losses.pair_losses(
            lambda _, d, same: pair_losses.margin_loss(d, same, loss.margin, beta, loss.nu),
            d,
            labels,
            candidate_labels,
        )


class TestBatteryOfClasses(LossBattery):
    """A boundary of each class. Labels are places in a table, of which two sets share no other."""

    labels = {
        name: np.unique(labels, return_inverse=True)[1].astype("int64")
        for name, labels in LABELS.items()
    }
    settings = {
        "classes": MarginLoss(0.3, 2.0, num_classes=12),
        "pulled": MarginLoss(0.2, 1.2, nu=0.5, num_classes=20, reduction="mean"),
    }
    constant_when_collapsed = {"classes": 2.3, "pulled": 96 / 132 * 1.4 + 0.3}
    takes_two_sets = False

    @staticmethod
    def reference(loss, labels, x, candidate_labels=None, candidates=None):
        betas = ops.convert_to_numpy(loss.betas).astype("float64")
        d = loops.distances("euclidean", x, candidates)
        return pair_losses.pair_losses(
            lambda a, d, same: pair_losses.margin_loss(
                d, same, loss.margin, betas[labels[a]], loss.nu
            ),
            d,
            labels,
            candidate_labels,
        )

    def test_second_set(self, rng):
        # The boundary is that of the anchor's class, and classes of candidates may be any.
        loss = MarginLoss(num_classes=4, reduction="mean")
        loss.build(DIM)
        loss.betas.assign([0.5, 1.0, 2.0, 4.0])
        labels, x = np.array([3, 0, 2, 1]), rng.normal(size=(4, DIM))
        candidate_labels, candidates = np.array([0, 3, 7, 3, 2]), rng.normal(size=(5, DIM))
        result = loss.on_batch(labels, x, candidate_labels=candidate_labels, candidates=candidates)
        expected = self.expected(loss, labels, x, candidate_labels, candidates)
        assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        # From both ends: 0.6 within 1.1 - 0.2: 0; 0.2 + 1.1 - 0.8 = 0.5; 1.4 beyond 1.1 + 0.2: 0.
        ("sum", 1.0),
        ("mean", 1 / 6),
        ("mean_nonzero", 0.5),
        ("none", [0.25, 0.0, 0.25]),
    ],
)
def test_golden(reduction, expected):
    value = MarginLoss(0.2, 1.1, reduction=reduction)(SAME, PLACES)
    assert ops.convert_to_numpy(value) == pytest.approx(np.array(expected), abs=1e-6)


def test_golden_pairs_and_triplets():
    # A match 0.6 apart: 0.2 + 0.6 - 0.5 = 0.3; a mismatch 0.8 apart: 0.2 + 0.5 - 0.8 < 0.
    loss = MarginLoss(0.2, 0.5, reduction="sum")
    triplet = loss.on_triplets(PLACES[:1], PLACES[1:2], PLACES[2:])
    pairs = loss.on_pairs(PLACES[[0, 0]], PLACES[1:], np.array([1, 0]))
    for result in (triplet, pairs):
        assert float(result.value) == pytest.approx(0.3)
        assert float(result.active_fraction) == 0.5
        assert int(result.num_tuples) == 2


def test_golden_gradient_of_the_boundary():
    # Of the sum: a match beyond the boundary gives -1, a mismatch within it 1, nu / 2 each pair.
    # Beta 0.7: matches (0.6) 0.1 twice; mismatches 0.8: 0.1 twice; 1.4: 0. In all 0.
    # By class: anchors 0 and 1 are of class 0: -1 + 1 and -1; anchor 2 is of class 1: 1.
    x, nu = ops.convert_to_tensor(PLACES), 0.5
    for num_classes, expected in ((None, [6 * 0.25]), (2, [4 * 0.25 - 1, 2 * 0.25 + 1])):
        loss = MarginLoss(0.2, 0.7, nu, num_classes, reduction="sum")
        loss.build(1)
        values = []
        for c in range(num_classes or 1):
            for step in (1e-2, -1e-2):
                betas = np.full(num_classes or 1, 0.7)
                betas[c] += step
                loss.betas.assign(betas)
                values.append(float(loss(SAME, x)))
        slopes = [(values[i] - values[i + 1]) / 2e-2 for i in range(0, len(values), 2)]
        assert slopes == pytest.approx(expected, abs=1e-4)


def test_triplet_miner_gives_two_pairs_of_each_triplet(rng):
    labels, x = LABELS["ragged"], rng.normal(size=(12, 3))
    d = loops.distances("euclidean", x)
    for miner, triplets in (
        (BatchHardMiner(), loops.batch_hard(d, labels)),
        (
            SemiHardMiner(fallback="skip"),
            loops.semi_hard(d, labels, negative="nearest", fallback="skip", margin=0.5),
        ),
    ):
        losses = [
            (a, pair_losses.margin_loss(d[a][other], same, 0.5, 2.0))
            for a, p, n in triplets
            for other, same in ((p, True), (n, False))
        ]
        result = MarginLoss(0.5, 2.0, miner=miner).on_batch(labels, x)
        assert float(result.value) == pytest.approx(loops.reduce(losses, "mean_nonzero", 12))
        assert int(result.num_tuples) == len(losses)


def test_with_the_miner_of_the_paper(rng):
    # Each of the 36 positive pairs, with a negative of its own; which one is random.
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 8))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    d = loops.distances("euclidean", x)
    loss = MarginLoss(0.2, 1.2, miner=DistanceWeightedMiner(), reduction="sum")
    result = loss.on_batch(labels, x)
    assert int(result.num_tuples) == 72
    positive = sum(
        pair_losses.margin_loss(d[a][p], True, 0.2, 1.2) for a, p, _ in loops.positive_pairs(labels)
    )
    most = 36 * max(
        pair_losses.margin_loss(d[a][n], False, 0.2, 1.2)
        for a, _, negatives in loops.positive_pairs(labels)
        for n in negatives
    )
    assert positive <= float(result.value) <= positive + most


@pytest.mark.parametrize("mode", MODES)
def test_class_boundaries_in_all_modes(rng, mode):
    # Each class has a boundary of its own, so that they cannot be mixed up.
    loss = MarginLoss(num_classes=3, miner=BatchHardMiner())
    loss.build(3)
    loss.betas.assign([0.3, 1.0, 3.0])
    labels, x = np.repeat([2, 0, 1], 4), rng.normal(size=(12, 3)).astype("float32")
    d = loops.distances("euclidean", x)
    beta = {0: 0.3, 1: 1.0, 2: 3.0}
    losses = [
        (a, pair_losses.margin_loss(d[a][other], same, 0.2, beta[labels[a]]))
        for a, p, n in loops.batch_hard(d, labels)
        for other, same in ((p, True), (n, False))
    ]
    value, _ = differentiate(lambda labels, x: loss(labels, x), mode)(labels, x)
    assert value == pytest.approx(loops.reduce(losses, "mean_nonzero", 12), rel=1e-5)


def test_labels_out_of_range():
    loss = MarginLoss(num_classes=2)
    x = np.zeros((3, 1), "float32")
    for labels in (np.array([0, 1, 2]), np.array([0, -1, 1]), np.array([0, 1, 2**40])):
        with pytest.raises(ValueError, match=r"Labels must be 0 to 1.*`num_classes`. Received: \["):
            loss(labels, x)


@tensorflow_only
@pytest.mark.parametrize("mode", MODES[1:])
def test_labels_out_of_range_in_a_graph(mode):
    loss = MarginLoss(num_classes=2)
    loss.build(1)
    run = differentiate(lambda labels, x: loss(labels, x), mode)
    x = PLACES.astype("float32")
    assert np.isfinite(run(np.array([0, 0, 1]), x)[0])
    assert np.isnan(run(np.array([0, 0, 2]), x)[0])


def test_learning_rate_multiplier():
    loss = MarginLoss(learning_rate_multiplier=10.0)
    loss.build(2)
    assert [10.0] == list(loss.learning_rate_multipliers().values())
    assert [v.shape for v in loss.trainable_variables] == [(1,)]
    fixed = MarginLoss(learn_beta=False)
    fixed.build(2)
    assert fixed.trainable_variables == []


def test_boundaries_of_classes_need_class_ids():
    loss = MarginLoss(num_classes=2)
    with pytest.raises(ValueError, match="has no meaning on pairs"):
        loss.on_pairs(PLACES, PLACES, [1, 0, 1])
    with pytest.raises(ValueError, match="has no meaning on triplets"):
        loss.on_triplets(PLACES, PLACES, PLACES)
    with pytest.raises(ValueError, match="Two views have no class ids"):
        loss.on_views(PLACES, PLACES)


class Parity(Relation):
    def as_labels(self, labels):
        return labels

    def matches(self, labels, other_labels):
        return labels[:, None] % 2 == other_labels[None, :] % 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 0.0}, "`margin` must be a finite number above 0"),
        ({"margin": 1.0, "distance": "angular"}, "`margin` is out of reach"),
        ({"beta": -1.0}, "`beta` must be a finite number above 0"),
        ({"nu": -0.1}, "`nu` must be a finite number above 0"),
        ({"num_classes": 1}, "`num_classes` must be an integer of at least 2"),
        ({"learning_rate_multiplier": 0}, "`learning_rate_multiplier` must be a finite number"),
        ({"num_classes": 2, "learn_beta": False}, "Received: learn_beta=False"),
        ({"num_classes": 2, "relation": Parity()}, "Expected `learn_beta=True` and no `relation`"),
        ({"reduction": "avg"}, "Unknown `reduction`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MarginLoss(**arguments)
