"""What the exact and the approximate search of an index have in common."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.index.items import ItemTable
from keras_siamese.index.vectors import VectorStore

_BLOCK_ELEMENTS = 2**22


class Backend(ABC):
    """Finds the items of a table whose vectors are near to queries.

    Args:
        distance: Compares queries and items.
        store: The vectors of the items.
        items: The table, one row for each vector.
    """

    def __init__(self, distance: Distance, store: VectorStore, items: ItemTable) -> None:
        self.distance, self.store, self.items = distance, store, items

    @abstractmethod
    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds the k nearest items.

        Args:
            queries: float32, shape `(num_queries, embedding_dim)`.
            k: From 1 to the number of items.

        Returns: `(positions, distances)`, nearest first: int64 and float32, shapes
            `(num_queries, k)`.
        """

    @abstractmethod
    def within(
        self, queries: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Finds all items whose distance is at most `threshold`.

        Returns: `(row_splits, positions, distances)`: those of query `q`, nearest first, are
            `row_splits[q]` to `row_splits[q + 1]`.
        """

    @abstractmethod
    def add(self, positions: np.ndarray) -> None:
        """Takes up items that stand in the table, with their vectors, since now."""

    @abstractmethod
    def remove(self, ids: np.ndarray) -> None:
        """Forgets items that stand in the table until now, or get other vectors."""

    @property
    def nbytes(self) -> int:
        """Bytes that are held besides the vectors."""
        return 0

    def save(self, path: Path) -> dict[str, Any] | None:
        """Writes what took long to make to a file.

        Returns: What else `restore` needs, as JSON can hold it; None if there is nothing to write.
        """
        return None

    def restore(self, path: Path, config: dict[str, Any]) -> None:
        """Reads what `save` wrote, by this library's native code: only of files that are trusted.

        Raises: ValueError: If it does not belong to the items.
        """
        raise ValueError("The exact index has no graph.")

    def distances_of(self, queries: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Distances from each query to items of its own.

        Args:
            queries: Shape `(num_queries, embedding_dim)`.
            positions: Positions of items, shape `(num_queries, n)`.

        Returns: float32, shape `(num_queries, n)`.
        """
        distances = np.empty(positions.shape, np.float32)
        rows = max(1, _BLOCK_ELEMENTS // max(1, positions.shape[1] * queries.shape[1]))
        for start in range(0, len(queries), rows):
            block = slice(start, start + rows)
            x = queries[block, None, :].astype(np.float64)
            y = self.store.rows(positions[block]).astype(np.float64)
            paired = self.distance.paired(ops.convert_to_tensor(x), ops.convert_to_tensor(y))
            with np.errstate(over="ignore"):
                distances[block] = ops.convert_to_numpy(paired)
        return distances
