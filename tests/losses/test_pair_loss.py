import keras
import numpy as np
import pytest
from keras import ops
from loss_battery import REDUCTIONS
from loss_harness import LABELS, MODES, differentiate
from reference import loops, pair_losses

from keras_siamese.losses import (
    AnchorLoss,
    CircleLoss,
    ContrastiveLoss,
    FastAPLoss,
    MultiSimilarityLoss,
    NCALoss,
    NTXentLoss,
    PairLoss,
    SupConLoss,
    losses_of,
)
from keras_siamese.miners import (
    BatchAllMiner,
    BatchHardMiner,
    PairMiner,
    ScheduledMiner,
    SemiHardMiner,
    all_pairs,
)
from keras_siamese.relations import Relation


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class NearPairsMiner(PairMiner):
    """Pairs at a distance of at most `reach`."""

    def __init__(self, reach=1.5):
        self.reach = reach

    def mine(self, anchors, candidates, classes, *, distance, margin):
        pairs = all_pairs(classes)
        near = distance.pairwise(anchors, candidates) <= self.reach
        return pairs._replace(mask=ops.logical_and(pairs.mask, near))

    def get_config(self):
        return {"reach": self.reach}


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class TotalLoss(PairLoss):
    """The distance of pairs that match, minus that of the others, and 10."""

    def pair_losses(self, x, positive, negative):
        return losses_of(10 + ops.where(positive, x, -x), ops.logical_or(positive, negative))


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class TotalSimilarityLoss(TotalLoss):
    compares = "similarity"


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class NearestLoss(AnchorLoss):
    """The distance to the nearest positive, or negative if that is nearer."""

    def pair_losses(self, x, positive, negative):
        pair = ops.logical_or(positive, negative)
        nearest = ops.min(ops.where(pair, x, 1e9), axis=1, keepdims=True)
        return losses_of(nearest, ops.any(pair, axis=1, keepdims=True))


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class Parity(Relation):
    """Items match whose labels are both odd or both even."""

    def as_labels(self, labels):
        return ops.convert_to_tensor(labels)

    def matches(self, labels, other_labels):
        return labels[:, None] % 2 == other_labels[None, :] % 2


def contrastive(d, pairs, margin, reduction, num_anchors=12):
    """Of `(anchor, candidate, same)`."""
    losses = [(a, loops.contrastive_loss(d[a][c], same, margin), same) for a, c, same in pairs]
    if reduction != "balanced":
        losses = [row[:2] for row in losses]
    return loops.reduce(losses, reduction, num_anchors)


def pairs_of(triplets):
    return [(a, c, same) for a, p, n in triplets for c, same in ((p, True), (n, False))]


def every_pair(labels):
    for a, positives, negatives in pair_losses.partners(labels):
        yield from ((a, p, True) for p in positives)
        yield from ((a, n, False) for n in negatives)


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "balanced"])
@pytest.mark.parametrize("name", ["p_x_k", "ragged", "one_class", "singletons"])
def test_miner_of_pairs(rng, name, reduction):
    labels, x = LABELS[name], rng.normal(size=(12, 3))
    d = loops.distances("euclidean", x)
    near = [(a, c, same) for a, c, same in every_pair(labels) if d[a][c] <= 1.5]
    loss = ContrastiveLoss(1.2, miner=NearPairsMiner(), reduction=reduction)
    result = loss.on_batch(labels, x)
    expected = contrastive(d, near, 1.2, reduction)
    assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert int(result.num_tuples) == len(near)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["sparse", "exhaustive"])
def test_miner_of_triplets(rng, kind, mode):
    labels, x = LABELS["ragged"], rng.normal(size=(12, 3)).astype("float32")
    d = loops.distances("euclidean", x)
    if kind == "sparse":
        miner, triplets = BatchHardMiner(), loops.batch_hard(d, labels)
    else:  # all of them are read off the full matrix
        miner = SemiHardMiner("all", "skip")
        triplets = loops.semi_hard(d, labels, negative="all", fallback="skip", margin=1.2)
    loss = ContrastiveLoss(1.2, miner=miner)
    value, gradient = differentiate(lambda labels, x: loss(labels, x), mode)(labels, x)
    assert value == pytest.approx(contrastive(d, pairs_of(triplets), 1.2, "mean"), rel=1e-5)

    def fixed(x):
        return contrastive(loops.distances("euclidean", x), pairs_of(triplets), 1.2, "mean")

    assert gradient == pytest.approx(loops.finite_differences(fixed, x), abs=1e-5)


def test_all_triplets(rng):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    d = loops.distances("euclidean", x)
    pairs = pairs_of(loops.batch_all(d, labels))
    result = ContrastiveLoss(1.2, miner=BatchAllMiner()).on_batch(labels, x)
    assert float(result.value) == pytest.approx(contrastive(d, pairs, 1.2, "mean"), rel=1e-5)
    assert int(result.num_tuples) == len(pairs)


@pytest.mark.parametrize("kind", [TotalLoss, TotalSimilarityLoss])
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "inner_product"])
def test_what_the_formula_is_in_terms_of(rng, kind, distance):
    x1, x2 = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    same = np.array([1, 0, 0, 1, 1, 0])
    expected = []
    for i in range(6):
        value = loops.distance(distance, x1[i], x2[i])
        if kind is TotalSimilarityLoss:
            value = 1 - value if distance == "cosine" else -value
        expected.append(10 + value if same[i] else 10 - value)
    loss = kind(distance=distance, reduction="none")
    value = ops.convert_to_numpy(loss.on_pairs(x1, x2, same).value)
    assert value == pytest.approx(expected, rel=1e-6)
    # The same pairs in two sets of a batch, by the full matrix.
    labels, candidate_labels = np.arange(6), np.where(same, np.arange(6), -1)
    for i in range(6):
        second = {"candidate_labels": candidate_labels[i : i + 1], "candidates": x2[i : i + 1]}
        value = loss.on_batch(labels[i : i + 1], x1[i : i + 1], **second).value
        assert ops.convert_to_numpy(value) == pytest.approx(expected[i : i + 1], rel=1e-6)


def test_given_triplets_are_two_pairs_each(rng):
    anchor, positive, negative = rng.normal(size=(3, 5, 3))
    expected = []
    for a, p, n in zip(anchor, positive, negative, strict=True):
        expected.append(
            10 + (loops.distance("euclidean", a, p) - loops.distance("euclidean", a, n)) / 2
        )
    result = TotalLoss(reduction="none").on_triplets(anchor, positive, negative)
    assert ops.convert_to_numpy(result.value) == pytest.approx(expected, rel=1e-6)
    assert int(result.num_tuples) == 10


def test_an_anchor_loss_has_triplets_but_no_pairs(rng):
    # Of places 0, 3 and -2, the negative is the nearer one; one value for the anchor.
    loss = NearestLoss()
    points = [np.array([[0.0]]), np.array([[3.0]]), np.array([[-2.0]])]
    result = loss.on_triplets(*points)
    assert float(result.value) == pytest.approx(2.0)
    assert int(result.num_tuples) == 1
    with pytest.raises(ValueError, match=r"NearestLoss has no meaning on pairs.*ContrastiveLoss"):
        loss.on_pairs(points[0], points[1], [1])
    # In a batch: each item's nearest neighbour.
    x = rng.normal(size=(12, 3))
    d = loops.distances("euclidean", x) + np.diag(np.full(12, np.inf))
    assert float(loss(LABELS["ragged"], x)) == pytest.approx(d.min(1).mean(), rel=1e-6)


def test_relation(rng):
    labels, x = LABELS["ragged"], rng.normal(size=(12, 3))
    d = loops.distances("euclidean", x)
    for miner in (None, NearPairsMiner()):
        loss = ContrastiveLoss(1.2, relation=Parity(), miner=miner)
        reach = 1.5 if miner else np.inf
        pairs = [pair for pair in every_pair(labels % 2) if d[pair[0]][pair[1]] <= reach]
        expected = contrastive(d, pairs, 1.2, "mean")
        assert float(loss(labels, x)) == pytest.approx(expected, rel=1e-5)
    config = keras.losses.serialize(loss)
    restored = keras.losses.deserialize(config)
    assert isinstance(restored.relation, Parity)
    assert restored.miner.reach == 1.5
    assert float(restored(labels, x)) == pytest.approx(expected, rel=1e-5)


def test_regularizer(rng):
    # |x|^2 summed, times 0.25, over the number of anchors.
    labels, x = LABELS["ragged"], rng.normal(size=(12, 3))
    pull = 0.25 * (x**2).sum() / 12
    loss = ContrastiveLoss(1.2, embedding_regularizer=keras.regularizers.L2(0.25))
    plain = float(ContrastiveLoss(1.2)(labels, x))
    assert float(loss(labels, x)) == pytest.approx(plain + pull, rel=1e-5)
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(restored(labels, x)) == pytest.approx(plain + pull, rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_common_to_all_costs_no_digits(rng, mode):
    # Without centring, squares of 1e6 leave distances of 0.1 no digit in float32.
    labels = LABELS["ragged"]
    x = np.round(rng.normal(size=(12, 3)) * 64).astype("float32") / 512
    loss = ContrastiveLoss(0.3)
    run = differentiate(lambda labels, x: loss(labels, x), mode)
    value, gradient = run(labels, x)
    far_value, far_gradient = run(labels, x + np.float32(1024))
    assert far_value == pytest.approx(value, rel=1e-5)
    assert far_gradient == pytest.approx(gradient, rel=1e-4, abs=1e-6)


def test_unknown_miner():
    with pytest.raises(ValueError, match=r"miner.*Received: 3"):
        ContrastiveLoss(miner=3)


@pytest.mark.parametrize(
    ("loss", "mode"),
    [
        *(
            (loss, "eager")
            for loss in (SupConLoss, NCALoss, CircleLoss, FastAPLoss, MultiSimilarityLoss)
        ),
        *((NTXentLoss, mode) for mode in MODES),
    ],
)
def test_all_triplets_are_all_pairs_of_an_anchor_once(rng, loss, mode):
    # Every anchor has a positive and a negative, so each of its pairs is in some triplet.
    labels, x = LABELS["shuffled"], rng.normal(size=(12, 4)).astype("float32")
    for miner in (BatchAllMiner(), ScheduledMiner([(0, "batch_all")])):
        run = differentiate(lambda x, miner=miner: loss(miner=miner)(labels, x), mode)
        value, gradient = run(x)
        expected, expected_gradient = differentiate(lambda x: loss()(labels, x))(x)
        assert value == pytest.approx(expected, rel=1e-5)
        assert gradient == pytest.approx(expected_gradient, rel=1e-3, abs=1e-4)


def test_a_negative_of_two_positives_counts_once():
    # The anchor 0 has the positives 1 and 2, and for both the negative 3 alone.
    labels, x = np.array([0, 0, 0, 1]), np.array([[0.0], [1.0], [2.0], [3.0]])
    loss = NTXentLoss(1.0, "euclidean", miner=SemiHardMiner(), reduction="none")
    expected = (np.log1p(np.exp(1.0 - 3.0)) + np.log1p(np.exp(2.0 - 3.0))) / 2
    assert float(loss(labels, x)[0]) == pytest.approx(expected, rel=1e-6)
    result = SupConLoss(1.0, "euclidean", miner=SemiHardMiner(), reduction="none")(labels, x)
    expected = np.log(np.exp([-1.0, -2.0, -3.0]).sum()) + 1.5
    assert float(result[0]) == pytest.approx(expected, rel=1e-6)
