import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_battery import LossBattery
from loss_harness import LABELS, MODES, differentiate, tensorflow_only
from reference import composition, loops

import keras_siamese as ks
from keras_siamese.losses import (
    ContrastiveLoss,
    CrossBatchMemory,
    Matryoshka,
    TripletLoss,
    WeightedSum,
)
from keras_siamese.relations import SharedLabel

MARGIN = 2.0


class TestBattery(LossBattery):
    """Outside of training, it is the plain loss."""

    settings = {"default": CrossBatchMemory(ContrastiveLoss(MARGIN), 16)}
    constant_when_collapsed = {"default": 96 / 132 * 2.0}
    takes_two_sets = False

    @staticmethod
    def reference(loss, labels, x):
        distances = loops.distances("euclidean", x)
        losses = loops.contrastive_losses(distances, labels, None, margin=MARGIN)
        return [(anchor, value) for anchor, value, _ in losses]

    def with_reduction(self, loss, reduction):
        return CrossBatchMemory(ContrastiveLoss(MARGIN, reduction=reduction), 16)


def step(loss, labels, x, **options):
    return loss.on_batch(labels, x, training=True, **options).value


@pytest.mark.parametrize("warm_up", [0, 4])
def test_against_a_list(rng, warm_up):
    loss = CrossBatchMemory(ContrastiveLoss(MARGIN), 10, warm_up)
    queue = composition.Memory(10, warm_up)
    # Sizes that do not divide that of the memory, and one as large.
    for size in (4, 4, 4, 3, 1, 4, 10, 2, 4, 7):
        labels, x = rng.integers(0, 4, size), rng.normal(size=(size, 3)).astype("float32")
        expected = queue.contrastive(labels, x, MARGIN)
        assert float(step(loss, labels, x)) == pytest.approx(expected, rel=1e-5, abs=1e-7)
        of_items, items = zip(*queue.items, strict=True)
        in_use = len(items)
        kept = ops.convert_to_numpy(loss._embeddings)[:in_use]
        np.testing.assert_array_equal(kept, np.array(items))
        np.testing.assert_array_equal(ops.convert_to_numpy(loss._labels)[:in_use], of_items)
        # A look at other data changes neither.
        loss(LABELS["ragged"], rng.normal(size=(12, 3)))


@tensorflow_only
@pytest.mark.parametrize("mode", MODES)
def test_gradients(rng, mode):
    loss = CrossBatchMemory(ContrastiveLoss(MARGIN), 10)
    loss.build(3)
    run = differentiate(lambda labels, x: step(loss, labels, x), mode)
    queue = composition.Memory(10)
    for in_use in (False, False, True, True):
        labels, x = rng.integers(0, 2, 4), rng.normal(size=(4, 3)).astype("float32")
        value, gradient = run(labels, x)
        assert queue.add(labels, x) == in_use
        of_items, items = (np.array(part) for part in zip(*queue.items, strict=True))

        def expected(x, labels=labels, in_use=in_use, of_items=of_items, items=items):
            if not in_use:
                return composition.contrastive(labels, x, MARGIN)
            candidates = np.concatenate([x, items[4:]])
            return composition.contrastive(labels, x, MARGIN, of_items, candidates, range(4))

        assert value == pytest.approx(expected(x), rel=1e-5)
        differences = loops.finite_differences(expected, x.astype("float64"))
        assert gradient == pytest.approx(differences, abs=1e-4)
        assert gradient.any()


@tensorflow_only
@pytest.mark.parametrize("inner", [TripletLoss(0.5), ContrastiveLoss(MARGIN)])
def test_a_memory_the_size_of_the_batch_is_the_plain_loss(rng, inner):
    loss = CrossBatchMemory(inner, 12)
    weights = rng.uniform(size=12)
    for name in ("p_x_k", "ragged", "singletons"):
        x = rng.normal(size=(12, 3))
        labels = LABELS[name]
        value, gradient = differentiate(
            lambda x, labels=labels: step(loss, labels, x, sample_weight=weights)
        )(x)
        expected, by_x = differentiate(lambda x, labels=labels: inner(labels, x, weights))(x)
        assert value == pytest.approx(expected, rel=1e-9)
        assert gradient == pytest.approx(by_x, rel=1e-9, abs=1e-12)


def test_large_ids_stay_apart():
    loss = CrossBatchMemory(ContrastiveLoss(MARGIN), 2)
    step(loss, np.array([2**60]), np.array([[0.0]]))
    # A neighbouring id is another class: (2 - 1)^2 / 2.
    assert float(step(loss, np.array([[2**60 + 1]]), np.array([[1.0]]))) == 0.5


def test_views_are_new_classes(rng):
    # Those of earlier batches are negatives, though their rows have the same numbers.
    loss = CrossBatchMemory(ContrastiveLoss(MARGIN), 8)
    queue = composition.Memory(8)
    for batch in range(3):
        x1, x2 = (rng.normal(size=(2, 3)).astype("float32") for _ in range(2))
        labels = np.tile([2 * batch, 2 * batch + 1], 2)
        expected = queue.contrastive(labels, np.concatenate([x1, x2]), MARGIN)
        value = float(loss.on_views(x1, x2, training=True).value)
        assert value == pytest.approx(expected, rel=1e-5)


def test_parts(rng):
    parts = [ContrastiveLoss(MARGIN), ContrastiveLoss(0.5)]
    loss = CrossBatchMemory(WeightedSum(parts, [1.0, 2.0]), 4)
    queues = composition.Memory(4), composition.Memory(4)
    for _ in range(3):
        labels, x = rng.integers(0, 2, 3), rng.normal(size=(3, 3)).astype("float32")
        result = loss.on_batch(labels, x, training=True)
        expected = [
            queue.contrastive(labels, x, margin)
            for queue, margin in zip(queues, (MARGIN, 0.5), strict=True)
        ]
        values = [float(result.parts[name]) for name in loss.part_names]
        assert values == pytest.approx(expected, rel=1e-5)
        assert float(result.value) == pytest.approx(expected[0] + 2 * expected[1], rel=1e-5)


def test_prefixes_of_the_memory(rng):
    loss = CrossBatchMemory(Matryoshka(ContrastiveLoss(1.5), (3, 2)), 4)
    queues = {dim: composition.Memory(4) for dim in (3, 2)}
    for _ in range(3):
        labels, x = rng.integers(0, 2, 3), rng.normal(size=(3, 3)).astype("float32")
        expected = sum(
            queue.contrastive(labels, composition.prefixes(x, dim, True), 1.5)
            for dim, queue in queues.items()
        )
        assert float(step(loss, labels, x)) == pytest.approx(expected, rel=1e-5)


def test_bad_arguments():
    with pytest.raises(ValueError, match="`memory_size` must be an integer of at least 1"):
        CrossBatchMemory(TripletLoss(), 0)
    with pytest.raises(ValueError, match="`warm_up` must be an integer of at least 0"):
        CrossBatchMemory(TripletLoss(), 8, -1)
    with pytest.raises(ValueError, match="CrossBatchMemory does not compare a batch with a second"):
        CrossBatchMemory(CrossBatchMemory(TripletLoss(), 8), 8)
    with pytest.raises(ValueError, match="ProxyNCALoss does not compare"):
        CrossBatchMemory(ks.losses.ProxyNCALoss(5), 8)
    with pytest.raises(ValueError, match=r"relation SharedLabel. Expected `SameClass`"):
        CrossBatchMemory(TripletLoss(relation=SharedLabel()), 8)
    with pytest.raises(ValueError, match="no meaning on pairs"):
        CrossBatchMemory(ContrastiveLoss(), 8).on_pairs(np.ones((2, 1)), np.ones((2, 1)), [0, 1])
    with pytest.raises(ValueError, match="The second set is the memory"):
        CrossBatchMemory(ContrastiveLoss(), 8).on_batch(
            [1], np.ones((1, 2)), candidate_labels=[1], candidates=np.ones((1, 2))
        )
    with pytest.raises(ValueError, match="margin` is out of reach"):
        CrossBatchMemory(TripletLoss(2.5), 8).check_margin(unit_norm=True)


def test_batch_larger_than_the_memory(rng):
    loss = CrossBatchMemory(ContrastiveLoss(), 4)
    with pytest.raises(ValueError, match=r"larger than the memory.*batch of 5, memory_size=4"):
        step(loss, np.arange(5), rng.normal(size=(5, 3)))


def make_model(loss, rate=0.1, **options):
    keras.utils.set_random_seed(2)
    model = ks.SiameseModel(ks.encoders.mlp((6,), embedding_dim=4, hidden_units=(8,)))
    model.compile(keras.optimizers.SGD(rate), loss, **options)
    return model


@tensorflow_only
class TestInAModel:
    @pytest.fixture
    def data(self, rng):
        x = rng.normal(size=(40, 6)).astype("float32")
        return x, np.tile(np.repeat(np.arange(4), 2), 5)

    @pytest.mark.parametrize(
        "options",
        [{}, {"jit_compile": True}, {"steps_per_execution": 2}, {"run_eagerly": True}],
        ids=str,
    )
    def test_trains_like_a_loop_with_a_list(self, data, options):
        # 16 + 16 + 8 items, twice: a smaller last batch.
        batches = tf.data.Dataset.from_tensor_slices(data).batch(16)
        model = make_model(CrossBatchMemory(ContrastiveLoss(1.0), 36, warm_up=3), **options)
        reference = keras.models.clone_model(model.encoder)
        reference.set_weights(model.encoder.get_weights())
        history = model.fit(batches, epochs=2, verbose=0, validation_data=data).history

        plain, queue = ContrastiveLoss(1.0), composition.Memory(36, warm_up=3)
        for _ in range(2):
            values, sizes = [], []
            for x, y in batches:
                with tf.GradientTape() as tape:
                    embeddings = reference(x, training=True)
                    in_use = queue.add(y.numpy(), embeddings.numpy())
                    of_items, items = zip(*queue.items, strict=True)
                    second_set = {
                        "candidate_labels": np.array(of_items),
                        "candidates": tf.concat([embeddings, np.array(items)[len(y) :]], 0),
                        "own": np.arange(len(y)),
                    }
                    value = plain.on_batch(y, embeddings, **second_set if in_use else {}).value
                gradients = tape.gradient(value, reference.trainable_weights)
                for weight, gradient in zip(reference.trainable_weights, gradients, strict=True):
                    weight.assign_sub(0.1 * gradient)
                values.append(float(value))
                sizes.append(len(y))
        for ours, theirs in zip(model.encoder.weights, reference.weights, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)
        assert history["loss"][-1] == pytest.approx(np.average(values, weights=sizes), rel=1e-4)
        np.testing.assert_allclose(model.loss._embeddings.numpy(), np.array(items), atol=1e-5)
        # Evaluation does without it.
        x, y = data
        embeddings = model.predict(x, verbose=0)
        expected = np.average(
            [float(plain(y[i : i + 32], embeddings[i : i + 32])) for i in (0, 32)], weights=[32, 8]
        )
        assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-4)

    def test_saved_and_gone_on_with(self, data, tmp_path):
        x, y = data
        model = make_model(CrossBatchMemory(TripletLoss(0.5), 24))
        model.fit(x, y, batch_size=16, verbose=0, shuffle=False)
        model.save(tmp_path / "model.keras")
        restored = keras.saving.load_model(tmp_path / "model.keras")
        for name in ("_embeddings", "_labels", "_num_items", "_num_batches"):
            ours, theirs = (getattr(one.loss, name).numpy() for one in (model, restored))
            np.testing.assert_array_equal(ours, theirs)
            assert theirs.any()
        before = restored.loss._embeddings.numpy()
        restored.evaluate(x, y, verbose=0)
        np.testing.assert_array_equal(restored.loss._embeddings.numpy(), before)
        for one in (model, restored):
            one.fit(x, y, batch_size=16, verbose=0, shuffle=False)
        assert int(restored.loss._num_batches) == 6
        for ours, theirs in zip(model.get_weights(), restored.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
        # Nothing of it is trained, and nothing of it is in the encoder.
        assert restored.loss.trainable_variables == []
        assert sum(weight.shape == (24, 4) for weight in restored.weights) == 1
        assert not any(weight.shape == (24, 4) for weight in restored.encoder.weights)

    def test_larger_batch_of_unknown_size(self, data):
        batches = tf.data.Dataset.from_tensor_slices(data).batch(16)
        model = make_model(CrossBatchMemory(TripletLoss(0.5), 12))
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"reshape|larger"):
            model.fit(batches, verbose=0)
