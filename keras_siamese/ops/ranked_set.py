"""Queries that rank a gallery, exactly: what all figures of retrieval are computed from."""

from collections.abc import Callable, Iterable

import numpy as np

from keras_siamese.ops.compared_vectors import ComparedVectors
from keras_siamese.ops.counts import CountTable, Members
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.nearest import NearestItems, map_nearest
from keras_siamese.ops.rankings import Rankings

# What a query does not rank, apart from itself: the items that share with it ...
IGNORED = {"same_class_and_group": ("labels", "groups"), "same_group": ("groups",)}


class RankedSet:
    """Queries that rank a gallery, or each other.

    The query itself is taken out of its ranking by its place. Order and ties are those of distances
    in float64: where float32 cannot tell whether a relevant or an irrelevant item is nearer, both
    are computed again. Identical vectors are compared once, so a collapsed set costs little.

    Args:
        queries: The queries.
        gallery: What they rank, with labels of the same kind. None: the queries themselves.
        query_groups: Integers, shape `(num_queries,)`, such as the camera of each. None: no groups.
        gallery_groups: The same of the gallery, if there is one.
        ignore: What a query does not rank: a key of `IGNORED`, used if there are groups.

    Attributes:
        num_relevant: Number of items that are relevant for each query, shape `(num_queries,)`.
        num_ranked: Number of items that each query ranks, shape `(num_queries,)`.
    """

    def __init__(
        self,
        queries: LabelledSet,
        gallery: LabelledSet | None = None,
        query_groups: np.ndarray | None = None,
        gallery_groups: np.ndarray | None = None,
        ignore: str = "same_class_and_group",
    ) -> None:
        self.distance = queries.distance
        self.is_self = gallery is None
        items = queries if gallery is None else gallery
        columns = {"labels": (queries.labels, items.labels)}
        if query_groups is not None:
            item_groups = query_groups if gallery_groups is None else gallery_groups
            columns["groups"] = (query_groups, item_groups)
        self.keys: dict[str, np.ndarray] = {}
        self.item_keys: dict[str, np.ndarray] = {}
        for name, (mine, theirs) in columns.items():
            ids = np.unique(np.concatenate([mine, theirs]), return_inverse=True)[1]
            self.keys[name], self.item_keys[name] = ids[: len(mine)], ids[len(mine) :]
        self.ignored = IGNORED[ignore] if "groups" in columns else ()

        of_class = self._count("labels")
        if self.ignored:
            self._num_ignored = self._count(*self.ignored)
            self.num_relevant = of_class - self._count("labels", "groups")
        else:
            self._num_ignored = np.full_like(of_class, int(self.is_self))
            self.num_relevant = of_class - self._num_ignored
        self.num_ranked = items.num_items - self._num_ignored
        self.queries, self.items = queries.embeddings, items.embeddings

    def per_query(
        self,
        function: Callable[[Rankings], np.ndarray],
        depth: np.ndarray,
        to_first_hit: bool = False,
    ) -> np.ndarray:
        """Computes figures of each query that has something to find.

        Args:
            function: Gives the figures of some queries: `(queries, num_figures)`.
            depth: How many of the nearest items it looks at, shape `(num_queries,)`.
            to_first_hit: Whether it looks at all items down to the first relevant one too.

        Returns: Shape `(num_queries, num_figures)`, float64, NaN for queries without a relevant
            item, of which there must be fewer than queries.
        """
        asking = np.flatnonzero(self.num_relevant > 0)
        compared = ComparedVectors(self, asking, depth[asking] + self._num_ignored[asking])
        found: list[tuple[np.ndarray, np.ndarray]] = []

        def figures_of(rows: np.ndarray, rankings: Rankings) -> None:
            found.append((rows, function(rankings)))

        def rank(block: NearestItems) -> np.ndarray:
            rows, rankings = compared.rankings(block)
            figures_of(rows, rankings)
            return rows[~rankings.relevant.any(axis=1)]

        without_hit = np.concatenate(map_nearest(rank, compared.tiles, compared.depth))
        if to_first_hit and len(without_hit):
            compared.map_first_hits(figures_of, without_hit)
        rows, figures = (np.concatenate(parts) for parts in zip(*found, strict=True))
        of_row = np.empty_like(figures)
        of_row[rows] = figures
        results = np.full((len(self.num_relevant), figures.shape[1]), np.nan)
        results[asking] = of_row[compared.row_of_query]
        return results

    def relevant_items(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lists the items that are relevant for some queries.

        Args:
            queries: Places of queries, shape `(num_kept,)`.

        Returns: `(rows, items)`: pairs of a place in `queries` and an item's place.
        """
        rows, items = self._members("labels").of(self.keys["labels"][queries])
        if self.ignored:
            is_kept = np.zeros(len(rows), bool)
            for name in self.ignored:
                is_kept |= self.keys[name][queries][rows] != self.item_keys[name][items]
        else:
            is_kept = ~((items == queries[rows]) & self.is_self)
        return rows[is_kept], items[is_kept]

    def ignored_items(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lists the items that some queries do not rank: see `relevant_items`."""
        if self.ignored:
            wanted = (self.keys[name][queries] for name in self.ignored)
            return self._members(*self.ignored).of(*wanted)
        rows = np.arange(len(queries) if self.is_self else 0)
        return rows, queries[rows]

    def _members(self, *names: str) -> Members:
        return Members([self.item_keys[name] for name in names], self.num_keys(names))

    def _count(self, *names: str) -> np.ndarray:
        """Number of items that are as each query in some of the keys: shape `(num_queries,)`."""
        table = CountTable([self.item_keys[name] for name in names], self.num_keys(names))
        return table.of(*(self.keys[name] for name in names))

    def num_keys(self, names: Iterable[str]) -> list[int]:
        """A number that the values of each of some keys are below."""
        both = (self.keys, self.item_keys)
        return [1 + max(int(ids[name].max(initial=0)) for ids in both) for name in names]
