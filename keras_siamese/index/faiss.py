"""Search by FAISS, if it is installed: its HNSW graph, or its flat scan."""

import importlib
from typing import Any, ClassVar

import numpy as np

from keras_siamese.index.approximate import SQUARED, ApproximateBackend
from keras_siamese.ops.checks import check_choice


class FaissBackend(ApproximateBackend):
    """FAISS over float32 or float16 codes.

    FAISS's graph cannot remove: removed items are skipped, and once they are a fifth of all, the
    graph is built anew, as it is when a file is loaded. Options: `kind`, `"hnsw"` or `"flat"`; for
    the graph `connectivity`, `expansion_add` and `expansion_search` as of USearch.

    Raises: ImportError: If FAISS is not installed.
    """

    name: ClassVar[str] = "faiss"
    all_codes: ClassVar[tuple[str, ...]] = ("float32", "float16")
    default_options: ClassVar[dict[str, Any]] = {
        "kind": "hnsw",
        "connectivity": 16,
        "expansion_add": 128,
        "expansion_search": 64,
    }

    def start(self) -> None:
        """See `ApproximateBackend.start`."""
        faiss = _faiss()
        dim, links = self.store.embedding_dim, self.options["connectivity"]
        metric = faiss.METRIC_L2 if self.metric == SQUARED else faiss.METRIC_INNER_PRODUCT
        half = faiss.ScalarQuantizer.QT_fp16
        is_half = self.coder.codes == "float16"
        if check_choice("kind", self.options["kind"], ("hnsw", "flat")) == "flat":
            index = (
                faiss.IndexScalarQuantizer(dim, half, metric)
                if is_half
                else faiss.IndexFlat(dim, metric)
            )
        else:
            index = (
                faiss.IndexHNSWSQ(dim, half, links, metric)
                if is_half
                else faiss.IndexHNSWFlat(dim, links, metric)
            )
            index.hnsw.efConstruction = self.options["expansion_add"]
        index.is_trained = True  # Rounding to halves has nothing to learn.
        self._index = index
        self._row_ids = np.empty(0, np.int64)  # -1 where the item was removed

    def insert(self, ids: np.ndarray, codes: np.ndarray) -> None:
        """See `ApproximateBackend.insert`."""
        self._index.add(np.ascontiguousarray(codes, np.float32))
        self._row_ids = np.concatenate([self._row_ids, ids])

    def delete(self, ids: np.ndarray) -> None:
        """See `ApproximateBackend.delete`."""
        self._row_ids[np.isin(self._row_ids, ids)] = -1
        if 5 * np.count_nonzero(self._row_ids < 0) > len(self._row_ids):
            left, is_there = self.items.find(self._row_ids[self._row_ids >= 0])
            self.start()
            self.add(left[is_there])

    def candidates(self, codes: np.ndarray, count: int) -> np.ndarray:
        """See `ApproximateBackend.candidates`."""
        faiss = _faiss()
        is_alive = self._row_ids >= 0
        bits = np.packbits(is_alive, bitorder="little")
        selector = None if is_alive.all() else faiss.IDSelectorBitmap(bits)
        if self.options["kind"] == "hnsw":
            parameters = faiss.SearchParametersHNSW(
                sel=selector, efSearch=max(self.options["expansion_search"], count)
            )
        else:
            parameters = faiss.SearchParameters(sel=selector)
        _, rows = self._index.search(
            np.ascontiguousarray(codes, np.float32), count, params=parameters
        )
        return np.where(rows >= 0, self._row_ids[np.maximum(rows, 0)], -1)

    @property
    def nbytes(self) -> int:
        """See `Backend.nbytes`: of codes and links, about."""
        links = 8 * self.options["connectivity"] if self.options["kind"] == "hnsw" else 0
        width = 4 if self.coder.codes == "float32" else 2
        return len(self._row_ids) * (width * self.store.embedding_dim + links + 8)


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise ImportError(
            'backend="faiss" needs FAISS. Use `pip install faiss-cpu`, or backend="usearch".'
        ) from error
