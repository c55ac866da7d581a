"""What queries of an index give."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest items of each query, nearest first.

    Attributes:
        ids: Ids of the items, int64, shape `(num_queries, k)`.
        distances: Distances between query and item, float32, shape `(num_queries, k)`.
        labels: Labels of the items, shape `(num_queries, k)`; None if the index has none.
        metadata: For each column, the values of the items, shape `(num_queries, k)`.
    """

    ids: np.ndarray
    distances: np.ndarray
    labels: np.ndarray | None
    metadata: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class NeighboursWithin:
    """All items within a threshold of each query, nearest first.

    Those of query `q` are rows `row_splits[q]` to `row_splits[q + 1]` of the other arrays;
    `result[q]` gives them as a `NeighboursWithin` of one query.

    Attributes:
        row_splits: Where each query's items begin and end, int64, shape `(num_queries + 1,)`.
        ids: Ids of the items, int64, shape `(num_found,)`.
        distances: Distances between query and item, float32, shape `(num_found,)`.
        labels: Labels of the items, shape `(num_found,)`; None if the index has none.
        metadata: For each column, the values of the items, shape `(num_found,)`.
    """

    row_splits: np.ndarray
    ids: np.ndarray
    distances: np.ndarray
    labels: np.ndarray | None
    metadata: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def __getitem__(self, query: int) -> "NeighboursWithin":
        query = range(len(self))[query]
        rows = slice(int(self.row_splits[query]), int(self.row_splits[query + 1]))
        return NeighboursWithin(
            np.array([0, rows.stop - rows.start]),
            self.ids[rows],
            self.distances[rows],
            None if self.labels is None else self.labels[rows],
            {name: values[rows] for name, values in self.metadata.items()},
        )


@dataclass(frozen=True, eq=False)
class RemovedDuplicates:
    """Items that `EmbeddingIndex.deduplicate` removed, in their order in the index.

    Attributes:
        ids: Ids of the removed items, int64, shape `(num_removed,)`.
        kept_ids: For each of them, the id of the item that stands for it, shape `(num_removed,)`.
        distances: Distances between the two, float32, shape `(num_removed,)`.
    """

    ids: np.ndarray
    kept_ids: np.ndarray
    distances: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)
