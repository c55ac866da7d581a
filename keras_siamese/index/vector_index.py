"""Vectors with ids, labels and metadata, and the search among them: an index without an encoder."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.index.backend import Backend
from keras_siamese.index.exact import ExactBackend
from keras_siamese.index.faiss import FaissBackend
from keras_siamese.index.items import ItemTable
from keras_siamese.index.labels import as_index_labels
from keras_siamese.index.metadata import as_columns
from keras_siamese.index.results import Neighbours, NeighboursWithin
from keras_siamese.index.usearch import USearchBackend
from keras_siamese.index.vectors import DTYPES, VectorStore, as_vectors
from keras_siamese.ops.checks import check_choice, check_count

_APPROXIMATE = {backend.name: backend for backend in (USearchBackend, FaissBackend)}
EXACT = "exact"


class VectorIndex:
    """The items of an index and the search among their vectors.

    Args:
        distance: Name or object.
        backend: `"exact"`, `"usearch"` or `"faiss"`.
        dtype: How vectors are kept: see `VectorStore`.
        codes: How an approximate backend keeps them: see `Coder`; None: as `dtype`.
        rescore: Candidates for each wanted neighbour, where codes are smaller than the vectors.
        options: Options of the backend.

    Raises: ValueError: If the backend cannot do what is asked for.

    Attributes:
        items: Ids, labels, metadata.
        store: The vectors; None before the first ones.
        search: The backend; None before the first vectors.
    """

    def __init__(
        self,
        distance: "str | Distance" = "euclidean",
        backend: str = EXACT,
        dtype: str = "float32",
        codes: str | None = None,
        rescore: int = 4,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.distance = distances.get(distance)
        self.backend = check_choice("backend", backend, (EXACT, *_APPROXIMATE))
        self.dtype = check_choice("dtype", dtype, DTYPES)
        self.codes, self.rescore = codes, check_count("rescore", rescore)
        self.options = dict(options or {})
        if backend == EXACT and (codes is not None or options):
            raise ValueError(
                "The exact backend searches the vectors themselves. Received: "
                f"codes={codes!r}, options={options!r}. For fewer bytes use "
                '`dtype="float16"` or "int8"; for codes and options, backend="usearch".'
            )
        self.items = ItemTable()
        self.store: VectorStore | None = None
        self.search: Backend | None = None
        self._make_backend(VectorStore(1, dtype))  # refuses what does not go together

    def __len__(self) -> int:
        return len(self.items)

    @property
    def embedding_dim(self) -> int | None:
        """Size of the vectors, once there have been some."""
        return None if self.store is None else self.store.embedding_dim

    def add(
        self,
        batches: Iterable[tuple[np.ndarray, Any]],
        labels: np.ndarray | None = None,
        ids: Any = None,
        metadata: Any = None,
        num_items: int | None = None,
    ) -> None:
        """Adds vectors batch by batch: all of them, or, if there is an error, none.

        Args:
            batches: `(vectors, labels of the batch or None)`, vectors of `as_vectors`.
            labels: All labels, if they do not come with the batches.
            ids: Ids, or None to number the items on.
            metadata: Columns, or None.
            num_items: How many there will be, if that is known.

        Raises: ValueError: If anything does not fit.
        """
        if num_items is not None:  # What can be refused at once is.
            self._check_new(num_items, labels, ids, metadata)
        before, is_first = len(self), self.store is None
        of_batches: list[Any] = []
        new_ids = np.empty(0, np.int64)
        try:
            for vectors, y in batches:
                store = self.store or self.start(vectors.shape[1])
                store.reserve(before + (num_items or 0))
                store.append(vectors)
                if y is not None:
                    of_batches.append(y)
            if of_batches:
                labels = np.concatenate(of_batches)
            num_new = 0 if self.store is None else len(self.store) - before
            new_ids, new_labels, columns = self._check_new(num_new, labels, ids, metadata)
            self.items.append(new_ids, new_labels, columns)
            if num_new:
                self.running.add(np.arange(before, before + num_new))
        except BaseException:
            self._take_back(before, new_ids, is_first)
            raise

    def start(self, embedding_dim: int) -> VectorStore:
        """Makes the store, and the backend, for vectors of this size."""
        store = VectorStore(embedding_dim, self.dtype)
        self.take(store, self.items)
        return store

    def take(self, store: VectorStore, items: ItemTable) -> None:
        """Takes over vectors and their items; the backend has yet to `add` them."""
        self.store, self.items = store, items
        self.search = self._make_backend(store)

    @property
    def running(self) -> Backend:
        """The backend.

        Raises: ValueError: If the index is empty.
        """
        if self.search is None or not len(self.items):
            raise ValueError("The index is empty. Expected items to search among. Use `add` first.")
        return self.search

    def vectors(self, ids: np.ndarray) -> np.ndarray:
        """Returns the vectors of items, float32, as they are kept."""
        positions = self.items.positions_of(ids)
        return np.array(self.running.store.rows(positions))

    def nearest(self, queries: Any, k: int) -> Neighbours:
        """Finds the k nearest items of each query.

        Raises: ValueError: If the index is empty, or k larger than it is.
        """
        positions, found = self.find(as_vectors(queries, self.embedding_dim), k)
        return self.describe(positions, found)

    def find(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns `(positions, distances)` of the k nearest items, of checked queries."""
        backend = self.running
        if check_count("k", k) > len(self):
            raise ValueError(
                f"`k` is larger than the index. Expected at most {len(self)}, the number of items. "
                f"Received: {k}."
            )
        if not len(queries):
            return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
        return backend.search(as_vectors(queries, self.embedding_dim), k)

    def describe(self, positions: np.ndarray, found: np.ndarray) -> Neighbours:
        """Says what stands at positions, shape `(num_queries, k)`, found at these distances."""
        return Neighbours(
            self.items.ids[positions],
            found,
            self.items.labels.take(positions),
            self.items.metadata.take(positions),
        )

    def within(self, queries: Any, threshold: float) -> NeighboursWithin:
        """Finds all items within a distance of each query.

        Raises: ValueError: If the index is empty, or the threshold no number.
        """
        backend = self.running
        threshold = check_threshold(threshold)
        queries = as_vectors(queries, self.embedding_dim)
        if len(queries):
            splits, positions, found = backend.within(queries, threshold)
        else:
            splits, positions, found = np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0)
        return NeighboursWithin(
            splits,
            self.items.ids[positions],
            found,
            self.items.labels.take(positions),
            self.items.metadata.take(positions),
        )

    def remove(self, ids: np.ndarray) -> None:
        """Removes items; those that are left keep their ids and their order.

        Raises: ValueError: If an id is not there.
        """
        if not len(ids):
            return
        mask = np.ones(len(self), bool)
        mask[self.items.positions_of(ids)] = False
        backend = self.running
        backend.remove(ids)
        backend.store.keep(mask)
        self.items.keep(mask)

    def update(
        self, ids: np.ndarray, vectors: np.ndarray | None, y: Any = None, metadata: Any = None
    ) -> None:
        """Changes items: their vectors, labels, or some columns of their metadata.

        Raises: ValueError: If an id is not there, or anything does not fit; nothing is changed.
        """
        positions = self.items.positions_of(ids)
        columns = as_columns(metadata, len(ids))
        labels = None if y is None else as_index_labels(y)
        if labels is not None:
            self.items.labels.check_kind(labels)
        for name, rows in (("x", vectors), ("y", labels)):
            if rows is not None and len(rows) != len(ids):
                raise ValueError(
                    f"Expected as many of `{name}` as `ids`, {len(ids)}. Received: {len(rows)}."
                )
        if vectors is not None and len(ids):
            backend = self.running
            backend.store.check(vectors)
            backend.remove(ids)
            backend.store.replace(positions, vectors)
            backend.add(positions)
        if labels is not None:
            self.items.labels.replace(positions, labels)
        self.items.metadata.replace(positions, columns)

    def _take_back(self, num_items: int, new_ids: np.ndarray, is_first: bool) -> None:
        if is_first:
            self.store = self.search = None
        elif self.store is not None and self.search is not None:
            self.search.remove(new_ids)
            self.store.truncate(num_items)
        self.items.keep(np.arange(len(self)) < num_items)

    def _check_new(
        self, num_items: int, labels: Any, ids: Any, metadata: Any
    ) -> tuple[np.ndarray, np.ndarray | None, dict[str, list[Any]]]:
        new_labels = None if labels is None else as_index_labels(labels)
        if new_labels is not None and len(new_labels) != num_items:
            raise ValueError(f"Expected {num_items} labels. Received: {len(new_labels)}.")
        if len(self):
            self.items.labels.check_kind(new_labels)
        return self.items.new_ids(ids, num_items), new_labels, as_columns(metadata, num_items)

    def _make_backend(self, store: VectorStore) -> Backend:
        if self.backend == EXACT:
            return ExactBackend(self.distance, store, self.items)
        return _APPROXIMATE[self.backend](
            self.distance,
            store,
            self.items,
            codes=self.codes,
            rescore=self.rescore,
            options=self.options,
        )


def check_threshold(threshold: Any) -> float:
    """Returns a threshold as a float.

    Raises: ValueError: If it is no number, or NaN.
    """
    try:
        value = float(threshold)
    except (TypeError, ValueError):
        value = float("nan")
    if value != value:
        raise ValueError(f"`threshold` must be a number. Received: {threshold!r}.")
    return value
