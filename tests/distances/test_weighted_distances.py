import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import LABELS, tensor, tensorflow_only
from reference import loops

import keras_siamese as ks
from keras_siamese import distances
from keras_siamese.distances import (
    Angular,
    Cosine,
    Euclidean,
    InnerProduct,
    Mahalanobis,
    Manhattan,
    WeightedDistances,
)
from keras_siamese.losses import ContrastiveLoss, TripletLoss


@pytest.mark.parametrize("learned", [False, True])
def test_against_loops(rng, learned):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    distance = WeightedDistances([Cosine(), Manhattan()], [0.5, 30.0], learned)
    expected = 0.5 * loops.distances("cosine", x, y) + 30 * loops.distances("manhattan", x, y)
    pairwise = ops.convert_to_numpy(distance.pairwise(tensor(x), tensor(y)))
    assert pairwise == pytest.approx(expected, rel=1e-6)
    paired = distance.paired(tensor(x[:, None]), tensor(y[None]))
    assert ops.convert_to_numpy(paired) == pytest.approx(expected, rel=1e-6)
    assert len(distance.trainable_variables) == learned


def test_bounds():
    distance = WeightedDistances([Cosine(), InnerProduct()], [2.0, 3.0])
    assert distance.bounds() == (-math.inf, math.inf)
    # 2 * [0, 2] + 3 * [-1, 1]
    assert distance.bounds(unit_norm=True) == (-3.0, 7.0)
    assert WeightedDistances([Cosine(), Angular()]).bounds() == (0.0, 3.0)
    assert WeightedDistances([Cosine(), Angular()], learned=True).bounds() == (0.0, math.inf)
    with pytest.raises(ValueError, match="`margin` is out of reach"):
        TripletLoss(3.5, WeightedDistances([Cosine(), Angular()]))


def test_translation():
    assert WeightedDistances([Euclidean(), Cosine()]).translation_invariant is False
    assert WeightedDistances([Euclidean(), Mahalanobis()]).translation_invariant is True


def test_round_trip():
    distance = WeightedDistances([Euclidean(), Mahalanobis(2)], [1, 0.5], learned=True)
    restored = distances.get(keras.saving.serialize_keras_object(distance))
    assert repr(restored) == repr(distance)
    assert repr(distance) == (
        "WeightedDistances([Euclidean(), Mahalanobis(rank=2)], weights=[1.0, 0.5], learned=True)"
    )


def test_bad_arguments():
    with pytest.raises(ValueError, match="`distances` is empty"):
        WeightedDistances([])
    with pytest.raises(ValueError, match=r"Received: 'cosine'. Use objects"):
        WeightedDistances(["cosine"])
    with pytest.raises(ValueError, match="1 weights for 2 distances"):
        WeightedDistances([Cosine(), Euclidean()], [1.0])
    with pytest.raises(ValueError, match="`weights` must be a finite number above 0"):
        WeightedDistances([Cosine()], [0])


@tensorflow_only
def test_gradients_by_the_weights(rng):
    x, labels = rng.normal(size=(12, 3)), LABELS["ragged"]
    distance = WeightedDistances([Euclidean(), Manhattan()], [0.5, 0.2], learned=True)
    loss = ContrastiveLoss(2.0, distance)
    loss.build(3)
    weights = loss.trainable_variables[0]

    @tf.function(autograph=False)
    def gradient():
        with tf.GradientTape() as tape:
            value = loss(labels, x)
        return tape.gradient(value, weights.value)

    def expected(raw):
        factors = [math.log1p(math.exp(value)) for value in raw]
        d = sum(
            factor * loops.distances(name, x)
            for factor, name in zip(factors, ("euclidean", "manhattan"), strict=True)
        )
        losses = loops.contrastive_losses(d, labels, None, margin=2.0)
        return loops.reduce(losses, "mean", 12)

    raw = weights.numpy().astype("float64")
    differences = loops.finite_differences(expected, raw)
    assert gradient().numpy() == pytest.approx(differences, rel=1e-4)


@tensorflow_only
def test_in_a_model(rng, tmp_path):
    y = np.tile(np.repeat(np.arange(4), 4), 2)
    x = rng.normal(size=(32, 6)).astype("float32")
    model = ks.SiameseModel(ks.encoders.mlp((6,), embedding_dim=4, hidden_units=(8,)))
    distance = WeightedDistances([Euclidean(), Manhattan()], learned=True)
    model.compile("adam", TripletLoss(0.2, distance), metrics=[ks.metrics.PairAUC()])
    model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    learned = distance.trainable_variables[0].numpy()
    assert np.abs(learned - math.log(math.expm1(1))).max() > 1e-4
    expected = model.evaluate(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    assert restored.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
