import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_siamese as ks
from keras_siamese.inputs import (
    LabelledBatch,
    PairBatch,
    TripletBatch,
    ViewsBatch,
    is_bare_triplets,
    is_unlabelled,
    unpack,
)

X = np.arange(12, dtype="float32").reshape(4, 3)
Y = np.array([0, 0, 1, 1])
W = np.ones(4, "float32")


@pytest.fixture(scope="module")
def encoder():
    return ks.encoders.mlp((3,), 2, hidden_units=())


@pytest.fixture(scope="module")
def two_towers():
    inputs = [keras.Input((3,)), keras.Input((3,))]
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Add()(inputs)))


@pytest.mark.parametrize(
    "data, kind",
    [
        ((X, Y), LabelledBatch),
        ((X, Y, W), LabelledBatch),
        ((X, Y[:, None], W), LabelledBatch),
        (({"a": X, "b": X}, Y), LabelledBatch),
        (((X, X), Y), PairBatch),
        (((X, X), Y, W), PairBatch),
        (([X, X], Y), PairBatch),
        (((X, X),), ViewsBatch),
        (([X, X],), ViewsBatch),
        (((X, X), None, W), ViewsBatch),
        ((({"a": X}, {"a": X}),), ViewsBatch),
        ((X, X, X), TripletBatch),
        (((X, X, X),), TripletBatch),
        (((X, X, X), Y), TripletBatch),
        (((X, X, X), Y, W), TripletBatch),
    ],
)
def test_kinds_are_told_apart(encoder, data, kind):
    assert type(unpack(data, encoder)) is kind


def test_weights_that_look_like_labels_are_no_triplets(encoder):
    assert not is_bare_triplets((X, Y, W), encoder)
    assert not is_bare_triplets((W, W, W), encoder)
    assert not is_bare_triplets((X, X, None), encoder)
    assert not is_bare_triplets((X, X.astype("float64"), X), encoder)


def test_strings_are_items_and_neither_labels_nor_weights(encoder):
    texts = tf.constant(["a", "b"])
    assert type(unpack((texts, texts, texts), encoder)) is TripletBatch
    assert not is_bare_triplets((texts, Y[:2], W[:2]), encoder)


def test_specs_are_told_apart_like_tensors(encoder):
    dataset = tf.data.Dataset.from_tensor_slices((X, X, X)).batch(2)
    assert is_bare_triplets(dataset.element_spec, encoder)
    dataset = tf.data.Dataset.from_tensor_slices((X, Y, W)).batch(2)
    assert not is_bare_triplets(dataset.element_spec, encoder)


def test_encoder_with_two_inputs_takes_a_tuple_as_items(two_towers):
    assert type(unpack(((X, X), Y), two_towers)) is LabelledBatch
    assert type(unpack((((X, X), (X, X)), Y), two_towers)) is PairBatch
    assert type(unpack((((X, X), (X, X)),), two_towers)) is ViewsBatch
    with pytest.raises(ValueError, match="Labels are missing"):
        unpack(((X, X),), two_towers)


def test_items_are_joined_and_split(encoder):
    batch = unpack(((X, X + 100), Y), encoder)
    np.testing.assert_array_equal(batch.items, np.concatenate([X, X + 100]))
    first, second = batch.split(batch.items)
    np.testing.assert_array_equal(first, X)
    np.testing.assert_array_equal(second, X + 100)


def test_scores_of_triplets_are_pairs(encoder):
    batch = unpack((X, X, X + 1), encoder)
    same, d = batch.scores(ks.distances.get("euclidean"), batch.items)
    np.testing.assert_array_equal(same, [1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(d, [0] * 4 + [3**0.5] * 4, rtol=1e-6)


def test_scores_of_views_are_pairs(encoder):
    x1, x2 = np.array([[0.0], [2.0], [5.0]]), np.array([[0.5], [1.0], [9.0]])
    batch = unpack(((x1, x2), None, np.array([1.0, 2.0, 3.0])), encoder)
    same, d = batch.scores(ks.distances.get("euclidean"), batch.items)
    # Items 0, 1, 2 with themselves, then 0 with 1 and 1 with 2.
    assert ops.convert_to_numpy(same).tolist() == [1, 1, 1, 0, 0]
    assert ops.convert_to_numpy(d).tolist() == [0.5, 1.0, 4.0, 1.0, 7.0]
    assert ops.convert_to_numpy(batch.score_weight).tolist() == [1.0, 2.0, 3.0, 1.0, 2.0]
    assert unpack(((x1, x2),), encoder).score_weight is None
    figures = batch.figures(ks.distances.get("euclidean"), batch.items)
    assert float(figures["batch_positive_distance"][0]) == pytest.approx(5.5 / 3)
    assert float(figures["batch_negative_distance"][0]) == pytest.approx(4.0)
    assert "batch_recall_at_1" not in figures


def test_one_item_has_no_other(encoder):
    batch = unpack(((X[:1], X[:1] + 1),), encoder)
    same, d = batch.scores(ks.distances.get("squared_euclidean"), batch.items)
    assert ops.convert_to_numpy(same).tolist() == [1]
    assert ops.convert_to_numpy(d).tolist() == [3.0]
    figures = batch.figures(ks.distances.get("euclidean"), batch.items)
    assert float(figures["batch_negative_distance"][1]) == 0


def test_datasets_without_labels(encoder):
    def of(*data):
        return tf.data.Dataset.from_tensor_slices(data).batch(2)

    assert is_unlabelled(of((X, X)), encoder)
    assert is_unlabelled(of(X, X, X), encoder)
    assert is_unlabelled(of((X, X, X)), encoder)
    assert not is_unlabelled(of(X, Y), encoder)
    assert not is_unlabelled(of((X, X), Y), encoder)
    assert not is_unlabelled(of(X, Y, W), encoder)
    assert not is_unlabelled((X, Y), encoder)


def test_bad_batches(encoder):
    with pytest.raises(ValueError, match="Labels are missing"):
        unpack((X,), encoder)
    with pytest.raises(ValueError, match="a tuple of 4"):
        unpack(((X, X, X, X), Y), encoder)


class TestSamples:
    """Numbers as embeddings tell which items were taken; the codes, what they are to each other."""

    def sample(self, batch, num_items, most_items):
        embeddings = np.arange(num_items, dtype="float32")[:, None]
        taken, comparisons = batch.sample(ops.convert_to_tensor(embeddings), most_items)
        return taken.numpy()[:, 0].tolist(), comparisons.numpy().tolist()

    def test_labelled(self):
        for y in (Y, Y[:, None]):
            taken, comparisons = self.sample(LabelledBatch((X,), y, None), 4, 3)
            assert taken == [0, 1, 2]
            assert comparisons == [[-1, 1, 0], [1, -1, 0], [0, 0, -1]]
        taken, _ = self.sample(LabelledBatch((X,), Y, None), 4, 100)
        assert taken == [0, 1, 2, 3]

    def test_items_of_no_label_match_nothing(self):
        labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
        batch = LabelledBatch((X,), labels, None, ks.relations.SharedLabel())
        _, comparisons = self.sample(batch, 4, 4)
        assert comparisons == [[-1, 1, 0, 0], [1, -1, 1, 0], [0, 1, -1, 0], [0, 0, 0, -1]]

    def test_pairs(self):
        for y in (np.array([1, 0, 1]), np.array([[1.0], [0.0], [1.0]])):
            taken, comparisons = self.sample(PairBatch((X[:3], X[:3]), y, None), 6, 5)
            assert taken == [0, 1, 3, 4]
            assert comparisons == [[-1, -1, 1, -1], [-1, -1, -1, 0], [-1] * 4, [-1] * 4]

    def test_views(self):
        taken, comparisons = self.sample(ViewsBatch((X[:3], X[:3]), None, None), 6, 4)
        assert taken == [0, 1, 3, 4]
        assert comparisons == [[-1, 0, 1, 0], [0, -1, 0, 1], [1, 0, -1, 0], [0, 1, 0, -1]]

    def test_triplets(self):
        taken, comparisons = self.sample(TripletBatch((X[:3],) * 3, None, None), 9, 6)
        assert taken == [0, 1, 3, 4, 6, 7]
        rows = [[-1, -1, 1, -1, 0, -1], [-1, -1, -1, 1, -1, 0]]
        assert comparisons == rows + [[-1] * 6] * 4
