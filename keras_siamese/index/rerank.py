"""Second looks at what a query found."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from keras import ops

from keras_siamese.index.k_reciprocal import k_reciprocal_distances
from keras_siamese.index.query_expansion import expand_queries
from keras_siamese.index.vector_index import VectorIndex
from keras_siamese.ops.checks import check_count

_MAX_ITEMS = 20_000


class Reranking(ABC):
    """Base of the ways to order neighbours anew: `index.query(x, k, rerank=...)`."""

    @abstractmethod
    def find(self, index: VectorIndex, queries: np.ndarray, k: int) -> np.ndarray:
        """Returns the positions of k items for each query, best first.

        Args:
            index: Where to search.
            queries: float32, shape `(num_queries, embedding_dim)`.
            k: From 1 to the number of items.

        Returns: int64, shape `(num_queries, k)`.
        """


@dataclass(frozen=True)
class KReciprocal(Reranking):
    """Orders the nearest items of all queries by how alike their neighbourhoods are.

    Queries are ranked together, each one a neighbour to the others, among all items that are one of
    the `num_candidates` nearest of any: see
    `keras_siamese.index.k_reciprocal_distances`.

    Attributes:
        k1: Size of the neighbourhoods.
        k2: Neighbours that these are averaged over; 1 for none.
        original_weight: Weight of the original distance, 0 to 1: lambda in the paper.
        num_candidates: Items of each query to look at. Queries and items may be 20,000 together.

    Reference: [Zhong et al., 2017](https://arxiv.org/abs/1701.08398).
    """

    k1: int = 20
    k2: int = 6
    original_weight: float = 0.3
    num_candidates: int = 100

    def find(self, index: VectorIndex, queries: np.ndarray, k: int) -> np.ndarray:
        """See `Reranking.find`."""
        count = min(len(index), max(k, check_count("num_candidates", self.num_candidates)))
        positions, _ = index.find(queries, count)
        if not len(queries):
            return positions[:, :k]
        gallery = np.unique(positions)
        num_items = len(queries) + len(gallery)
        if num_items > _MAX_ITEMS:
            raise ValueError(
                f"Queries and their candidates may be {_MAX_ITEMS} together. Received: {num_items}."
                " Ask fewer queries at a time, or lower `num_candidates`."
            )
        x = np.concatenate([queries, index.running.store.rows(gallery)])
        tensor = ops.convert_to_tensor(x)
        rows = max(1, 2**22 // len(x))
        distances = np.concatenate(
            [
                ops.convert_to_numpy(index.distance.pairwise(tensor[i : i + rows], tensor))
                for i in range(0, len(x), rows)
            ]
        )
        reranked = k_reciprocal_distances(
            distances,
            len(queries),
            k1=self.k1,
            k2=self.k2,
            original_weight=self.original_weight,
        )
        best = np.argsort(reranked, axis=1, kind="stable")[:, :k]
        return gallery[best]


@dataclass(frozen=True)
class QueryExpansion(Reranking):
    """Searches again by the average of each query and the nearest items it found.

    Attributes:
        num_neighbours: Items in the average.
        alpha: Their weights are cosines to this power; 0 for equal weights. See
            `keras_siamese.index.expand_queries`.

    Reference: [Radenovic et al., 2018](https://arxiv.org/abs/1711.02512), section 3.4.
    """

    num_neighbours: int = 5
    alpha: float = 3.0

    def find(self, index: VectorIndex, queries: np.ndarray, k: int) -> np.ndarray:
        """See `Reranking.find`."""
        count = min(len(index), check_count("num_neighbours", self.num_neighbours))
        nearest, _ = index.find(queries, count)
        neighbours = index.running.store.rows(nearest)
        positions, _ = index.find(expand_queries(queries, neighbours, self.alpha), k)
        return positions
