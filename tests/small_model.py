"""A tiny `SiameseModel` and its data, for the tests of models."""

import keras
import numpy as np
import tensorflow as tf

import keras_siamese as ks

NUM_CLASSES = 4


def make_data():
    """48 items of 6 numbers in 4 classes, and their labels."""
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat(np.arange(NUM_CLASSES), 12))
    centres = rng.normal(size=(NUM_CLASSES, 6))
    return (centres[labels] + rng.normal(size=(48, 6))).astype("float32"), labels


def make_encoder(**kwargs):
    return ks.encoders.mlp((6,), embedding_dim=4, hidden_units=(8,), **kwargs)


def make_model(loss=None, metrics=None, optimizer=None, encoder=None, **kwargs):
    model = ks.SiameseModel(encoder or make_encoder())
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    model.compile(optimizer, loss or ks.losses.TripletLoss(0.5), metrics=metrics, **kwargs)
    return model


def make_metrics():
    return [
        ks.metrics.RecallAtK(1),
        ks.metrics.RecallAtK(5),
        ks.metrics.MAPAtR(),
        ks.metrics.PairAUC(),
        ks.metrics.DistanceRatio(),
    ]


def batches_of(data, batch_size=16):
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size)


def pairs_of(data, num_pairs):
    x, y = data
    pairs = ks.data.verification_pairs(y, num_pairs)
    return (x[pairs.first], x[pairs.second]), pairs.same


def triplets_of(data, num_triplets):
    batches = ks.data.triplet_batches(*data, batch_size=num_triplets, seed=0)
    ((triplets,),) = batches.as_numpy_iterator()
    return triplets


def expected_figures(model, x, y):
    return ks.evaluation.evaluate_embeddings(model.predict(x, verbose=0), y, metrics=make_metrics())
