"""Geometry of embeddings: against loops, by hand, collapsed, huge and tiny."""

import math

import numpy as np
import pytest
from reference import geometry as reference

from keras_siamese.ops import geometry

_SETS = {
    "ragged": lambda rng: (rng.normal(size=(40, 5)) + 0.5, rng.integers(0, 9, 40)),
    "ties": lambda rng: (rng.integers(0, 2, (30, 3)), rng.integers(0, 4, 30)),
    "one class": lambda rng: (rng.normal(size=(20, 3)), np.zeros(20, int)),
    "more dimensions than items": lambda rng: (rng.normal(size=(6, 9)), np.arange(6) // 2),
    "one dimension": lambda rng: (rng.normal(size=(12, 1)), np.arange(12) % 3),
    "two items": lambda rng: (rng.normal(size=(2, 2)), np.zeros(2, int)),
}


@pytest.fixture(params=_SETS)
def labelled(request, rng):
    embeddings, labels = _SETS[request.param](rng)
    return embeddings, np.unique(labels, return_inverse=True)[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("block", [2**20, 7])
def test_equals_loops(labelled, dtype, block, monkeypatch):
    monkeypatch.setattr(geometry, "_BLOCK_ELEMENTS", block)
    if block == 7:
        monkeypatch.setattr(geometry, "_TILE_ROWS", 3)
        monkeypatch.setattr(geometry, "_TILE_COLUMNS", 8)
    embeddings, ids = labelled
    embeddings = embeddings.astype(dtype)
    near = {"rel": 2e-6, "abs": 1e-6} if dtype == "float32" else {"rel": 1e-12, "abs": 1e-12}
    units = geometry.unit_rows(embeddings)
    assert units.dtype == dtype
    assert geometry.alignment(units, ids) == pytest.approx(
        reference.alignment(embeddings, ids), **near
    )
    assert geometry.uniformity(units) == pytest.approx(reference.uniformity(embeddings), **near)
    assert geometry.effective_rank(embeddings) == pytest.approx(
        reference.effective_rank(embeddings), abs=1e-6
    )
    spread = geometry.per_dimension_spread(embeddings)
    np.testing.assert_allclose(spread, reference.spread(embeddings), rtol=1e-12, atol=1e-15)


def test_unit_rows():
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [3e37, 4e37], [3e-42, 4e-42], [-2.0, 0.0]], "float32")
    expected = [[0.6, 0.8], [0, 0], [0.6, 0.8], [0.6, 0.8], [-1, 0]]
    np.testing.assert_allclose(geometry.unit_rows(rows), expected, rtol=1e-3)
    assert geometry.unit_rows(np.array([[1e200, 0.0]])).tolist() == [[1.0, 0.0]]


def test_alignment_by_hand():
    # One class: (1,0), (0,1), (-1,0): 2 + 2 + 4; another: twice (1,0): 0. Four pairs.
    units = np.array([[1.0, 0], [1, 0], [0, 1], [-1, 0], [1, 0]])
    assert geometry.alignment(units, np.array([0, 1, 0, 0, 1])) == pytest.approx(8 / 4, abs=1e-15)


def test_uniformity_by_hand():
    # Squared distances 2, 4 and 2.
    units = np.array([[1.0, 0], [0, 1], [-1, 0]])
    expected = math.log((2 * math.exp(-4) + math.exp(-8)) / 3)
    assert geometry.uniformity(units) == pytest.approx(expected, rel=1e-15)
    assert geometry.uniformity(units[[0, 2]]) == -8.0


def test_a_collapse_is_exact(rng):
    embeddings = np.tile(rng.normal(size=33), (500, 1)).astype("float32")
    units = geometry.unit_rows(embeddings)
    assert geometry.alignment(units, np.arange(500) // 5) == 0.0
    assert geometry.uniformity(units) == pytest.approx(0.0, abs=1e-6)
    assert geometry.uniformity(units) <= 0.0
    assert geometry.effective_rank(embeddings) == pytest.approx(1.0, abs=1e-5)
    assert geometry.per_dimension_spread(embeddings).tolist() == [0.0] * 33


def test_near_a_collapse_nothing_is_lost(rng):
    # A spread of 1e-6 around a point at 1: the offset is taken off before squares are.
    embeddings = 1 + 1e-6 * rng.normal(size=(300, 4))
    np.testing.assert_allclose(
        geometry.per_dimension_spread(embeddings), embeddings.std(axis=0), rtol=1e-8
    )
    units = geometry.unit_rows(embeddings)
    expected = reference.alignment(embeddings[:40], [0] * 40)
    assert geometry.alignment(units[:40], np.zeros(40, int)) == pytest.approx(expected, rel=1e-6)


def test_effective_rank_by_hand():
    # Singular values 3, 1: shares 3/4 and 1/4.
    expected = math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert geometry.effective_rank(np.diag([3.0, 1.0])) == pytest.approx(expected)
    assert geometry.effective_rank(np.eye(7)) == pytest.approx(7.0)
    assert geometry.effective_rank(np.outer(np.arange(1, 9), [1.0, 2, 3])) == pytest.approx(1.0)
    assert geometry.effective_rank(np.zeros((3, 2))) == 0.0
    assert geometry.effective_rank(np.float32(1e38) * np.eye(3, dtype="float32")) == pytest.approx(
        3
    )


def test_rotation_and_order_change_nothing(rng):
    embeddings, ids = rng.normal(size=(50, 4)), np.arange(50) % 7
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    order = rng.permutation(50)
    for changed, changed_ids in ((embeddings @ rotation, ids), (embeddings[order], ids[order])):
        before, after = geometry.unit_rows(embeddings), geometry.unit_rows(changed)
        assert geometry.alignment(after, changed_ids) == pytest.approx(
            geometry.alignment(before, ids)
        )
        assert geometry.uniformity(after) == pytest.approx(geometry.uniformity(before))
        assert geometry.effective_rank(changed) == pytest.approx(
            geometry.effective_rank(embeddings)
        )


def test_an_even_spread_is_most_uniform(rng):
    even = geometry.uniformity(geometry.unit_rows(rng.normal(size=(400, 64))))
    assert -4.0 < even < -3.8
    assert even < geometry.uniformity(geometry.unit_rows(rng.normal(size=(400, 64)) + 1))
