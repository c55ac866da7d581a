"""Vectors of an index, in one growing array of small numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from keras_siamese.ops.checks import check_choice, check_count

DTYPES = ("float32", "float16", "int8")
_BLOCK_ROWS = 2**16
_FLOAT16_END = 65520  # rounds to infinity


def as_vectors(embeddings: Any, embedding_dim: int | None = None, first_row: int = 0) -> np.ndarray:
    """Returns embeddings as float32 of shape `(num_items, embedding_dim)`.

    Args:
        embeddings: Finite numbers, shape `(num_items, embedding_dim)`.
        embedding_dim: Expected size, or None for any.
        first_row: Number of the first row, for errors.

    Raises: ValueError: If the shape is another, or a value is not finite in float32.
    """
    vectors = np.asarray(embeddings)
    expected = "embedding_dim" if embedding_dim is None else embedding_dim
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or vectors.shape[1] == 0:
        raise ValueError(
            f"Embeddings must be numbers of shape (num_items, {expected}). Received: dtype "
            f"{vectors.dtype}, shape {vectors.shape}. For one item use `embedding[None]`."
        )
    if embedding_dim is not None and vectors.shape[1] != embedding_dim:
        raise ValueError(
            f"The index holds embeddings of size {embedding_dim}. Received: size "
            f"{vectors.shape[1]}. Use the encoder that the index was made with."
        )
    with np.errstate(over="ignore"):
        vectors = vectors.astype(np.float32, copy=False)
    is_finite = np.isfinite(vectors).all(axis=1)
    if not is_finite.all():
        raise ValueError(
            f"Embeddings must be finite. Received: NaN or infinity in {(~is_finite).sum()} of "
            f"{len(vectors)} rows, the first at row {first_row + is_finite.argmin()}. Leave these "
            "items out, or check the encoder's inputs."
        )
    return vectors


class VectorStore:
    """Vectors in a growing array.

    Memory for each vector of size D: 4 D bytes as float32; 2 D as float16, with relative errors of
    up to 0.05 %; D + 4 as int8, with errors of up to 1/254 of the vector's greatest entry.

    Args:
        embedding_dim: Size of the vectors.
        dtype: `"float32"`, `"float16"` or `"int8"`, the last with a scale for each vector.
    """

    def __init__(self, embedding_dim: int, dtype: str = "float32") -> None:
        self.embedding_dim = check_count("embedding_dim", embedding_dim)
        self.dtype = check_choice("dtype", dtype, DTYPES)
        self._values = np.empty((0, embedding_dim), dtype)
        self._scales = np.empty(0, np.float32)
        self._num_rows = 0

    def __len__(self) -> int:
        return self._num_rows

    @property
    def nbytes(self) -> int:
        """Bytes that are held, those in reserve included."""
        return self._values.nbytes + self._scales.nbytes

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept, for files: `vectors`, and of int8 also `scales`."""
        arrays = {"vectors": self._values[: len(self)]}
        return {**arrays, "scales": self._scales[: len(self)]} if self.dtype == "int8" else arrays

    @classmethod
    def from_arrays(cls, dtype: str, arrays: Mapping[str, np.ndarray]) -> "VectorStore":
        """Makes a store of what `arrays` gave; the arrays are taken over.

        Raises: ValueError: If a value is not finite.
        """
        store = cls(arrays["vectors"].shape[1], dtype)
        store._values = arrays["vectors"]
        store._scales = arrays.get("scales", store._scales)
        store._num_rows = len(store._values)
        for start, block in store.blocks():
            as_vectors(block, first_row=start)
        return store

    def reserve(self, num_rows: int) -> None:
        """Makes room for a known number of rows at once; what there is, is copied.

        Args:
            num_rows: Number of rows in all.
        """
        if num_rows > len(self._values):
            values = np.empty((num_rows, self.embedding_dim), self.dtype)
            values[: len(self)] = self._values[: len(self)]
            self._values = values
            if self.dtype == "int8":
                scales = np.empty(num_rows, np.float32)
                scales[: len(self)] = self._scales[: len(self)]
                self._scales = scales

    def append(self, vectors: np.ndarray) -> None:
        """Adds vectors, float32, shape `(num_new, embedding_dim)`.

        Raises: ValueError: If a value is too large for float16.
        """
        end = len(self) + len(vectors)
        if end > len(self._values):
            self.reserve(max(end, len(self) + len(self) // 2))
        self._write(slice(len(self), end), vectors)
        self._num_rows = end

    def replace(self, positions: np.ndarray, vectors: np.ndarray) -> None:
        """Puts other vectors in the place of some.

        Args:
            positions: Rows, shape `(num_rows,)`.
            vectors: float32, shape `(num_rows, embedding_dim)`.

        Raises: ValueError: If a value is too large for float16.
        """
        self._write(positions, vectors)

    def check(self, vectors: np.ndarray) -> None:
        """Checks that vectors can be kept.

        Raises: ValueError: If a value is too large for float16.
        """
        greatest = np.abs(vectors).max(axis=1, initial=0)
        fits = greatest < _FLOAT16_END
        if self.dtype == "float16" and not fits.all():
            raise ValueError(
                "Embeddings do not fit into float16, which ends at 65504. Received: "
                f'{greatest.max():.3g}. Scale them down, or use `dtype="float32"`.'
            )

    def truncate(self, num_rows: int) -> None:
        """Forgets all but the first rows."""
        self._num_rows = min(num_rows, len(self))

    def keep(self, mask: np.ndarray) -> None:
        """Keeps the rows where `mask` is true, in their order, in a new array."""
        self._values = self._values[: len(self)][mask]
        if self.dtype == "int8":
            self._scales = self._scales[: len(self)][mask]
        self._num_rows = len(self._values)

    def rows(self, where: Any) -> np.ndarray:
        """Returns some vectors as float32; a slice of float32 ones is a view.

        Args:
            where: A slice within the rows, or positions of any shape.

        Returns: Shape `(*shape of positions, embedding_dim)`.
        """
        rows = self._values[where].astype(np.float32, copy=False)
        if self.dtype == "int8":
            rows = rows * self._scales[where][..., None]
        return rows

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields `(first row, vectors as float32)`: all of float32, else in blocks of 65,536."""
        size = max(1, len(self)) if self.dtype == "float32" else _BLOCK_ROWS
        for start in range(0, len(self), size):
            yield start, self.rows(slice(start, min(start + size, len(self))))

    def _write(self, where: Any, vectors: np.ndarray) -> None:
        if self.dtype == "int8":
            scales = np.abs(vectors).max(axis=1, initial=0) / 127
            divisors = np.where(scales == 0, 1, scales)[:, None]
            self._values[where] = np.clip(np.rint(vectors / divisors), -127, 127)
            self._scales[where] = scales
            return
        self.check(vectors)
        self._values[where] = vectors
