import numpy as np
import pytest

from keras_siamese.index.vectors import VectorStore, as_vectors


def make(rng, dtype, num_rows=50):
    store = VectorStore(6, dtype)
    x = rng.normal(size=(num_rows, 6)).astype("float32")
    for start in range(0, num_rows, 7):
        store.append(x[start : start + 7])
    return store, x


@pytest.mark.parametrize("dtype, bytes_each", [("float32", 24), ("float16", 12), ("int8", 10)])
def test_what_is_kept(rng, dtype, bytes_each):
    store, x = make(rng, dtype)
    step = np.abs(x).max(axis=1, keepdims=True) / 254
    allowed = {"float32": 0, "float16": np.abs(x) * 2**-11 + 1e-7, "int8": step * 1.0001}[dtype]
    assert (np.abs(store.rows(slice(0, 50)) - x) <= allowed).all()
    assert store.rows(np.array([[3, 1]])).shape == (1, 2, 6)
    assert store.rows(slice(0, 2)).dtype == np.float32
    used = sum(array.nbytes for array in store.arrays.values())
    assert used == 50 * bytes_each <= store.nbytes <= 1.6 * used


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_changes(rng, dtype):
    store, x = make(rng, dtype)
    decoded = store.rows(slice(0, 50)).copy()
    mask = np.arange(50) % 3 > 0
    store.keep(mask)
    assert np.array_equal(store.rows(slice(0, len(store))), decoded[mask])
    store.replace(np.array([0, 4]), x[[20, 21]])
    assert np.array_equal(store.rows(np.array([0, 4])), decoded[[20, 21]])
    store.truncate(5)
    assert len(store) == 5
    again = VectorStore.from_arrays(dtype, store.arrays)
    assert np.array_equal(again.rows(slice(0, 5)), store.rows(slice(0, 5)))
    again.append(x[:1])
    assert len(again) == 6 and len(store) == 5


def test_blocks_cover_all(rng, monkeypatch):
    monkeypatch.setattr("keras_siamese.index.vectors._BLOCK_ROWS", 16)
    store, _ = make(rng, "float16")
    starts, blocks = zip(*store.blocks(), strict=True)
    assert starts == (0, 16, 32, 48)
    assert np.array_equal(np.concatenate(blocks), store.rows(slice(0, 50)))


def test_reserved_room_is_used(rng):
    store = VectorStore(6)
    store.reserve(10)
    for _ in range(10):
        store.append(rng.normal(size=(1, 6)).astype("float32"))
    assert store.nbytes == 240


def test_zeros_as_int8():
    store = VectorStore(3, "int8")
    store.append(np.zeros((2, 3), "float32"))
    assert not store.rows(slice(0, 2)).any()


def test_too_large_for_float16():
    store = VectorStore(2, "float16")
    with pytest.raises(ValueError, match=r"do not fit into float16.*Received: 7e"):
        store.append(np.full((1, 2), 7e4, "float32"))
    store.append(np.full((1, 2), 65504, "float32"))
    assert np.isfinite(store.rows(slice(0, 1))).all()


def test_arrays_with_nan_are_refused():
    vectors = np.zeros((3, 2), "float32")
    vectors[1, 0] = np.nan
    with pytest.raises(ValueError, match="first at row 1"):
        VectorStore.from_arrays("float32", {"vectors": vectors})


@pytest.mark.parametrize(
    "embeddings, message",
    [
        (np.zeros(3), r"shape \(num_items, 3\).*embedding\[None\]"),
        (np.zeros((2, 4)), "of size 3. Received: size 4"),
        (np.array([["a"]]), "must be numbers"),
        (np.zeros((2, 3), complex), "must be numbers"),
        ([[0, 0, 0], [1, float("nan"), 2]], "1 of 2 rows, the first at row 11"),
        ([[0, 0, 1e300]], "NaN or infinity"),
    ],
)
def test_refused(embeddings, message):
    with pytest.raises(ValueError, match=message):
        as_vectors(embeddings, 3, first_row=10)


def test_numbers_of_any_width():
    assert as_vectors(np.ones((2, 3), "float16")).dtype == np.float32
    assert as_vectors([[1, 2]]).tolist() == [[1.0, 2.0]]
