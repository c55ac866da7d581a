import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import tensorflow_only

from keras_siamese.ops.checks import (
    as_class_ids,
    as_embeddings,
    as_label_table,
    as_labels,
    as_plain_shape,
    check_choice,
    check_class_sizes,
    check_count,
    check_finite,
    check_finite_loss,
    check_places,
    check_positive,
    check_same_batch,
    check_same_length,
    check_same_values,
    is_text,
    unknown_name,
)


def test_unknown_name_holds_the_nearest_valid_one():
    error = unknown_name("distance", "Euclidian", {"euclidean", "cosine"})
    assert isinstance(error, ValueError)
    assert str(error) == (
        "Unknown `distance`. Expected one of ['cosine', 'euclidean']. Received: 'Euclidian'. "
        "Did you mean 'euclidean'?"
    )


def test_unknown_name_guesses_nothing_far_off():
    assert "Did you mean" not in str(unknown_name("distance", "xyz", ["euclidean"]))


def test_choice():
    assert check_choice("reduction", "mean", ("sum", "mean")) == "mean"


@pytest.mark.parametrize("received", ["means", None, 3, ["mean"]])
def test_choice_refuses(received):
    with pytest.raises(ValueError, match=r"`reduction`.*\['mean', 'sum'\]"):
        check_choice("reduction", received, ("sum", "mean"))


@pytest.mark.parametrize("received", [0.2, 3, np.float32(0.5), np.int64(7)])
def test_positive_gives_a_float(received):
    result = check_positive("margin", received)
    assert type(result) is float
    assert result == received


@pytest.mark.parametrize("received", [0, -1.0, float("nan"), float("inf"), True, "1", None, [1.0]])
def test_positive_refuses(received):
    with pytest.raises(ValueError, match="`margin` must be a finite number above 0"):
        check_positive("margin", received)


def test_positive_above_another_limit():
    assert check_positive("scale", 1.5, least=1.0) == 1.5
    with pytest.raises(ValueError, match="above 1"):
        check_positive("scale", 1.0, least=1.0)


def test_positive_below_a_limit():
    assert check_positive("angle", 89.0, below=90.0) == 89.0
    with pytest.raises(ValueError, match=r"above 0 and below 90\. Received: 90"):
        check_positive("angle", 90.0, below=90.0)


@pytest.mark.parametrize("received", [2, np.int32(2), np.uint8(2)])
def test_count(received):
    assert check_count("k", received, least=2) == 2


@pytest.mark.parametrize("received", [1, 2.0, True, "2", None])
def test_count_refuses(received):
    with pytest.raises(ValueError, match=r"`k` must be an integer of at least 2.*Use more\."):
        check_count("k", received, least=2, fix="Use more.")


def test_same_length():
    assert check_same_length(x=[1, 2, 3], y=np.zeros((3, 2))) == 3
    with pytest.raises(ValueError, match=r"\{'x': 1, 'y': 2\}"):
        check_same_length(x=[1], y=[1, 2])
    with pytest.raises(ValueError, match=r"empty.*x and y"):
        check_same_length(x=[], y=[])


def test_same_values():
    for same in ([0, 1], [[1.0], [0.0]], [True], [1, 1]):
        check_same_values(np.array(same))
    for same in ([0, 2], [1, -1], [0.5], [7, 7, 3]):
        with pytest.raises(ValueError, match="`same` must be 1 for a match and 0 for none"):
            check_same_values(np.array(same))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_labels_keep_their_integer_type(dtype, shape):
    labels = as_labels(np.arange(4, dtype=dtype).reshape(shape))
    assert keras.backend.standardize_dtype(labels.dtype) == dtype
    assert ops.convert_to_numpy(labels).tolist() == [0, 1, 2, 3]


def test_labels_that_no_float32_tells_apart():
    labels = as_labels(np.array([2**24, 2**24 + 1, 2**62, 2**62 + 1]))
    assert len(set(ops.convert_to_numpy(labels).tolist())) == 4


def test_one_label_of_each_shape():
    assert as_labels([[5]]).shape == (1,)
    assert as_labels([5]).shape == (1,)


@tensorflow_only
def test_labels_of_unknown_rank():
    # What Keras's train and test functions make of calls with both shapes.
    function = tf.function(as_labels, reduce_retracing=True)
    for shape in ((4,), (4, 1), (4,), (6, 1)):
        labels = tf.reshape(tf.range(shape[0]), shape)
        assert ops.convert_to_numpy(function(labels)).tolist() == list(range(shape[0]))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3, "float32"), "dtype float32.*keep the labels integers"),
        (np.zeros(3, bool), "dtype bool"),
        (np.array(["a", "b"]), "encode_labels"),
        (np.eye(3, dtype="int32"), "argmax"),
        (np.zeros((3, 1, 1), "int32"), r"\(3, 1, 1\)"),
        (np.int32(3), r"shape \(\)"),
    ],
    ids=["float", "bool", "string", "one-hot", "rank 3", "scalar"],
)
def test_labels_refuse(labels, message):
    with pytest.raises(ValueError, match=message):
        as_labels(labels)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", "float32"),
        ("bfloat16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_embeddings_are_float32_or_better(dtype, expected):
    embeddings = as_embeddings(ops.ones((2, 3), dtype))
    assert keras.backend.standardize_dtype(embeddings.dtype) == expected


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (2, 3, 4, 5)])
def test_embeddings_of_another_rank(shape):
    with pytest.raises(ValueError, match=r"Queries must have shape \(batch_size, embedding_dim\)"):
        as_embeddings(np.zeros(shape, "float32"), "Queries")


def test_same_batch():
    check_same_batch(np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(
        ValueError, match=r"one weight for each embedding. Received: 2 of them and 3"
    ):
        check_same_batch(np.zeros(2), np.zeros((3, 2)), "weight")


@tensorflow_only
def test_same_batch_lets_unknown_sizes_pass():
    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([3, 2])])
    def function(labels, embeddings):
        check_same_batch(labels, embeddings)
        return embeddings

    assert function(np.zeros(3, "float32"), np.zeros((3, 2), "float32")).shape == (3, 2)


def test_finite():
    check_finite("Embeddings", np.ones((3, 2)))
    check_finite("Embeddings", np.ones((0, 2)))
    for wrong in (np.nan, np.inf, -np.inf):
        values = np.ones((3, 2))
        values[1:] = wrong
        with pytest.raises(ValueError, match=r"Embeddings must be finite.*in 2 of 3 rows.*clip"):
            check_finite("Embeddings", values)
        with pytest.raises(ValueError, match=r"Distances must be finite.*in 2 of 3 rows"):
            check_finite("Distances", values[:, 0])


def test_finite_loss():
    check_finite_loss(ops.convert_to_tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"embeddings are not finite.*lower the learning rate"):
        check_finite_loss(ops.convert_to_tensor([1.0, float("nan")]))


@tensorflow_only
def test_a_loss_in_a_graph_cannot_be_looked_at():
    tf.function(check_finite_loss)(tf.constant(float("nan")))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_class_ids(dtype):
    ids = as_class_ids(ops.convert_to_tensor(np.array([2, 0, 1], dtype)), 300, "TheLoss")
    assert keras.backend.standardize_dtype(ids.dtype) == "int32"
    assert ops.convert_to_numpy(ids).tolist() == [2, 0, 1]


@pytest.mark.parametrize("wrong", [3, -1, 2**40])
def test_class_ids_out_of_range(wrong):
    labels = ops.convert_to_tensor(np.array([2, wrong, 1]))
    with pytest.raises(ValueError, match=rf"0 to 2, for TheLoss .*=3`.*Received: \[{wrong}\]"):
        as_class_ids(labels, 3, "TheLoss")


@tensorflow_only
def test_class_ids_out_of_range_in_a_graph():
    program = tf.function(lambda labels: as_class_ids(labels, 3, "TheLoss"))
    assert program(tf.constant([2, 2**40, -5, 3, 0])).numpy().tolist() == [2, -1, -1, -1, 0]


def test_label_table():
    labels = np.arange(6).reshape(3, 2)
    assert ops.convert_to_numpy(as_label_table(labels, "(n, m)", 2)).tolist() == labels.tolist()
    with pytest.raises(ValueError, match=r"shape \(n, m\), with 3 columns or more.*\(3, 2\)"):
        as_label_table(labels, "(n, m)", 3)
    with pytest.raises(ValueError, match=r"\(6,\)"):
        as_label_table(labels.ravel(), "(n, m)", 2)
    with pytest.raises(ValueError, match=r"Labels must be integer.*float64"):
        as_label_table(labels / 2, "(n, m)", 2)


def test_places():
    check_places("triplets", np.array([[0, 2], [1, 1]]), 3)
    for wrong, received in (([0, 3], "0 to 3"), ([-1, 2], "-1 to 2")):
        with pytest.raises(ValueError, match=rf"`triplets` .* 0 to 2\. Received: {received}"):
            check_places("triplets", np.array(wrong), 3)


def test_class_sizes():
    check_class_sizes(np.array([2, 1]))
    with pytest.raises(ValueError, match=r"All 4 items .* no negative"):
        check_class_sizes(np.array([4]))
    check_class_sizes(np.array([4]), different=False)
    with pytest.raises(ValueError, match=r"Each of the 3 classes .* no positive"):
        check_class_sizes(np.array([1, 1, 1]))
    check_class_sizes(np.array([1, 1, 1]), matching=False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array(["a", ""]), True),
        (np.array([b"a"]), True),
        (np.array(["a", b"b"], object), True),
        (np.array(["a"], np.dtypes.StringDType()), True),
        (np.array(["a", None], object), False),
        (np.array([1, 2], object), False),
        (np.array([1.0]), False),
    ],
)
def test_strings_in_any_of_numpys_ways(values, expected):
    assert is_text(values) is expected


def test_shapes_of_tensors_are_plain():
    assert as_plain_shape(tf.ones((2, 3)).shape) == (2, 3)
    assert as_plain_shape([2, 3]) == [2, 3]
    assert as_plain_shape(None) is None
