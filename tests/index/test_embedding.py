import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data import from_arrays, from_stream
from keras_siamese.index.embedding import embed, open_items


def embedded(model, x, y=None, **arguments):
    items = open_items(x, y, batch_size=50)
    parts = list(embed(model, items, **arguments))
    labels = items.labels
    if labels is None and parts[0][1] is not None:
        labels = np.concatenate([part for _, part in parts])
    return np.concatenate([vectors for vectors, _ in parts]), labels


def data_sets(x, y):
    batched = tf.data.Dataset.from_tensor_slices((x, y))
    return {
        "arrays": (x, y),
        "lists": (x.tolist(), y.tolist()),
        "tensors": (tf.constant(x), y),
        "source": (from_arrays(x, y),),
        "part of a source": (from_arrays(x, y).subset(np.arange(len(x))),),
        "batches": (batched.batch(32),),
        "single items": (batched,),
        "with groups": (tf.data.Dataset.from_tensor_slices((x, y, y)).batch(32),),
    }


@pytest.mark.parametrize("kind", list(data_sets(np.zeros((1, 8), "float32"), np.zeros(1, int))))
def test_every_kind_gives_the_same(model, clusters, kind):
    x, y = clusters
    vectors, labels = embedded(model, *data_sets(x, y)[kind])
    assert vectors == pytest.approx(model.predict(x, verbose=0), abs=1e-6)
    assert np.array_equal(labels, y)
    assert vectors.dtype == np.float32


def test_without_labels(model, clusters):
    x, _ = clusters
    for data in (x, tf.data.Dataset.from_tensor_slices(x).batch(20)):
        vectors, labels = embedded(model, data)
        assert len(vectors) == len(x) and labels is None


def test_no_model(rng):
    x = rng.normal(size=(7, 3))
    assert embedded(None, x)[0] == pytest.approx(x, abs=1e-6)


def test_names_of_a_source_stay_names(model, clusters):
    x, y = clusters
    _, labels = embedded(model, from_arrays(x, y.astype(str)))
    assert labels.tolist() == y.astype(str).tolist()


def test_texts():
    encoder = ks.encoders.text(["red card", "blue card"], 3)
    model = ks.SiameseModel(encoder)
    texts = ["red", "blue", "red card"]
    expected = model.predict(texts, verbose=0)
    for x in (texts, np.array(texts), tf.data.Dataset.from_tensor_slices(texts).batch(2)):
        assert embedded(model, x)[0] == pytest.approx(expected, abs=1e-6)


def test_nests(rng):
    inputs = {"a": keras.Input((2,), name="a"), "b": keras.Input((1,), name="b")}
    model = ks.SiameseModel(
        keras.Model(inputs, keras.layers.Concatenate()([inputs["a"], inputs["b"]]))
    )
    x = {"a": rng.normal(size=(5, 2)).astype("float32"), "b": np.zeros((5, 1), "float32")}
    assert embedded(model, x)[0] == pytest.approx(np.concatenate([x["a"], x["b"]], axis=1))


def test_batches_are_read_one_by_one(model):
    """In constant memory: a batch is made when it is asked for, give or take the prefetched."""
    made = []

    def generate():
        for i in range(100):
            made.append(i)
            yield np.zeros((4, 8), "float32")

    data = tf.data.Dataset.from_generator(
        generate, output_signature=tf.TensorSpec((None, 8), "float32")
    )
    next(iter(embed(model, open_items(data))))
    assert len(made) < 100


def test_progress(model, clusters, capsys):
    x, _ = clusters
    list(embed(model, open_items(x, batch_size=100), verbose=1))
    assert "180/180" in capsys.readouterr().out
    list(embed(model, open_items(x, batch_size=100)))
    assert not capsys.readouterr().out


def test_nan_of_a_dataset_is_named_by_row(model, clusters):
    x, y = clusters
    x = x.copy()
    x[77, 3] = np.nan
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    with pytest.raises(ValueError, match="first at row 77"):
        embedded(model, data)
    with pytest.raises(ValueError, match="first at row 77"):
        embedded(model, x)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x, y: (x, y[:5]), "lengths"),
        (lambda x, y: (x[:0], y[:0]), "empty"),
        (lambda x, y: (x[:0],), "empty"),
        (lambda x, y: (tf.data.Dataset.from_tensor_slices(x[:0]).batch(2),), "empty"),
        (lambda x, y: (from_arrays(x, y), y), "own labels"),
        (lambda x, y: (tf.data.Dataset.from_tensor_slices(x), y), "own labels"),
        (lambda x, y: (tf.data.Dataset.from_tensor_slices(x).repeat(),), "never ends"),
        (lambda x, y: (from_stream(tf.data.Dataset.from_tensor_slices((x, y))),), "Stream"),
        (lambda x, y: (3.5,), "Received: float"),
        (lambda x, y: (x[0],), r"one item, shape \(8,\). Use `x\[None\]`"),
        (lambda x, y: (tf.data.Dataset.from_tensor_slices(x),), "one item"),
        (lambda x, y: (x, y.astype(float)), "floats"),
        (lambda x, y: (x[:, :5],), "8"),
    ],
)
def test_refused(model, clusters, make, message):
    x, y = clusters
    with pytest.raises(ValueError, match=message):
        embedded(model, *make(x, y))


def test_wrong_size(model, clusters):
    with pytest.raises(ValueError, match=r"of size 3. Received: size 4"):
        embedded(model, clusters[0], embedding_dim=3)


@pytest.mark.parametrize("batch_size", [0, -1, 2.0])
def test_wrong_batch_size(batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1"):
        open_items(np.eye(3), batch_size=batch_size)


def test_labels_of_batches_must_fit(model, clusters):
    x, y = clusters
    data = tf.data.Dataset.from_generator(
        lambda: iter([(x, y[:9])]),
        output_signature=(tf.TensorSpec((None, 8), "float32"), tf.TensorSpec((None,), "int64")),
    )
    with pytest.raises(ValueError, match="9 labels for 180 items"):
        embedded(model, data)
    # By their shapes, these are single items of shape (180, 8).
    with pytest.raises(ValueError, match=r"items of shape \(8,\). Received: shape \(180, 8\)"):
        embedded(model, tf.data.Dataset.from_tensors((x, y[:9])))
