"""Labelled sets with ties, duplicates, lone items and ragged classes, in several blocks."""

import numpy as np
import pytest

from keras_siamese.ops import nearest as labelled_set_module


def _continuous(rng):
    return rng.normal(size=(40, 5)), rng.integers(0, 6, 40)


def _ties(rng):
    return rng.integers(0, 3, (45, 2)), rng.integers(0, 5, 45)


def _duplicates(rng):
    points = rng.normal(size=(12, 7))
    return points[rng.integers(0, 12, 40)], rng.integers(0, 4, 40)


def _ragged_with_lone_items(rng):
    labels = np.repeat(np.arange(12), [1, 1, 1, 2, 2, 3, 1, 9, 4, 1, 1, 12])
    return rng.integers(0, 4, (len(labels), 2)), rng.permutation(labels)


def _one_large_class(rng):
    return rng.integers(0, 5, (30, 2)), np.array([7] * 26 + [-3] * 4)


def _collapsed_and_sorted(rng):
    return np.tile(rng.normal(size=9), (24, 1)), np.repeat([5, 6, 7], [4, 8, 12])


def _half_collapsed(rng):
    x = rng.normal(size=(36, 9))
    x[::2] = x[0]
    return x, rng.integers(0, 3, 36)


_SETS = [
    _continuous,
    _ties,
    _duplicates,
    _ragged_with_lone_items,
    _one_large_class,
    _collapsed_and_sorted,
    _half_collapsed,
]


@pytest.fixture(params=_SETS, ids=lambda make: make.__name__.strip("_"))
def labelled_set(request, rng, monkeypatch):
    """`(embeddings, labels)` in float32 and integers; blocks are three rows or fewer."""
    monkeypatch.setattr(labelled_set_module, "_BLOCK_ELEMENTS", 128)
    embeddings, labels = request.param(rng)
    return embeddings.astype(np.float32), labels
