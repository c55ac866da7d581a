import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import tensorflow_only

from keras_siamese.ops.blocks import map_row_blocks, rows_within


def _products_and_sums(x, w):
    return x[:, None] * w, x + w[:, 0]


@pytest.mark.parametrize("num_rows", [1, 7, 8, 9, 16, 21])
def test_joins_what_the_function_gives_at_once(rng, num_rows):
    x = ops.convert_to_tensor(rng.normal(size=num_rows))
    w = ops.convert_to_tensor(rng.normal(size=(num_rows, 3)))
    products, sums = map_row_blocks(_products_and_sums, (x, w), 8)
    expected_products, expected_sums = _products_and_sums(
        ops.convert_to_numpy(x), ops.convert_to_numpy(w)
    )
    assert ops.convert_to_numpy(products).tolist() == expected_products.tolist()
    assert ops.convert_to_numpy(sums).tolist() == expected_sums.tolist()


def test_gives_one_tensor_for_one_tensor():
    x = ops.arange(10)
    result = map_row_blocks(lambda rows: rows * 2, (x,), 4)
    assert ops.convert_to_numpy(result).tolist() == list(range(0, 20, 2))


@pytest.mark.parametrize(("num_rows", "most"), [(3, 3), (8, 8), (9, 8), (20, 8)])
def test_function_never_sees_more_than_a_block(num_rows, most):
    seen = []

    def function(rows):
        seen.append(len(rows))
        return rows

    map_row_blocks(function, (ops.arange(num_rows),), 8)
    assert set(seen) == {most}


@tensorflow_only
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("num_rows", [3, 8, 21])
def test_unknown_number_of_rows(num_rows, jit_compile):
    @tf.function(
        input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None, 3])], jit_compile=jit_compile
    )
    def function(x, w):
        return map_row_blocks(_products_and_sums, (x, w), 8)

    x = np.arange(num_rows, dtype="float32")
    w = np.arange(num_rows * 3, dtype="float32").reshape(-1, 3)
    for result, expected in zip(function(x, w), _products_and_sums(x, w), strict=True):
        assert ops.convert_to_numpy(result).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("elements", "per_row", "expected"),
    [
        (2**18, 2**10, 2**8),
        (2**18, 1000, 2**8),  # 262 rows, rounded down
        (2**18, 2**17, 8),  # 2 rows would be too few
        (2**18, 2**30, 8),
        (2**18, 1, 2**18),
    ],
)
def test_rows_within(elements, per_row, expected):
    assert rows_within(elements, per_row) == expected


def test_rows_within_of_an_unknown_width():
    assert rows_within(2**18, None) == 128
    assert rows_within(2**18, None, default=16) == 16
