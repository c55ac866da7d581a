import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import LABELS, MODES, differentiate, tensorflow_only
from reference import loops

import keras_siamese as ks
from keras_siamese import distances
from keras_siamese.distances import Euclidean, Mahalanobis
from keras_siamese.losses import ContrastiveLoss, TripletLoss
from keras_siamese.miners import BatchHardMiner, SemiHardMiner

MATRIX = np.array([[1.0, 0.5, 0.0], [-2.0, 0.25, 3.0]], "float32")


def learned(matrix=MATRIX):
    distance = Mahalanobis(rank=len(matrix))
    distance.build(matrix.shape[1])
    distance.trainable_variables[0].assign(matrix)
    return distance


def in_loops(x, y=None):
    """Distances by the square root of `(x - y)' M (x - y)`."""
    metric = MATRIX.T.astype("float64") @ MATRIX
    y = x if y is None else y
    return np.array([[np.sqrt((a - b) @ metric @ (a - b)) for b in y] for a in x])


def test_against_loops(rng):
    distance, x, y = learned(), rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    expected = in_loops(x, y)
    pairwise = ops.convert_to_numpy(distance.pairwise(x, y))
    assert pairwise == pytest.approx(expected, rel=1e-6)
    paired = distance.paired(ops.convert_to_tensor(x[:, None]), ops.convert_to_tensor(y[None]))
    assert ops.convert_to_numpy(paired) == pytest.approx(expected, rel=1e-9)
    reduced = distance.from_reduced(distance.reduced_pairwise(x, y))
    assert ops.convert_to_numpy(reduced) == pytest.approx(expected, rel=1e-6)


def test_starts_as_the_euclidean_one(rng):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    expected = ops.convert_to_numpy(Euclidean().pairwise(x, y))
    assert ops.convert_to_numpy(Mahalanobis().pairwise(x, y)) == pytest.approx(expected)
    expected = ops.convert_to_numpy(Euclidean().pairwise(x[:, :2], y[:, :2]))
    assert ops.convert_to_numpy(Mahalanobis(rank=2).pairwise(x, y)) == pytest.approx(expected)


def test_name_and_copies():
    assert isinstance(distances.get("mahalanobis"), Mahalanobis)
    distance = distances.get(keras.saving.serialize_keras_object(Mahalanobis(rank=2)))
    assert repr(distance) == repr(copy.deepcopy(distance)) == "Mahalanobis(rank=2)"


def test_bad_arguments(rng):
    with pytest.raises(ValueError, match="`rank` must be an integer of at least 1"):
        Mahalanobis(0)
    with pytest.raises(ValueError, match=r"rank=4, embeddings of size 3. Expected at most 3"):
        Mahalanobis(4).build(3)
    with pytest.raises(ValueError, match=r"for embeddings of size 3. Received: size 2"):
        learned().pairwise(np.ones((1, 2)), np.ones((1, 2)))


@pytest.mark.parametrize("miner", [SemiHardMiner(), BatchHardMiner()])
def test_miners_choose_by_it(rng, miner):
    x = rng.normal(size=(12, 3)).astype("float32")
    mapped = x @ MATRIX.T
    for labels in (LABELS["p_x_k"], LABELS["ragged"]):
        distance = learned()
        for _ in range(2):  # The program is made once, and follows the weights.
            mined, expected = miner(labels, x, distance=distance), miner(labels, mapped)
            for ours, theirs in zip(mined, expected, strict=True):
                np.testing.assert_array_equal(*map(ops.convert_to_numpy, (ours, theirs)))
            distance.trainable_variables[0].assign(np.roll(MATRIX, 1, axis=1))
            mapped = x @ np.roll(MATRIX, 1, axis=1).T
        mapped = x @ MATRIX.T


@tensorflow_only
@pytest.mark.parametrize("mode", MODES)
def test_gradients_by_the_matrix(rng, mode):
    x, labels = rng.normal(size=(12, 3)).astype("float32"), LABELS["ragged"]
    loss, direct = TripletLoss(1.0, learned()), TripletLoss(1.0)
    matrix = loss.trainable_variables[0]

    def by_both():
        with tf.GradientTape() as tape:
            inputs = tf.convert_to_tensor(x)
            tape.watch(inputs)
            value = loss(labels, inputs)
        return value, *tape.gradient(value, [inputs, matrix.value])

    program = by_both
    if mode != "eager":
        program = tf.function(by_both, jit_compile=mode == "jit_compile", autograph=False)
    value, by_x, by_matrix = program()
    run = differentiate(lambda x, matrix: direct(labels, x @ tf.transpose(matrix)))
    expected = run(x, MATRIX)
    assert float(value) == pytest.approx(float(expected[0]), rel=1e-5)
    assert tf.convert_to_tensor(by_x).numpy() == pytest.approx(expected[1], abs=1e-5)
    assert tf.convert_to_tensor(by_matrix).numpy() == pytest.approx(expected[2], abs=1e-4)


@tensorflow_only
@pytest.mark.parametrize("loss", [TripletLoss, ContrastiveLoss])
def test_in_a_model(rng, loss, tmp_path):
    # Only the first coordinate tells the classes apart, and the encoder is frozen.
    y = np.tile(np.repeat(np.arange(4), 4), 2)
    x = (2 * rng.normal(size=(32, 3))).astype("float32")
    x[:, 0] = y + 0.05 * x[:, 0]
    inputs = keras.Input((3,))
    encoder = keras.Model(inputs, keras.layers.Identity()(inputs))
    model = ks.SiameseModel(encoder)
    metrics = [ks.metrics.RecallAtK(1)]
    model.compile(keras.optimizers.Adam(0.05), loss(0.5, "mahalanobis"), metrics=metrics)
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    model.fit(x, y, epochs=30, batch_size=32, verbose=0)
    after = model.evaluate(x, y, verbose=0, return_dict=True)
    assert after["loss"] < 0.5 * before["loss"]
    assert after["recall_at_1"] > before["recall_at_1"] + 0.1

    matrix = model.loss.distance.trainable_variables[0].numpy()
    assert np.abs(matrix - np.eye(3)).max() > 0.1
    mapped = x @ matrix.T
    # Metrics and distances go by what was learned.
    expected = loops.distances("euclidean", mapped)
    np.fill_diagonal(expected, np.inf)
    assert after["recall_at_1"] == pytest.approx((y[expected.argmin(1)] == y).mean(), abs=1e-6)
    expected = np.linalg.norm(mapped[:16] - mapped[16:], axis=1)
    assert model.distance(x[:16], x[16:]) == pytest.approx(expected, rel=1e-4)

    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    assert restored.evaluate(x, y, verbose=0, return_dict=True) == pytest.approx(after, rel=1e-5)
    np.testing.assert_array_equal(restored.loss.distance.trainable_variables[0].numpy(), matrix)
