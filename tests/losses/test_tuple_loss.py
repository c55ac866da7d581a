"""What holds for every loss, and how a new one is made."""

import itertools
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import LABELS, MODES, MODES_OF_ONE_SIZE, UINT64, differentiate

from keras_siamese.losses import ContrastiveLoss, TripletLoss, TupleLoss, losses_of
from keras_siamese.miners import BatchAllMiner, BatchHardMiner, SemiHardMiner

MARGIN = 0.5
LOSSES = {
    "semi_hard": TripletLoss(MARGIN),
    "semi_hard_all": TripletLoss(MARGIN, miner=SemiHardMiner("all", "skip")),
    "batch_hard": TripletLoss(MARGIN, miner=BatchHardMiner()),
    "batch_all": TripletLoss(MARGIN, miner=BatchAllMiner(), reduction="mean_nonzero"),
    "contrastive": ContrastiveLoss(MARGIN, reduction="balanced"),
}


class FirstItem(NamedTuple):
    candidate: Any
    mask: Any


@keras.saving.register_keras_serializable(package="keras_siamese_tests")
class SpreadLoss(TupleLoss):
    """The distance to the first item of the batch, times -1."""

    def find_tuples(self, anchors, candidates, classes):
        index = ops.arange(ops.shape(anchors)[0], dtype="int32")[:, None]
        return FirstItem(ops.zeros_like(index), index > 0)

    def exhaustive(self, classes):
        return False

    def tuple_losses(self, tuples, anchors, candidates, exhaustive):
        first = ops.take(candidates, tuples.candidate[:, 0], axis=0)
        return losses_of(-self.distance.paired(anchors, first)[:, None], tuples.mask)


@pytest.fixture(params=LOSSES)
def loss(request):
    return LOSSES[request.param]


@pytest.fixture
def batch(rng):
    return LABELS["ragged"], rng.normal(size=(12, 3))


# Where distances are read off the full matrix, a graph does nothing that XLA does not do.
@pytest.fixture(
    params=[
        *itertools.product(LOSSES, [mode for mode in MODES if mode in ("eager", "jit_compile")]),
        *itertools.product(
            ["semi_hard", "batch_hard"], [mode for mode in MODES if mode == "unknown_batch_size"]
        ),
    ],
    ids="-".join,
    scope="module",
)
def name_and_run(request):
    """A loss, compiled once for all batches of a shape."""
    name, mode = request.param
    loss = LOSSES[name]
    return name, differentiate(lambda labels, x: loss(labels, x), mode)


class TestDegenerateBatches:
    """A documented value and a finite gradient, the same in every mode."""

    # Duplicates on a dyadic grid, so that their distance is exactly 0 in every formula.
    POINT = np.array([0.5, -1.25, 2.0], "float32")

    def test_batches(self, name_and_run):
        name, run = name_and_run
        rng = np.random.default_rng(0)
        points = rng.normal(size=(12, 3)).astype("float32")
        triplets = name != "contrastive"

        # One with something to compare first, so that 0 below means something.
        value, gradient = run(LABELS["ragged"], points)
        expected = differentiate(lambda x: LOSSES[name](LABELS["ragged"], x))(points)
        assert value == pytest.approx(expected[0], rel=1e-5)
        assert gradient == pytest.approx(expected[1], abs=1e-6)
        assert value > 0

        # Nothing to compare: no negative, no positive.
        for labels in (LABELS["one_class"], LABELS["singletons"]):
            value, gradient = run(labels, points)
            assert np.isfinite(gradient).all()
            if triplets:
                assert value == 0
                assert not gradient.any()
            else:
                d = np.linalg.norm(points[:, None] - points, axis=-1)[~np.eye(12, dtype=bool)]
                same = labels[0] == labels[1]
                losses = d**2 / 2 if same else np.maximum(MARGIN - d, 0) ** 2 / 2
                # Of the two halves, only one is there.
                assert value == pytest.approx(losses.mean() / 2, rel=1e-5)

        # All alike: pinned at the margin, and no direction is better than another.
        for x in (np.tile(self.POINT, (12, 1)), np.zeros((12, 3), "float32")):
            value, gradient = run(LABELS["p_x_k"], x)
            # "skip" leaves nothing, for no negative is farther than the positive.
            expected = {"semi_hard_all": 0.0, "contrastive": MARGIN**2 / 4}.get(name, MARGIN)
            assert value == pytest.approx(expected, rel=1e-6)
            assert not gradient.any()

    def test_duplicates_that_rounding_moves(self, name_and_run):
        name, run = name_and_run
        x = np.tile(np.array([0.1, 0.7, -0.3], "float32"), (12, 1)) * np.float32(1 / 3)
        value, gradient = run(LABELS["p_x_k"], x)
        assert np.isfinite(gradient).all()
        if name != "contrastive":
            assert 0 <= value < MARGIN + 1e-3

    @pytest.mark.parametrize("shape", [(1,), (1, 1)])
    def test_batch_of_one(self, loss, shape):
        value, gradient = differentiate(lambda x: loss(np.full(shape, 7), x))(self.POINT[None])
        assert value == 0
        assert gradient.tolist() == [[0.0, 0.0, 0.0]]

    @pytest.mark.parametrize("mode", MODES[1:])
    def test_batch_of_one_in_a_graph(self, mode):
        loss = LOSSES["semi_hard"]
        run = differentiate(lambda labels, x: loss(labels, x), mode)
        value, gradient = run(np.array([[7]]), self.POINT[None])
        assert value == 0
        assert gradient.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("distance", ["cosine", "angular", "manhattan", "inner_product"])
@pytest.mark.parametrize("miner", [SemiHardMiner(), BatchAllMiner()])
def test_zero_vectors_and_duplicates_under_other_distances(distance, miner):
    # All distances are alike, so every triplet costs the margin.
    loss = TripletLoss(MARGIN, distance, miner)
    x = np.zeros((12, 3))
    for x in (np.zeros((12, 3)), np.tile([0.0, 2.0, 0.0], (12, 1))):
        value, gradient = differentiate(lambda x: loss(LABELS["p_x_k"], x))(x)
        assert value == pytest.approx(MARGIN, abs=1e-9)
        assert np.isfinite(gradient).all()


class TestInvariance:
    """Neither the order of the batch, nor the names of classes, nor the place in space matter."""

    @pytest.fixture
    def value(self, loss, batch):
        return float(loss(*batch))

    def test_permutation(self, loss, batch, value, rng):
        order = rng.permutation(12)
        labels, x = batch
        assert float(loss(labels[order], x[order])) == pytest.approx(value, rel=1e-9)
        _, gradient = differentiate(lambda x: loss(labels, x))(x)
        _, permuted = differentiate(lambda x: loss(labels[order], x))(x[order])
        assert permuted == pytest.approx(gradient[order], abs=1e-9)

    def test_class_names(self, loss, batch, value):
        labels, x = batch
        renamed = np.array([2**63 - 1, -5, 0, 0, 0, 2**40, 0, 0, 3, -(2**62)])[labels]
        assert float(loss(renamed, x)) == value

    def test_rotation(self, loss, batch, value, rng):
        labels, x = batch
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        assert float(loss(labels, x @ rotation)) == pytest.approx(value, rel=1e-9)

    def test_translation(self, loss, batch, value):
        labels, x = batch
        assert float(loss(labels, x + np.array([3.0, -1.0, 2.0]))) == pytest.approx(value, rel=1e-9)

    def test_never_negative(self, loss, rng):
        for labels in LABELS.values():
            result = loss.on_batch(labels, rng.normal(size=(12, 3)) * rng.uniform(0.01, 10))
            assert float(result.value) >= 0
            assert 0 <= float(result.active_fraction) <= 1


class TestWeights:
    @pytest.mark.parametrize("reduction", ["mean", "mean_nonzero", "sum", "none"])
    @pytest.mark.parametrize("name", ["triplet", "contrastive"])
    def test_they_multiply_and_change_no_divisor(self, batch, name, reduction):
        loss = {"triplet": TripletLoss, "contrastive": ContrastiveLoss}[name](
            1.0, reduction=reduction
        )
        whole = ops.convert_to_numpy(loss(*batch))
        # Each anchor alone: together they are the whole, so that 0 takes out one anchor's part.
        parts = [ops.convert_to_numpy(loss(*batch, weights)) for weights in np.eye(12)]
        assert np.sum(parts, axis=0) == pytest.approx(whole, rel=1e-9)
        weights = np.array([2.0, 0.0, 1.0] * 4)
        expected = np.tensordot(weights, parts, axes=1)
        value = ops.convert_to_numpy(loss(*batch, weights))
        assert value == pytest.approx(expected, rel=1e-9)

    def test_active_fraction_does_not_depend_on_them(self, loss, batch):
        plain, weighted = loss.on_batch(*batch), loss.on_batch(*batch, np.zeros(12))
        assert float(weighted.value) == 0
        assert float(weighted.active_fraction) == float(plain.active_fraction) > 0
        assert int(weighted.num_tuples) == int(plain.num_tuples) > 0

    def test_shapes_and_types(self, loss, batch):
        weights = np.arange(12)
        expected = float(loss(*batch, weights.astype("float64")))
        for given in (weights, weights[:, None], weights.tolist(), weights.astype("float16")):
            assert float(loss(*batch, given)) == pytest.approx(expected, rel=1e-6)

    def test_wrong_length(self, loss, batch):
        with pytest.raises(ValueError, match=r"one weight for each embedding. Received: 3 of them"):
            loss(*batch, np.ones(3))


class TestLabels:
    @pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "unknown_batch_size"])
    def test_neighbouring_ids_stay_apart(self, mode):
        # As float32 these are two classes at most.
        labels = np.array([2**24, 2**24, 2**24 + 1, 2**24 + 1, 2**60, 2**60, 2**60 + 1, 2**60 + 1])
        x = np.array([0.0, 3, 1, 4, 2, 5, 7, 6], "float32")[:, None]
        run = differentiate(lambda labels, x: LOSSES["batch_hard"](labels, x), mode)
        value, gradient = run(labels, x)
        expected, expected_gradient = run(np.repeat(np.arange(4), 2), x)
        assert value == expected
        assert gradient.tolist() == expected_gradient.tolist()

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", UINT64])
    def test_integer_types(self, batch, dtype):
        labels, x = batch
        loss = LOSSES["semi_hard"]
        assert float(loss(labels.astype(dtype), x)) == float(loss(labels, x))

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (np.zeros(12), "integer class ids.*float64"),
            (np.zeros(12, bool), "integer class ids.*bool"),
            (np.array(list("abcabcabcabc")), "encode_labels"),
            (np.eye(12, dtype="int32"), "argmax"),
            (np.zeros(11, "int32"), "one label for each embedding. Received: 11 of them and 12"),
        ],
        ids=["float", "bool", "string", "one-hot", "length"],
    )
    def test_refused(self, loss, batch, labels, message):
        for mode in MODES_OF_ONE_SIZE:
            with pytest.raises(ValueError, match=message):
                differentiate(lambda x: loss(labels, x), mode)(batch[1])


class TestEmbeddings:
    def test_another_rank(self, loss, batch):
        for x in (batch[1][..., None], batch[1][:, 0]):
            with pytest.raises(ValueError, match=r"must have shape \(batch_size, embedding_dim\)"):
                loss(batch[0], x)

    @pytest.mark.parametrize("bad", [np.nan, -np.inf, 1e25])
    def test_not_finite(self, loss, batch, bad):
        # The last row has no positive: a mask would hide it.
        labels, x = np.arange(12) // 4, batch[1].astype("float32")
        labels[-1], x[-1, 1] = 99, bad
        with pytest.raises(ValueError, match=r"embeddings are not finite.*lower the learning rate"):
            loss(labels, x)

    @pytest.mark.parametrize("mode", MODES[1:])
    def test_not_finite_in_a_graph(self, mode):
        run = differentiate(lambda labels, x: LOSSES["contrastive"](labels, x), mode)
        x = np.ones((12, 3), "float32")
        assert np.isfinite(run(LABELS["ragged"], x)[0])
        x[3, 2] = np.nan
        assert np.isnan(run(LABELS["ragged"], x)[0])

    def test_not_finite_in_the_second_set_or_in_tuples(self, batch):
        labels, x = batch
        bad = np.where(np.arange(12)[:, None] == 8, np.nan, x)
        loss = LOSSES["semi_hard"]
        # No anchor has the class of the item that is not finite, and none chooses it.
        others = np.where(np.arange(12) == 8, 77, labels)
        with pytest.raises(ValueError, match="not finite"):
            loss.on_batch(labels, x, candidate_labels=others, candidates=bad)
        with pytest.raises(ValueError, match="not finite"):
            loss.on_triplets(x, x, bad)
        with pytest.raises(ValueError, match="not finite"):
            LOSSES["contrastive"].on_pairs(bad, x, labels)

    def test_float16_near_its_end(self, loss, batch):
        # Squares of 30,000 are far beyond the range of float16.
        labels, x = batch[0], (20_000 * batch[1] / np.abs(batch[1]).max()).astype("float16")
        value, gradient = differentiate(lambda x: loss(labels, x))(x)
        expected = float(loss(labels, x.astype("float64")))
        assert value == pytest.approx(expected, rel=1e-4)
        if loss is not LOSSES["contrastive"]:  # whose gradient is as large as the distances
            assert np.isfinite(gradient).all()

    def test_all_zero_float16(self, loss):
        value, gradient = differentiate(lambda x: loss(LABELS["p_x_k"], x))(
            np.zeros((12, 3), "float16")
        )
        assert np.isfinite(value)
        assert gradient.tolist() == np.zeros((12, 3)).tolist()


class TestTuples:
    def test_second_set_given_by_half(self, loss, batch):
        for half in ({"candidates": batch[1]}, {"candidate_labels": batch[0]}):
            with pytest.raises(ValueError, match="together"):
                loss.on_batch(*batch, **half)

    def test_second_set_of_wrong_lengths(self, loss, batch):
        labels, x = batch
        with pytest.raises(ValueError, match="11 of them and 12"):
            loss.on_batch(*batch, candidate_labels=labels[:11], candidates=x)

    def test_second_set_equal_to_the_first_counts_each_item_itself(self, batch):
        labels, x = batch
        loss = TripletLoss(10.0, miner=BatchAllMiner(), reduction="sum")
        one = loss.on_batch(labels, x)
        two = loss.on_batch(labels, x, candidate_labels=labels.astype("int32"), candidates=x)
        # One more positive for each anchor, at 0, with as many triplets as the anchor has
        # negatives.
        negatives = sum(int((labels != label).sum()) for label in labels)
        assert int(two.num_tuples) - int(one.num_tuples) == negatives

    def test_triplets_of_different_lengths(self, loss):
        for lengths, what in (
            ((3, 2, 3), "positive"),
            ((3, 4, 2), "positive"),
            ((3, 3, 4), "negative"),
        ):
            with pytest.raises(ValueError, match=f"one {what} for each embedding"):
                loss.on_triplets(*(np.zeros((length, 2)) for length in lengths))

    def test_pairs_of_different_lengths(self):
        loss = LOSSES["contrastive"]
        with pytest.raises(ValueError, match="one `x2` for each embedding"):
            loss.on_pairs(np.zeros((3, 2)), np.zeros((4, 2)), [0, 1, 1])
        with pytest.raises(ValueError, match="one `same` for each embedding"):
            loss.on_pairs(np.zeros((3, 2)), np.zeros((3, 2)), [0, 1])

    def test_weights_of_tuples(self):
        a, p, n = np.zeros((2, 1)), np.ones((2, 1)), np.array([[2.0], [3.0]])
        # 1 - 2 + 3 = 2 and 1 - 3 + 3 = 1, the second three times: 5 / 2.
        assert float(TripletLoss(3.0).on_triplets(a, p, n, [1, 3]).value) == 2.5
        # 1 / 2 and 2^2 / 2, the second three times: 6.5 / 2.
        assert float(ContrastiveLoss(5.0).on_pairs(a, n - 1, [1, 1], [1, 3]).value) == 3.25

    @pytest.mark.parametrize("kind", ["pairs", "triplets"])
    def test_other_ranks(self, kind):
        with pytest.raises(ValueError, match="must have shape"):
            if kind == "pairs":
                LOSSES["contrastive"].on_pairs(np.zeros((2, 3, 1)), np.zeros((2, 3)), [0, 1])
            else:
                LOSSES["semi_hard"].on_triplets(*[np.zeros((2, 3))] * 2, np.zeros(3))


def test_a_new_loss_is_two_methods(rng):
    loss, x = SpreadLoss(margin=None), rng.normal(size=(5, 2))
    labels = np.zeros(5, "int32")
    distances = np.linalg.norm(x[1:] - x[0], axis=1)
    assert float(loss(labels, x)) == pytest.approx(-distances.mean())
    for mode in MODES_OF_ONE_SIZE:
        value, _ = differentiate(lambda x: loss(labels, x), mode)(x)
        assert value == pytest.approx(-distances.mean())
    weights = np.array([9.0, 1, 0, 2, 0])
    expected = -(distances * weights[1:]).mean()
    assert float(loss(labels, x, weights)) == pytest.approx(expected)
    assert loss.on_batch(labels, x).num_tuples == 4
    with pytest.raises(ValueError, match="SpreadLoss has no meaning on pairs"):
        loss.on_pairs(x, x, labels)
    with pytest.raises(ValueError, match="SpreadLoss has no meaning on triplets"):
        loss.on_triplets(x, x, x)
    restored = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(restored(labels, x)) == pytest.approx(-distances.mean())


def test_unknown_names():
    with pytest.raises(ValueError, match=r"Unknown `reduction`.*Did you mean 'mean_nonzero'"):
        SpreadLoss(reduction="mean_nonzeros")
    with pytest.raises(ValueError, match=r"Unknown `distance`.*Did you mean 'cosine'"):
        SpreadLoss(distance="cosin")


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="The batch is empty"):
        TripletLoss()(np.zeros(0, "int64"), np.zeros((0, 3), "float32"))


def test_own_places_need_a_second_set(batch):
    with pytest.raises(ValueError, match="Received: `own` without `candidates`"):
        TripletLoss().on_batch(*batch, own=np.arange(12))
