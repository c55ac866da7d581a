"""Queries that rank a gallery, exactly: what all figures of retrieval are computed from."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from keras_siamese.ops.counts import CountTable, distinct_keys, distinct_vectors
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.near_ties import settle
from keras_siamese.ops.nearest import NearestItems, map_nearest
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.tiles import DistanceTiles

# What a query does not rank, apart from itself: the items that share with it ...
IGNORED = {"same_class_and_group": ("labels", "groups"), "same_group": ("groups",)}
_DEEPER = 16


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
        compared = _Compared(self, asking, depth[asking] + self._num_ignored[asking])
        found: list[tuple[np.ndarray, np.ndarray]] = []

        def rank(block: NearestItems) -> np.ndarray:
            rows, is_whole, rankings = compared.rankings(block)
            figures = function(rankings)
            is_known = is_whole | rankings.relevant.any(axis=1) | (not to_first_hit)
            found.append((rows[is_known], figures[is_known]))
            return rows[~is_known]

        def rank_some(vectors: np.ndarray, block: NearestItems) -> np.ndarray:
            return rank(replace(block, queries=vectors[block.queries]))

        depth_of_vector = compared.depth
        unknown = map_nearest(rank, compared.tiles, depth_of_vector)
        while len(rows := np.concatenate(unknown)):
            depth_of_vector = np.minimum(_DEEPER * depth_of_vector, compared.tiles.num_gallery)
            vectors = np.unique(compared.vector_of_row[rows])
            tiles = compared.tiles.of_queries(vectors)
            unknown = map_nearest(partial(rank_some, vectors), tiles, depth_of_vector[vectors])
        rows, figures = (np.concatenate(parts) for parts in zip(*found, strict=True))
        of_row = np.empty_like(figures)
        of_row[rows] = figures
        results = np.full((len(self.num_relevant), figures.shape[1]), np.nan)
        results[asking] = of_row[compared.row_of_query]
        return results

    def _count(self, *names: str) -> np.ndarray:
        """Number of items that are as each query in some of the keys: shape `(num_queries,)`."""
        table = CountTable([self.item_keys[name] for name in names], self.num_keys(names))
        return table.of(*(self.keys[name] for name in names))

    def num_keys(self, names: Iterable[str]) -> list[int]:
        """A number that the values of each of some keys are below."""
        return [1 + int(self.item_keys[name].max(initial=0)) for name in names]


class _Compared:
    """The distinct vectors of a set, compared once, and the rows that rank by them.

    A row stands for the queries of one vector, class and group, which have one ranking.

    Attributes:
        tiles: Distances of the distinct vectors; those of similar depth stand together.
        depth: How many of its nearest vectors each vector needs.
        vector_of_row: Ascending.
        row_of_query: Of the queries that ask.
    """

    def __init__(self, ranked: RankedSet, asking: np.ndarray, depth: np.ndarray) -> None:
        self._ranked = ranked
        items, vector_of_item = distinct_vectors(ranked.items)
        queries, vector_of_query = items, vector_of_item
        if not ranked.is_self:
            queries, vector_of_query = distinct_vectors(ranked.queries)

        names = list(ranked.keys)
        keys = [vector_of_query[asking], *(ranked.keys[name][asking] for name in names)]
        first, self.row_of_query = distinct_keys(keys)
        self.depth = np.zeros(len(queries), np.int64)
        np.maximum.at(self.depth, keys[0][first], depth[first])

        # In random order, as the first ones are the sample that bounds distances.
        order = np.random.default_rng(0).permutation(len(queries))
        order = order[np.argsort(self.depth[order], kind="stable")]
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        self.depth, queries = self.depth[order], queries[order]
        if ranked.is_self:
            items, vector_of_item = queries, rank[vector_of_item]
        self.tiles = DistanceTiles(
            ranked.distance,
            ranked.queries,
            None if ranked.is_self else ranked.items,
            query_places=queries,
            gallery_places=items,
        )
        self._errors = self.tiles.errors(slice(0, len(queries)))

        vector_of_row = rank[keys[0][first]]
        rows = np.argsort(vector_of_row, kind="stable")
        self.vector_of_row = vector_of_row[rows]
        rank_of_row = np.empty_like(rows)
        rank_of_row[rows] = np.arange(len(rows))
        self.row_of_query = rank_of_row[self.row_of_query]
        self._query_of_row = asking[first][rows]

        self._item_of_vector = items
        self._num_copies = np.bincount(vector_of_item).astype(np.int32)
        self._tables: dict[tuple[str, ...], CountTable] = {}
        if self._num_copies.max() > 1:
            for used in {("labels",), ranked.ignored, tuple(names)} - {()}:
                columns = [vector_of_item, *(ranked.item_keys[name] for name in used)]
                sizes = [len(items), *ranked.num_keys(used)]
                self._tables[used] = CountTable(columns, sizes)

    def rankings(self, block: NearestItems) -> tuple[np.ndarray, np.ndarray, Rankings]:
        """Gives the rows that rank by the vectors of a block, whether to the end, and how."""
        starts, stops = (
            np.searchsorted(self.vector_of_row, block.queries, side) for side in ("left", "right")
        )
        counts = stops - starts
        place = np.repeat(np.arange(len(counts)), counts)
        rows = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts - starts, counts)
        vectors, items, reduced = block.queries[place], block.items[place], block.reduced[place]
        size, relevant = self._weigh(rows, items)
        size, relevant, is_tied = settle(
            reduced,
            self._errors[vectors],
            size,
            relevant,
            lambda row, column: self.tiles.exact(vectors[row], items[row, column]),
        )
        if is_tied.any():
            size, relevant = (_merged(part, is_tied) for part in (size, relevant))
        is_whole = np.count_nonzero(items >= 0, axis=1) == self.tiles.num_gallery
        num_relevant = self._ranked.num_relevant[self._query_of_row[rows]]
        return rows, is_whole, Rankings(num_relevant, size, relevant)

    def _weigh(self, rows: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many items rows rank at each vector, and how many of those are relevant."""
        ranked = self._ranked
        size, relevant = self._num_copies[items], self._count(rows, items, ("labels",))
        if ranked.ignored:
            size = size - self._count(rows, items, ranked.ignored)
            relevant = relevant - self._count(rows, items, ("labels", "groups"))
        elif ranked.is_self:
            own = items == self.vector_of_row[rows, None]
            size, relevant = size - own, relevant - own
        is_filling = items < 0
        size[is_filling] = relevant[is_filling] = 0
        return size, relevant

    def _count(self, rows: np.ndarray, items: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        """How many items of each vector are as the row in some of the keys."""
        ranked = self._ranked
        places = self._item_of_vector[items]
        wanted = [ranked.keys[name][self._query_of_row[rows]] for name in names]
        is_as = np.ones(items.shape, bool)
        for name, value in zip(names, wanted, strict=True):
            is_as &= ranked.item_keys[name][places] == value[:, None]
        counts = is_as.astype(np.int32)
        if self._tables:
            row, column = np.nonzero(self._num_copies[items] > 1)
            values = [value[row] for value in wanted]
            counts[row, column] = self._tables[names].of(items[row, column], *values)
        return counts


def _merged(counts: np.ndarray, is_tied: np.ndarray) -> np.ndarray:
    """Adds the counts of tied places up at the first of them; the others become 0."""
    first = np.flatnonzero(~is_tied)
    merged = np.zeros_like(counts)
    merged.reshape(-1)[first] = np.add.reduceat(counts.ravel(), first)
    return merged
