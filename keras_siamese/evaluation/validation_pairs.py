"""Pairs as verification and calibration take them: of a set, by their places, or by distance."""

from typing import Any

import numpy as np
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.evaluation.labelled_space import LabelledSpace, read_space
from keras_siamese.ops.checks import (
    check_finite,
    check_places,
    check_same_length,
    check_same_values,
)
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.tiles import DistanceTiles


def count_pairs(
    embeddings: Any, labels: Any, pairs: Any, distance: Distance
) -> tuple[PairCounts, LabelledSpace]:
    """Counts all pairs of a set, or given ones.

    Args:
        embeddings: Finite numbers, shape `(num_items, ...)`.
        labels: Integers or names, shape `(num_items,)`.
        pairs: Places of the first and of the second items, two arrays of integers; what else they
            hold, such as the `same` of `VerificationPairs`, must agree with the labels. `None`: all
            unordered pairs.
        distance: The distance.

    Raises: ValueError: If something is not as described, or there are not both kinds of pairs.
    """
    space = read_space(embeddings, labels)
    if pairs is not None:
        first, second, same = _read_places(space, pairs)
        tiles = DistanceTiles(distance, space.embeddings)
        return count_distances(tiles.exact(first, second), same), space
    data = LabelledSet(space.class_ids, space.embeddings, distance)
    _check_both_kinds(data.num_positive_pairs, data.num_negative_pairs)
    return PairCounts.of_set(data), space


def count_distances(distances: Any, same: Any) -> PairCounts:
    """Counts pairs that are given by their distance.

    Args:
        distances: Finite floats, shape `(num_pairs,)`.
        same: 1 for a match, 0 for none, shape `(num_pairs,)` or `(num_pairs, 1)`.

    Raises: ValueError: If something is not as described, or there are not both kinds of pairs.
    """
    distances, same = read_distances(distances, same)
    num_positives = int(np.count_nonzero(same))
    _check_both_kinds(num_positives, len(same) - num_positives)
    return PairCounts.of_pairs(same, distances)


def read_distances(distances: Any, same: Any) -> tuple[np.ndarray, np.ndarray]:
    """Checks distances of pairs, and whether they match; returns both, the second as bools."""
    distances, same = ops.convert_to_numpy(distances), ops.convert_to_numpy(same)
    if same.ndim == 2 and same.shape[1] == 1:
        same = same[:, 0]
    if distances.ndim != 1 or same.ndim != 1:
        raise ValueError(
            "Expected one distance, and one `same`, for each pair: shapes (num_pairs,). "
            f"Received: shapes {distances.shape} and {same.shape}."
        )
    check_same_length(distances=distances, same=same)
    check_same_values(same)
    check_finite("Distances", distances)
    return distances, same.astype(bool)


def _read_places(space: LabelledSpace, pairs: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not isinstance(pairs, tuple | list) or len(pairs) not in (2, 3):
        raise ValueError(
            "`pairs` must be places of the first and the second items, as of "
            "`keras_siamese.data.verification_pairs(labels, num_pairs)`. Received: "
            f"{type(pairs).__name__}."
        )
    first, second = (np.asarray(places) for places in pairs[:2])
    for places in (first, second):
        if places.ndim != 1 or places.dtype.kind not in "iu":
            raise ValueError(
                "`pairs` must hold integers, shape (num_pairs,). Received: "
                f"{places.dtype}, shape {places.shape}."
            )
    check_same_length(first=first, second=second)
    check_places("pairs", np.append(first, second), len(space))
    same = space.class_ids[first] == space.class_ids[second]
    if len(pairs) == 3 and not np.array_equal(np.asarray(pairs[2]).astype(bool), same):
        raise ValueError(
            "The `same` of `pairs` does not agree with `labels`. Expected pairs that were made of "
            "these labels, in this order."
        )
    return first, second, same


def _check_both_kinds(num_positives: int, num_negatives: int) -> None:
    if not (num_positives and num_negatives):
        raise ValueError(
            "Expected pairs of one class and pairs of two. Received: "
            f"{num_positives} of one and {num_negatives} of two. Take a set with 2 classes or "
            "more, and 2 items or more in one of them."
        )
