"""Approximate search: a library proposes candidates, whose exact distances decide."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.index.backend import Backend
from keras_siamese.index.codes import Coder
from keras_siamese.index.exact import ExactBackend, as_ragged
from keras_siamese.index.items import ItemTable
from keras_siamese.index.vectors import VectorStore
from keras_siamese.ops.checks import check_count

SQUARED, PRODUCT = "squared_euclidean", "inner_product"
# What a library compares by instead, in the same order, and if vectors are normalised for it.
_COMPARED_BY = {
    "euclidean": (SQUARED, False),
    "squared_euclidean": (SQUARED, False),
    "cosine": (SQUARED, True),
    "angular": (SQUARED, True),
    "inner_product": (PRODUCT, False),
}
# What the libraries take; beyond, some end the process or ask for all memory there is.
_RANGES = {
    "connectivity": (2, 1024),
    "expansion_add": (1, 2**16),
    "expansion_search": (1, 2**16),
    "threads": (0, 1024),
}
_BLOCK_ROWS = 2**14


class ApproximateBackend(Backend):
    """Looks for candidates among codes, and ranks these by their exact distances.

    A true neighbour that is no candidate is missed; the distances are those of the vectors. A query
    with fewer candidates than asked for is compared with every item instead.

    Args:
        distance: Euclidean, squared or not, cosine, angular, or inner product.
        store: The vectors of the items.
        items: The table.
        codes: See `Coder`; None: as the vectors are stored.
        rescore: Candidates for each wanted neighbour, where codes are smaller than the vectors.
        options: Arguments of the subclass.

    Raises: ValueError: If the library cannot do the distance or the codes, or an option is unknown
        or out of range.
    """

    name: ClassVar[str]
    all_codes: ClassVar[tuple[str, ...]]
    default_options: ClassVar[dict[str, Any]]

    def __init__(
        self,
        distance: Distance,
        store: VectorStore,
        items: ItemTable,
        *,
        codes: str | None = None,
        rescore: int = 4,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(distance, store, items)
        codes = codes or store.dtype
        if distance.name not in _COMPARED_BY:
            raise ValueError(
                f"The {self.name} backend has distances {sorted(_COMPARED_BY)}. Received: "
                f'{distance!r}. Use `backend="exact"`, which has all.'
            )
        self.metric, normalize = _COMPARED_BY[distance.name]
        if codes not in self.all_codes or (codes == "binary" and self.metric == PRODUCT):
            raise ValueError(
                f"The {self.name} backend has codes {list(self.all_codes)}, binary ones for "
                f"Euclidean distances and angles. Received: codes {codes!r} for {distance!r}."
            )
        unknown = set(options or {}) - set(self.default_options)
        if unknown:
            raise ValueError(
                f"`options` of the {self.name} backend are {self.default_options}. Received: "
                f"{sorted(unknown)}."
            )
        self.options = {**self.default_options, **(options or {})}
        for name in _RANGES.keys() & self.options:
            _check_range(name, self.options[name])
        self.coder = Coder(codes, normalize)
        is_coarse = codes != store.dtype or codes not in ("float32", "float16")
        self.rescore = check_count("rescore", rescore) if is_coarse else 1
        self._exact = ExactBackend(distance, store, items)
        self.start()

    @abstractmethod
    def start(self) -> None:
        """Makes the library's index, empty."""

    @abstractmethod
    def insert(self, ids: np.ndarray, codes: np.ndarray) -> None:
        """Adds codes to the library's index."""

    @abstractmethod
    def delete(self, ids: np.ndarray) -> None:
        """Removes codes from the library's index."""

    @abstractmethod
    def candidates(self, codes: np.ndarray, count: int) -> np.ndarray:
        """Returns ids near to codes, shape `(num_queries, count)`, -1 where there are fewer."""

    def add(self, positions: np.ndarray) -> None:
        """See `Backend.add`."""
        for start in range(0, len(positions), _BLOCK_ROWS):
            block = positions[start : start + _BLOCK_ROWS]
            self.insert(self.items.ids[block], self.coder.encode(self.store.rows(block)))

    def remove(self, ids: np.ndarray) -> None:
        """See `Backend.remove`."""
        self.delete(ids)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Backend.search`."""
        count = min(len(self.items), k * self.rescore)
        positions, distances = self._rank(queries, count)
        positions, distances = positions[:, :k], distances[:, :k]
        short = np.flatnonzero(np.isinf(distances).any(axis=1))
        if len(short):
            positions[short], distances[short] = self._exact.search(queries[short], k)
        return positions, distances

    def within(
        self, queries: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Backend.within`: looks at ever more candidates, till the farthest is beyond."""
        num_items = len(self.items)
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        open_queries, count = np.arange(len(queries)), 32
        while len(open_queries):
            if 4 * count >= num_items or count > 4096:
                splits, positions, distances = self._exact.within(queries[open_queries], threshold)
                rows = np.repeat(open_queries, np.diff(splits))
                found.append((rows, positions, distances))
                break
            positions, distances = self._rank(queries[open_queries], count * self.rescore)
            last = distances[:, count - 1]
            is_done = (last > threshold) & np.isfinite(last)  # infinite: too few candidates
            is_found = (distances <= threshold) & is_done[:, None]
            row, _ = np.nonzero(is_found)
            found.append((open_queries[row], positions[is_found], distances[is_found]))
            open_queries, count = open_queries[~is_done], 4 * count
        rows, positions, distances = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return as_ragged(len(queries), rows, positions, distances)

    def _rank(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns candidates by distance; those that are missing come last, at infinity."""
        count = min(count, len(self.items))
        positions = np.empty((len(queries), count), np.int64)
        distances = np.empty((len(queries), count), np.float32)
        for start in range(0, len(queries), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            places, is_there = self.items.find(
                self.candidates(self.coder.encode(queries[rows]), count)
            )
            d = self.distances_of(queries[rows], places)
            d[~is_there] = np.inf
            order = np.lexsort((places, d), axis=1)
            positions[rows] = np.take_along_axis(places, order, axis=1)
            distances[rows] = np.take_along_axis(d, order, axis=1)
        return positions, distances


def _check_range(option: str, value: Any) -> None:
    least, greatest = _RANGES[option]
    if check_count(option, value, least=least) > greatest:
        raise ValueError(f"`{option}` must be at most {greatest}. Received: {value!r}.")
