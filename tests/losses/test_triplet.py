import subprocess
import sys

import numpy as np
import pytest
from keras import ops
from loss_harness import DISTANCES, DOUBLE, LABELS, MODES, differentiate, tensorflow_only
from reference import loops

from keras_siamese.losses import TripletLoss
from keras_siamese.miners import BatchAllMiner, BatchHardMiner, SemiHardMiner
from keras_siamese.ops import active_triplets

REDUCTIONS = ("mean", "mean_nonzero", "mean_pairs", "sum", "none")

# The case that tells all readings of "semi-hard" apart: worked out in miners/test_semi_hard.py.
POINTS = np.array([[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]])
POINT_LABELS = np.array([0, 0, 0, 1, 1, 1])


def _mine(miner, distances, labels, candidate_labels, margin):
    """Triplets, and the number of pairs that the miner looked at."""
    pairs = list(loops.positive_pairs(labels, candidate_labels))
    if isinstance(miner, BatchHardMiner):
        triplets = loops.batch_hard(distances, labels, candidate_labels)
        return triplets, len({a for a, _, _ in pairs})
    if isinstance(miner, BatchAllMiner):
        return loops.batch_all(distances, labels, candidate_labels), len(pairs)
    triplets = loops.semi_hard(
        distances,
        labels,
        candidate_labels,
        negative=miner.negative,
        fallback=miner.fallback,
        margin=None if margin == "soft" else margin,
    )
    return triplets, len(pairs)


def _expected(loss, labels, embeddings, candidate_labels=None, candidates=None, weights=None):
    margin = "soft" if loss.margin is None else loss.margin
    distances = loops.distances(loss.distance.name, embeddings, candidates)
    triplets, num_pairs = _mine(loss.miner, distances, labels, candidate_labels, margin)
    losses = [
        (a, loops.triplet_loss(distances[a, p], distances[a, n], margin)) for a, p, n in triplets
    ]
    return loops.reduce(losses, loss.reduction, len(labels), num_pairs=num_pairs, weights=weights)


@pytest.mark.parametrize(
    ("fallback", "reduction", "expected"),
    [
        # Seven semi-hard triplets: 0.3 three times and 0.5 four times, 2.9 in all.
        ("skip", "mean", 2.9 / 7),
        ("skip", "mean_nonzero", 2.9 / 7),
        ("skip", "mean_pairs", 2.9 / 12),
        ("skip", "sum", 2.9),
        # Per anchor: 0.3 and 0.5; 0.5 and 0.5; none; none; 0.3; 0.3 and 0.5.
        ("skip", "none", [0.4, 0.5, 0.0, 0.0, 0.3, 0.4]),
        # The five others with the farthest negative: 0.9 - 2.1, 0.7 - 2.1 (both give 0), 0.5 - 0.5,
        # 2.5 - 0.5, 2 - 1: 0.6 + 2.6 + 1.6 = 4.8 more, and three of them not 0.
        ("farthest", "mean", 7.7 / 12),
        ("farthest", "mean_nonzero", 7.7 / 10),
        # With the hardest: 0.9 - 0.1, 0.7 - 0.1, 0.5 - 0.3, 2.5 - 0.3, 2 - 0.1: 5.7 + 5 * 0.6 =
        # 8.7.
        ("hardest", "mean", 11.6 / 12),
    ],
)
def test_golden(fallback, reduction, expected):
    miner = SemiHardMiner(fallback=fallback)
    loss = TripletLoss(margin=0.6, miner=miner, reduction=reduction)
    value = ops.convert_to_numpy(loss(POINT_LABELS, POINTS))
    assert value == pytest.approx(expected, rel=1e-9)


def test_golden_figures_as_they_are_quoted():
    miner = SemiHardMiner(fallback="skip")
    over_mined, over_pairs = (
        float(TripletLoss(0.6, miner=miner, reduction=reduction)(POINT_LABELS, POINTS))
        for reduction in ("mean", "mean_pairs")
    )
    assert (round(over_mined, 4), round(over_pairs, 4)) == (0.4143, 0.2417)


def test_golden_soft():
    # Anchors -1 and 1 of one class, 2 of another: ln(1 + e^(2 - 3)) and ln(1 + e^(2 - 1)).
    loss = TripletLoss(margin="soft", reduction="sum")
    value = loss([0, 0, 1], np.array([[-1.0], [1.0], [2.0]]))
    assert float(value) == pytest.approx(0.313262 + 1.313262, abs=1e-6)


@pytest.mark.parametrize("margin", [0.3, "soft"])
@pytest.mark.parametrize(
    "miner",
    [
        SemiHardMiner(),
        SemiHardMiner("nearest", "skip"),
        SemiHardMiner("all", "hardest"),
        BatchHardMiner(),
        BatchAllMiner(),
    ],
    ids=["semi_hard", "semi_hard_skip", "semi_hard_all", "batch_hard", "batch_all"],
)
def test_against_loops(rng, miner, margin):
    def check(labels, reduction, weights=None):
        embeddings = rng.normal(size=(12, 3)).astype("float32")
        loss = TripletLoss(margin=margin, miner=miner, reduction=reduction)
        expected = _expected(loss, labels, embeddings, weights=weights)
        value = ops.convert_to_numpy(loss(labels, embeddings, weights))
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-6)

    for labels in LABELS.values():
        check(labels, "mean")
    for reduction in REDUCTIONS:
        check(LABELS["ragged"], reduction)
        check(LABELS["shuffled"], reduction, rng.choice([0.0, 0.5, 1.0, 2.0], 12))


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(
    "miner", [SemiHardMiner(), BatchAllMiner()], ids=["semi_hard", "batch_all"]
)
def test_gradient_is_the_finite_difference(rng, miner, distance):
    # Float64 stays float64. The chosen triplets do not change within a step of 1e-6.
    loss = TripletLoss(margin=0.3, distance=distance, miner=miner, reduction="mean_pairs")
    labels, embeddings = LABELS["ragged"], rng.normal(size=(12, 2))
    value, gradient = differentiate(lambda x: loss(labels, x))(embeddings)
    assert value.dtype in ("float64", DOUBLE)
    assert value == pytest.approx(_expected(loss, labels, embeddings), rel=1e-9)
    expected = loops.finite_differences(lambda x: _expected(loss, labels, x), embeddings)
    error = 1e-7 if DOUBLE == "float64" else 5e-4
    assert gradient == pytest.approx(expected, abs=error)


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_precisions(rng, precision):
    loss = TripletLoss(margin=0.3)
    embeddings = ops.convert_to_numpy(ops.cast(rng.normal(size=(12, 3)), precision))
    exact = embeddings.astype("float64")
    labels = LABELS["shuffled"]
    value, gradient = differentiate(lambda x: loss(labels, x))(embeddings)
    exact_value, exact_gradient = differentiate(lambda x: loss(labels, x))(exact)
    assert value.dtype == "float32"
    assert value == pytest.approx(exact_value, rel=1e-5)
    assert gradient.dtype == embeddings.dtype
    error = {"float32": 1e-6, "float16": 1e-3, "bfloat16": 1e-2}[precision]
    assert gradient.astype("float64") == pytest.approx(exact_gradient, abs=error)


@pytest.mark.parametrize(
    "miner",
    [
        SemiHardMiner("nearest", "hardest"),
        SemiHardMiner("all", "skip"),
        BatchHardMiner(),
        BatchAllMiner(),
    ],
    ids=["semi_hard", "semi_hard_all", "batch_hard", "batch_all"],
)
def test_two_sets(rng, miner):
    labels, candidate_labels = LABELS["ragged"], np.array([5, 1, 1, 7, 5, 2, 7, 1])
    embeddings, candidates = rng.normal(size=(12, 2)), rng.normal(size=(8, 2))
    for reduction in REDUCTIONS:
        loss = TripletLoss(margin=0.4, miner=miner, reduction=reduction)
        result = loss.on_batch(
            labels, embeddings, candidate_labels=candidate_labels, candidates=candidates
        )
        expected = _expected(loss, labels, embeddings, candidate_labels, candidates)
        assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-9)

    # Both sets are differentiated by.
    def value(x, y):
        return loss.on_batch(labels, x, candidate_labels=candidate_labels, candidates=y).value

    loss = TripletLoss(margin=0.4, miner=miner)
    _, by_anchors, by_candidates = differentiate(value)(embeddings, candidates)
    differences = loops.finite_differences(
        lambda x: _expected(loss, labels, x, candidate_labels, candidates), embeddings
    )
    assert by_anchors == pytest.approx(differences, abs=1e-7)
    differences = loops.finite_differences(
        lambda y: _expected(loss, labels, embeddings, candidate_labels, y), candidates
    )
    assert by_candidates == pytest.approx(differences, abs=1e-7)


@pytest.mark.parametrize("mode", MODES)
def test_given_triplets(rng, mode):
    distance = "cosine"
    loss = TripletLoss(margin=0.5, distance=distance)
    points = [rng.normal(size=(5, 3)).astype("float32") for _ in range(3)]
    value, *gradients = differentiate(lambda a, p, n: loss.on_triplets(a, p, n).value, mode)(
        *points
    )

    def expected(a, p, n):
        return np.mean(
            [
                loops.triplet_loss(
                    loops.distance(distance, a[i], p[i]),
                    loops.distance(distance, a[i], n[i]),
                    0.5,
                )
                for i in range(5)
            ]
        )

    assert value == pytest.approx(expected(*points), rel=1e-5)
    for place, gradient in enumerate(gradients):
        differences = loops.finite_differences(
            lambda x, place=place: expected(*points[:place], x, *points[place + 1 :]), points[place]
        )
        assert gradient == pytest.approx(differences, abs=1e-5)


def test_given_triplets_by_hand():
    # 1 - 3 + 2.5 = 0.5, 2 - 1 + 2.5 = 3.5, 1 - 4 + 2.5 < 0.
    a, p = np.zeros((3, 1)), np.array([[1.0], [-2.0], [1.0]])
    n = np.array([[3.0], [1.0], [-4.0]])
    for reduction, expected in (
        ("mean", 4 / 3),
        ("mean_nonzero", 2.0),
        ("mean_pairs", 4 / 3),
        ("sum", 4.0),
        ("none", [0.5, 3.5, 0.0]),
    ):
        result = TripletLoss(2.5, reduction=reduction).on_triplets(a, p, n)
        assert ops.convert_to_numpy(result.value) == pytest.approx(expected)
        assert int(result.num_tuples) == 3
        assert float(result.active_fraction) == pytest.approx(2 / 3)


def test_wider_margins_cost_more_for_the_same_triplets(rng):
    points = rng.normal(size=(3, 20, 4))
    for distance in DISTANCES:
        values = [
            float(TripletLoss(margin, distance).on_triplets(*points).value)
            for margin in (0.01, 0.1, 0.5, 0.99)
        ]
        assert values[0] >= 0
        assert values == sorted(values)


@pytest.mark.parametrize(
    "miner", [SemiHardMiner(), SemiHardMiner("all"), BatchHardMiner(), BatchAllMiner()]
)
def test_nothing_to_learn_from_classes_beyond_the_margin(rng, miner):
    # Classes 10 apart and at most 0.2 wide.
    labels = LABELS["shuffled"]
    _, ids = np.unique(labels, return_inverse=True)
    embeddings = np.array([[10.0, 0.0]]) * ids[:, None] + rng.uniform(-0.1, 0.1, (12, 2))
    loss = TripletLoss(margin=9.5, miner=miner)
    value, gradient = differentiate(lambda x: loss(labels, x))(embeddings)
    assert value == 0
    assert not gradient.any()
    assert float(TripletLoss(margin=10.5, miner=miner)(labels, embeddings)) > 0


@pytest.mark.parametrize("gap", [200.0, -200.0, 1e4, -1e4])
def test_soft_margin_at_wide_gaps(gap):
    loss = TripletLoss(margin="soft")
    a, p, n = (np.array([[x]], "float32") for x in (0, max(gap, 0), max(-gap, 0)))
    value, *gradients = differentiate(lambda *x: loss.on_triplets(*x).value)(a, p, n)
    assert value == pytest.approx(max(gap, 0.0), abs=1e-9)
    assert np.isfinite(gradients).all()
    # d(a, p) counts fully beyond the gap, and not at all before it.
    assert gradients[1].item() == pytest.approx(1.0 if gap > 0 else 0.0, abs=1e-9)


@pytest.mark.parametrize("margin", [0, -0.5, float("nan"), float("inf"), True, "hard", None])
def test_margins_that_are_none(margin):
    with pytest.raises(ValueError, match="`margin` must be a"):
        TripletLoss(margin)


@pytest.mark.parametrize(
    ("distance", "margin", "reach"), [("cosine", 2.5, 2), ("cosine", 2, 2), ("angular", 1.0, 1)]
)
def test_margin_that_no_embeddings_reach(distance, margin, reach):
    with pytest.raises(
        ValueError, match=f"`margin` is out of reach.*{distance}.*less than {reach};"
    ):
        TripletLoss(margin, distance)


@pytest.mark.parametrize(
    ("distance", "margin", "reach"),
    [("euclidean", 2.5, 2), ("squared_euclidean", 4.0, 4), ("inner_product", 2.5, 2)],
)
def test_margin_that_unit_vectors_do_not_reach(distance, margin, reach):
    loss = TripletLoss(margin, distance)
    loss.check_margin(unit_norm=False)
    with pytest.raises(ValueError, match=f"unit-norm embeddings.*less than {reach};"):
        loss.check_margin(unit_norm=True)
    TripletLoss(0.99 * reach, distance).check_margin(unit_norm=True)


def test_soft_margin_has_no_reach():
    TripletLoss("soft").check_margin(unit_norm=True)


def test_unknown_names():
    with pytest.raises(ValueError, match=r"Unknown `reduction`.*Did you mean 'mean_pairs'"):
        TripletLoss(reduction="mean_pair")
    with pytest.raises(ValueError, match=r"Unknown `distance`.*Did you mean 'angular'"):
        TripletLoss(distance="angle")
    with pytest.raises(ValueError, match=r"Unknown `miner`.*Did you mean 'batch_hard'"):
        TripletLoss(miner="batch_herd")
    with pytest.raises(ValueError, match=r"`miner` must be a TripletMiner.*'multi_similarity'"):
        TripletLoss(miner="multi_similarity")


def test_no_meaning_on_pairs():
    with pytest.raises(ValueError, match=r"no meaning on pairs.*`ContrastiveLoss`"):
        TripletLoss().on_pairs(np.zeros((2, 3)), np.zeros((2, 3)), [0, 1])


PEAK_MEMORY = """
import resource, sys
import numpy as np, tensorflow as tf
from keras_siamese.losses import SmoothAPLoss, TripletLoss
from keras_siamese.miners import BatchAllMiner

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

rng = np.random.default_rng(0)
for loss, size, labels in (
    (SmoothAPLoss(), 512, lambda i: i % 2),
    (TripletLoss(miner=BatchAllMiner()), 512, lambda i: i % 2),
    (TripletLoss(), 2048, lambda i: i // 4),
):

    @tf.function
    def step(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        return value, tape.gradient(value, x)

    for size in (64, size):
        before = peak()
        x = tf.constant(rng.normal(size=(size, 16)), "float32")
        value, gradient = step(labels(tf.range(size)), x)
        assert 0 < float(value) < 1 and np.isfinite(gradient).all()
    print(peak() - before)
"""


@tensorflow_only
def test_large_batches_take_little_memory():
    # The compiler and the blocks take about 40 MiB. A (B, B, B) tensor of 2,048 would take 32 GiB,
    # and one (B, B) matrix for each of the usual steps of a dense loss, forward and back, 16 MiB
    # each. Of two classes in 512, a number for each anchor, positive and candidate takes 256 MiB.
    run = subprocess.run(
        [sys.executable, "-c", PEAK_MEMORY], capture_output=True, text=True, timeout=240, check=True
    )
    extra = [float(line) for line in run.stdout.split()]
    assert len(extra) == 3
    assert max(extra) < 100


class TestAllTriplets:
    """Those of `BatchAllMiner`, which are counted and not listed."""

    @pytest.mark.parametrize("name", ["p_x_k", "ragged", "one_class", "singletons"])
    @pytest.mark.parametrize("most_compared", [0, 512], ids=["sorting", "comparing"])
    def test_figures(self, rng, name, most_compared, monkeypatch):
        monkeypatch.setattr(active_triplets, "_MOST_COMPARED", most_compared)
        labels, x = LABELS[name], rng.normal(size=(12, 3))
        d = loops.distances("euclidean", x)
        losses = [
            loops.triplet_loss(d[a, p], d[a, n], 0.3) for a, p, n in loops.batch_all(d, labels)
        ]
        result = TripletLoss(0.3, miner=BatchAllMiner(), reduction="sum").on_batch(labels, x)
        assert float(result.value) == pytest.approx(sum(losses), rel=1e-9)
        assert int(result.num_tuples) == len(losses)
        share = np.mean(np.array(losses) > 0) if losses else 0.0
        assert float(result.active_fraction) == pytest.approx(share)

    def test_ties_have_no_loss(self):
        # Places 0 and 1 of one class, 2 of the other, margin 1: from 0 the loss is 1 - 2 + 1 = 0,
        # and from 1 it is 1 - 1 + 1 = 1. A triplet without a loss has no gradient.
        loss = TripletLoss(1.0, miner=BatchAllMiner(), reduction="mean_nonzero")
        points = np.array([[0.0], [1.0], [2.0]])
        value, gradient = differentiate(lambda x: loss(np.array([0, 0, 1]), x))(points)
        assert value == 1.0
        # Of |x1 - x0| - |x1 - x2|.
        assert gradient.tolist() == [[-1.0], [2.0], [-1.0]]

    @pytest.mark.parametrize("mode", MODES)
    def test_own_place_in_a_second_set(self, rng, mode):
        labels, x = LABELS["ragged"], rng.normal(size=(12, 3))
        order = rng.permutation(12)
        own = np.argsort(order)
        loss = TripletLoss(0.3, miner=BatchAllMiner(), reduction="mean_pairs")

        def own_left_out(x):
            candidates = ops.take(x, order, axis=0)
            return loss.on_batch(
                labels, x, candidate_labels=labels[order], candidates=candidates, own=own
            ).value

        value, gradient = differentiate(own_left_out, mode)(x)
        assert value == pytest.approx(_expected(loss, labels, x), rel=1e-9)
        differences = loops.finite_differences(lambda x: _expected(loss, labels, x), x)
        assert gradient == pytest.approx(differences, abs=1e-7)
