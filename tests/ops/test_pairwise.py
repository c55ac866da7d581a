import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from loss_harness import DOUBLE, evaluate, tensorflow_only

from keras_siamese.ops import pairwise as module
from keras_siamese.ops.pairwise import pairwise_manhattan, pairwise_squared_euclidean


@pytest.mark.parametrize("dtype", ["float32", DOUBLE])
def test_squared_euclidean_by_hand(dtype):
    x = np.array([[0, 0], [3, 4]], dtype)
    y = np.array([[3, 4], [0, 1], [-3, 0]], dtype)
    distances = evaluate(pairwise_squared_euclidean, x, y)
    assert distances.dtype == dtype
    assert distances.tolist() == [[25.0, 1.0, 9.0], [0.0, 18.0, 52.0]]


def test_squared_euclidean_is_never_negative_and_as_exact_as_it_says(rng):
    # Near-duplicates, where the formula cancels: the error is about 1e-7 times the squared norms.
    x = rng.normal(size=(50, 1)) + 1e-5 * rng.normal(size=(50, 16))
    y = rng.permutation(x)
    x32, y32 = x.astype("float32"), y.astype("float32")
    distances = evaluate(pairwise_squared_euclidean, x32, y32)
    exact = ((x32[:, None].astype("float64") - y32[None]) ** 2).sum(axis=-1)
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None]
    assert distances.min() >= 0
    assert (np.abs(distances - exact) < 1e-6 * squares).all()


def test_manhattan_by_hand():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    y = np.array([[3.0, 4.0], [0.0, 1.0], [-3.0, 0.0]])
    assert ops.convert_to_numpy(pairwise_manhattan(x, y)).tolist() == [
        [7.0, 1.0, 3.0],
        [0.0, 6.0, 10.0],
    ]


@tensorflow_only
@pytest.mark.parametrize("unknown", [False, True], ids=["static", "unknown sizes"])
def test_manhattan_in_blocks(rng, monkeypatch, unknown):
    monkeypatch.setattr(module, "rows_within", lambda elements, per_row, default: 8)
    x, y = rng.normal(size=(21, 5)), rng.normal(size=(4, 5))
    size = None if unknown else 21
    function = tf.function(
        pairwise_manhattan, input_signature=[tf.TensorSpec([size, 5], "float64")] * 2
    )
    expected = [[sum(abs(a - b)) for b in y] for a in x]
    y = y if unknown else np.resize(y, (21, 5))
    assert ops.convert_to_numpy(function(x, y))[:, :4] == pytest.approx(np.array(expected))


def test_manhattan_keeps_blocks_small(monkeypatch, rng):
    asked = []
    monkeypatch.setattr(
        module, "map_row_blocks", lambda function, rows, block_rows: asked.append(block_rows)
    )
    pairwise_manhattan(np.zeros((512, 128), "float32"), np.zeros((512, 128), "float32"))
    assert asked == [64]  # 64 * 512 * 128 floats are 2**22, 16 MiB
