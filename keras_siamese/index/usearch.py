"""Approximate search by USearch's HNSW graph."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from keras_siamese.index.approximate import SQUARED, ApproximateBackend

_KINDS = {"float32": "f32", "float16": "f16", "int8": "i8", "binary": "b1"}


class USearchBackend(ApproximateBackend):
    """USearch's graph over float32, float16, int8 or binary codes, keyed by the items' ids.

    Besides the vectors it holds the codes, and about 10 * connectivity bytes of links for each
    item. Options: `connectivity`, links of each item; `expansion_add` and `expansion_search`, how
    many candidates are looked at in building and in searching (more: better and slower); `threads`,
    0 for all cores, with which the graph, and so the candidates, differ a little from run to run.

    Reference: [Malkov and Yashunin, 2016](https://arxiv.org/abs/1603.09320).
    """

    name: ClassVar[str] = "usearch"
    all_codes: ClassVar[tuple[str, ...]] = tuple(_KINDS)
    default_options: ClassVar[dict[str, Any]] = {
        "connectivity": 16,
        "expansion_add": 128,
        "expansion_search": 64,
        "threads": 0,
    }

    def start(self) -> None:
        """See `ApproximateBackend.start`."""
        from usearch.index import Index

        by_metric = "l2sq" if self.metric == SQUARED else "ip"
        dim = self.store.embedding_dim
        self._graph = Index(
            # Whole bytes of signs.
            ndim=-(-dim // 8) * 8 if self.coder.codes == "binary" else dim,
            metric="hamming" if self.coder.codes == "binary" else by_metric,
            dtype=_KINDS[self.coder.codes],
            connectivity=self.options["connectivity"],
            expansion_add=self.options["expansion_add"],
            expansion_search=self.options["expansion_search"],
        )

    def insert(self, ids: np.ndarray, codes: np.ndarray) -> None:
        """See `ApproximateBackend.insert`."""
        self._graph.add(ids.astype(np.uint64), codes, threads=self.options["threads"])

    def delete(self, ids: np.ndarray) -> None:
        """See `ApproximateBackend.delete`."""
        self._graph.remove(ids.astype(np.uint64))

    def candidates(self, codes: np.ndarray, count: int) -> np.ndarray:
        """See `ApproximateBackend.candidates`."""
        # A matrix of one row comes back without its first axis.
        matches: Any = self._graph.search(
            codes if len(codes) > 1 else np.repeat(codes, 2, axis=0),
            count,
            threads=self.options["threads"],
        )
        is_there = np.arange(count) < matches.counts[:, None]
        found = np.full((len(matches.counts), count), -1, np.int64)
        found[:, : matches.keys.shape[1]] = matches.keys.astype(np.int64)
        return np.where(is_there, found, -1)[: len(codes)]

    @property
    def nbytes(self) -> int:
        """See `Backend.nbytes`."""
        return int(self._graph.memory_usage)

    def save(self, path: Path) -> dict[str, Any]:
        """See `Backend.save`."""
        self._graph.save(str(path))
        return self.coder.get_config()

    def restore(self, path: Path, config: dict[str, Any]) -> None:
        """See `Backend.restore`."""
        from usearch.index import Index

        self.coder.set_config(config, self.store.embedding_dim)
        found = Index.metadata(str(path)) or {}
        graph = self._graph
        expected = (graph.ndim, graph.metric_kind, graph.dtype)
        received = tuple(found.get(name) for name in ("dimensions", "kind_metric", "kind_scalar"))
        if received != expected or found.get("count_present") != len(self.items):
            raise ValueError(
                f"The graph is of {found.get('count_present')} items by {received}. Expected: "
                f"{len(self.items)} items by {expected}. Load without `trust_graph`."
            )
        graph.load(str(path))
        if not np.all(graph.contains(self.items.ids.astype(np.uint64))):
            self.start()
            raise ValueError("The graph is of other items. Load without `trust_graph`.")
