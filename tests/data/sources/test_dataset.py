import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.dataset import from_dataset, gives_batches

X = np.arange(12, dtype=np.float32).reshape(6, 2)
Y = np.array([5, 7, 5, 7, 9, 9])


def items_of(*parts):
    return tf.data.Dataset.from_tensor_slices(parts)


def generated(items, x_shape, y_shape=()):
    signature = (tf.TensorSpec(x_shape, tf.float32), tf.TensorSpec(y_shape, tf.int64))
    return tf.data.Dataset.from_generator(lambda: iter(items), output_signature=signature)


@pytest.mark.parametrize("batch_size", [None, 1, 4, 6])
@pytest.mark.parametrize("y", [Y, Y[:, None]], ids=["(N,)", "(N, 1)"])
def test_items_one_by_one_or_in_batches(batch_size, y):
    dataset = items_of(X, y)
    source = from_dataset(dataset if batch_size is None else dataset.batch(batch_size))
    x, labels = source.arrays()
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(labels, Y)
    assert source.labels.dtype == np.int64


def test_nests_and_names_and_groups():
    texts = np.array(["zwölf", "a", "b", "c", "d", ""])
    names = ["ä", "b", "ä", "b", "c", "c"]
    groups = ["x", "y", "x", "y", "y", "y"]
    source = from_dataset(items_of({"image": X.astype(np.uint8), "text": (texts,)}, names, groups))
    assert source.labels.tolist() == names
    assert source.groups.tolist() == groups
    x, _ = source.arrays()
    assert x["image"].dtype == np.uint8
    assert [text.decode() for text in x["text"][0]] == texts.tolist()
    batches = pk_batches(source, classes_per_batch=2, examples_per_class=2)
    assert next(iter(batches))[0]["image"].shape == (4, 2)


def test_the_dataset_is_read_once():
    reads = []

    def items():
        for item in zip(X, Y, strict=True):
            reads.append(item)
            yield item

    signature = (tf.TensorSpec((2,), tf.float32), tf.TensorSpec((), tf.int64))
    source = from_dataset(tf.data.Dataset.from_generator(items, output_signature=signature))
    source.arrays()
    assert len(reads) == 6


def test_shapes_that_are_known_only_when_read():
    source = from_dataset(generated(zip(X, Y, strict=True), (None,)))
    np.testing.assert_array_equal(source.arrays()[0], X)


@pytest.mark.parametrize("batched", [False, True])
def test_mixed_shapes_are_refused_with_both(batched):
    images = [np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32), np.zeros((4, 3))]
    if batched:
        items = [(image[None], [0]) for image in images]
        dataset = generated(items, (None, None, 3), (None,))
    else:
        dataset = generated([(image, 0) for image in images], (None, 3))
    with pytest.raises(ValueError, match=r"Received: \(2, 3\) and \(4, 3\)"):
        from_dataset(dataset)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (lambda: items_of(X, Y).repeat(), "must be finite.*from_stream"),
        (lambda: items_of(X, Y).take(0), "empty"),
        (lambda: items_of(X, Y).filter(lambda x, y: y < 0), "empty"),
        (lambda: items_of(X, Y.astype(np.float32)), "whole numbers"),
        (lambda: items_of(X, [0.0, np.nan] * 3), "missing"),
        (lambda: items_of(X, np.eye(6, dtype=int)), "argmax"),
        (lambda: items_of(X), r"elements \(x, label\) or \(x, label, group\)"),
        (lambda: items_of({"image": X, "label": Y}).map(lambda item: item), "dataset.map"),
        (lambda: items_of(X, {"a": Y, "b": Y}), "one tensor of labels"),
        (lambda: items_of(tf.ragged.constant([[1], [1, 2]]), [0, 1]), r"to_tensor"),
        (lambda: generated([(X[0], 0)], None), "known rank"),
        (lambda: [(X, Y)], "Received: an object of type list"),
    ],
)
def test_bad_datasets_are_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        from_dataset(dataset())


def test_batches_are_told_from_items():
    images = items_of(np.zeros((6, 4, 4)), Y[:, None])
    assert not gives_batches(images)
    assert gives_batches(images.batch(2))
    assert gives_batches(images.batch(2, drop_remainder=True))
    assert not gives_batches(items_of(X, np.eye(6)))
