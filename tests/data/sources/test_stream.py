import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.sources.stream import from_stream

X = np.arange(12, dtype=np.float32).reshape(6, 2)
Y = np.array([5, 7, 5, 7, 9, 9])


def items_of(*parts):
    return tf.data.Dataset.from_tensor_slices(parts)


def of_any_size(batch):
    return tf.data.Dataset.from_generator(
        lambda: batch,
        output_signature=(tf.TensorSpec((None, 2), tf.float32), tf.TensorSpec((), tf.int64)),
    )


def test_raw_items_are_decoded_as_a_batch():
    def decode(raw):
        number = tf.strings.to_number(raw["text"])
        return tf.stack([number, raw["add"]]), number < 3

    raw = {"text": np.array([str(i) for i in range(6)]), "add": np.ones(6, np.float32)}
    stream = from_stream(items_of(raw, Y), decode=decode)
    pairs, is_small = stream.decode_batch({name: part[[4, 1]] for name, part in raw.items()})
    assert stream.item_spec == (tf.TensorSpec((2,), tf.float32), tf.TensorSpec((), tf.bool))
    assert pairs.numpy().tolist() == [[4, 1], [1, 1]]
    assert is_small.numpy().tolist() == [False, True]


def test_items_that_are_not_raw_stay_as_they_are():
    assert from_stream(items_of(X, Y)).decode_batch(X) is X


@pytest.mark.parametrize(
    ("dataset", "arguments", "message"),
    [
        (lambda: items_of(X, Y).batch(2), {}, r"labels of shape \(None,\).*`\.unbatch\(\)`"),
        (lambda: items_of(X, Y).batch(2, drop_remainder=True), {}, r"`\.unbatch\(\)`"),
        (lambda: items_of(X, np.eye(6, dtype=int)), {}, r"shape \(6,\).*tf\.argmax"),
        (lambda: items_of(X, ["a", "b"] * 3), {}, "dtype string.*StringLookup.*from_dataset"),
        (lambda: items_of(X, [0.0, np.nan] * 3), {}, "dtype float32"),
        (lambda: items_of(X, Y.astype(np.uint64)), {}, "dtype uint64"),
        (lambda: items_of(X, Y, np.ones(6)), {}, "dtype float64.*Weights"),
        (lambda: items_of(X, Y).take(0), {}, "empty"),
        (lambda: of_any_size([]), {}, r"`x` with shape \(None, 2\).*tf\.ensure_shape"),
        (
            lambda: items_of(["a"] * 6, Y),
            {"decode": tf.io.decode_png},
            r"`decode\(x\)` with shape \(None, None, None\)",
        ),
        (lambda: items_of(X, Y), {"buffer_size": 0}, "buffer_size"),
        (lambda: items_of({"image": X, "label": Y}), {}, "dataset.map"),
        (lambda: X, {}, "Received: an object of type ndarray"),
    ],
)
def test_bad_streams_are_refused(dataset, arguments, message):
    with pytest.raises(ValueError, match=message):
        from_stream(dataset(), **arguments)


def test_decode_that_is_no_function():
    with pytest.raises(ValueError, match=r"`decode` must be a function of one item\. Received: 3"):
        from_stream(items_of(X, Y), decode=3)
