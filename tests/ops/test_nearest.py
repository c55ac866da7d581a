import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.ops import nearest
from keras_siamese.ops.tiles import DistanceTiles


def found(tiles, depth):
    """Items of each query, the nearest first, and their reduced distances."""
    blocks = nearest.map_nearest(lambda block: block, tiles, np.asarray(depth))
    rows = {}
    for block in blocks:
        for query, items, reduced in zip(block.queries, block.items, block.reduced, strict=True):
            assert query not in rows
            kept = items >= 0
            assert (
                np.isinf(reduced[~kept]).all() and not kept[np.argmin(kept) :].any()
            ) or kept.all()
            rows[int(query)] = (items[kept], reduced[kept])
    return [rows[query] for query in range(tiles.num_queries)]


def check(tiles, depth):
    every = tiles.tile(slice(0, tiles.num_queries), slice(0, tiles.num_gallery))
    for row, (items, reduced), wanted in zip(every, found(tiles, depth), depth, strict=True):
        assert len(set(items.tolist())) == len(items) >= min(wanted, len(row))
        assert reduced == pytest.approx(row[items], abs=1e-5)
        assert (np.diff(reduced) >= 0).all()
        # Nothing nearer is missing.
        left = np.delete(row, items)
        assert left.min(initial=np.inf) >= np.sort(row)[min(wanted, len(row)) - 1] - 1e-5


@pytest.mark.parametrize("name", ["euclidean", "inner_product", "manhattan"])
@pytest.mark.parametrize(("num_queries", "num_gallery"), [(1, 1), (7, 300), (150, 40)])
def test_queries_of_a_gallery(name, num_queries, num_gallery, rng, monkeypatch):
    monkeypatch.setattr(nearest, "_BLOCK_ELEMENTS", 2048)
    monkeypatch.setattr(nearest, "_CHUNK_COLUMNS", 130)
    x = rng.normal(size=(num_queries, 4)).astype(np.float32)
    y = rng.normal(size=(num_gallery, 4)).astype(np.float32)
    check(DistanceTiles(distances.get(name), x, y), rng.integers(1, 20, num_queries))


@pytest.mark.parametrize("num_items", [2, 9, 64, 333])
def test_a_set_in_halves(num_items, rng, monkeypatch):
    monkeypatch.setattr(nearest, "_LEAST_HALVED", 2)
    x = rng.normal(size=(num_items, 3)).astype(np.float32)
    check(DistanceTiles(distances.get("euclidean"), x), np.full(num_items, 5))


def test_a_set_in_halves_of_many_blocks(rng):
    x = rng.normal(size=(3000, 8)).astype(np.float32)
    check(DistanceTiles(distances.get("cosine"), x), np.full(3000, 3))


def test_far_more_than_a_bound_of_groups_can_tell(rng):
    x = rng.normal(size=(50, 3)).astype(np.float32)
    check(DistanceTiles(distances.get("euclidean"), x), np.full(50, 49))


def test_all_at_one_distance_are_all_found():
    x = np.eye(40, dtype=np.float32)
    tiles = DistanceTiles(distances.get("squared_euclidean"), x)
    assert {len(items) for items, _ in found(tiles, np.full(40, 2))} == {40}


def test_negative_zero_is_zero():
    values = np.array([0.0, -0.0, -1.5, 2.0, -np.inf, 1e-40], np.float32)
    integers = nearest._as_integers(values)
    assert integers[0] == integers[1]
    assert np.argsort(integers, kind="stable").tolist() == [4, 2, 0, 1, 5, 3]
    assert nearest._as_floats(integers).tolist() == values.tolist()
