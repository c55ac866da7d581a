"""The distinct vectors of a set, and how queries rank by them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_siamese.ops.counts import (
    CountTable,
    distinct_keys,
    distinct_vectors,
    places_in_runs,
)
from keras_siamese.ops.near_ties import settle
from keras_siamese.ops.nearest import NearestItems, entries_within
from keras_siamese.ops.rankings import Rankings
from keras_siamese.ops.threads import worker_threads
from keras_siamese.ops.tiles import DistanceTiles

_BLOCK_ELEMENTS = 2**23  # Distances in a block of rows: 32 MiB.


class ComparedVectors:
    """The distinct vectors of a set, compared once, and the rows that rank by them.

    A row stands for the queries of one vector, class and group, which have one ranking.

    Args:
        ranked: The set.
        asking: Places of the queries to rank for, shape `(num_asking,)`.
        depth: How many of the nearest items, ignored ones included, each needs: same shape.

    Attributes:
        tiles: Distances of the distinct vectors; those of similar depth stand together.
        depth: How many of its nearest vectors each vector needs.
        vector_of_row: Ascending.
        row_of_query: Of the queries that ask.
    """

    def __init__(self, ranked: Any, asking: np.ndarray, depth: np.ndarray) -> None:
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

        self._item_of_vector, self._vector_of_item = items, vector_of_item
        self._num_copies = np.bincount(vector_of_item).astype(np.int32)
        self._tables: dict[tuple[str, ...], CountTable] = {}
        if self._num_copies.max() > 1:
            for used in {("labels",), ranked.ignored, tuple(names)} - {()}:
                columns = [vector_of_item, *(ranked.item_keys[name] for name in used)]
                sizes = [len(items), *ranked.num_keys(used)]
                self._tables[used] = CountTable(columns, sizes)

    def rankings(self, block: NearestItems) -> tuple[np.ndarray, Rankings]:
        """Gives the rows that rank by the vectors of a block, and their rankings."""
        starts, stops = (
            np.searchsorted(self.vector_of_row, block.queries, side) for side in ("left", "right")
        )
        place, rows = places_in_runs(starts, stops - starts)
        return rows, self._ranked_by(rows, block.items[place], block.reduced[place])

    def map_first_hits(
        self, function: Callable[[np.ndarray, Rankings], None], rows: np.ndarray
    ) -> None:
        """Calls a function with rankings that begin near the nearest relevant item.

        What is certainly nearer is counted, and neither sorted nor listed.

        Args:
            function: Takes some of the rows, and rankings of which only what is about as far as the
                nearest relevant item is there.
            rows: Which rows.
        """
        num_rows = max(1, _BLOCK_ELEMENTS // self.tiles.num_gallery)

        def of_block(block: np.ndarray) -> None:
            tiles = self.tiles.of_queries(self.vector_of_row[block])
            reduced = tiles.tile(slice(0, len(block)), slice(0, tiles.num_gallery))
            queries = self._query_of_row[block]
            row, item = self._ranked.relevant_items(queries)
            nearest = np.full(len(block), np.inf, np.float32)
            np.minimum.at(nearest, row, reduced[row, self._vector_of_item[item]])

            error = 2 * tiles.errors(slice(0, len(block)))
            is_nearer = reduced < (nearest - error)[:, None]
            nearer = is_nearer.astype(np.float32) @ self._num_copies.astype(np.float32)
            row, item = self._ranked.ignored_items(queries)
            is_ignored = is_nearer[row, self._vector_of_item[item]]
            nearer = nearer.astype(np.int64) - np.bincount(row[is_ignored], minlength=len(block))
            reduced[is_nearer] = np.inf
            near = entries_within(reduced, nearest + error)
            function(block, self._ranked_by(block, near.items, near.reduced, nearer))

        with worker_threads() as pool:
            blocks = (rows[start : start + num_rows] for start in range(0, len(rows), num_rows))
            list(pool.map(of_block, blocks))

    def _ranked_by(
        self,
        rows: np.ndarray,
        items: np.ndarray,
        reduced: np.ndarray,
        num_nearer: np.ndarray | int = 0,
    ) -> Rankings:
        """The rankings of rows by vectors, the nearest first."""
        vectors = self.vector_of_row[rows]
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
        num_relevant = self._ranked.num_relevant[self._query_of_row[rows]]
        return Rankings(num_relevant, size, relevant, num_nearer)

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
