"""Splits that keep each class whole, to test on classes that training never saw."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_siamese.data.inputs import as_labelled_arrays, as_seed, take
from keras_siamese.data.labels import encode_labels
from keras_siamese.ops.checks import check_positive


def class_disjoint_split(
    x: Any,
    y: Any,
    *,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int | None = None,
) -> list[tuple[Any, np.ndarray]]:
    """Deals out whole classes at random: no class is on two sides.

    Args:
        x: Items: an array, or a dict or tuple of arrays, shapes `(num_items, ...)`.
        y: Class labels: integers or strings, shape `(num_items,)` or `(num_items, 1)`.
        fractions: How much of the *classes* each part gets, to within one class; at least one. The
            sum is 1. Defaults to training, validation and test as 0.6, 0.2 and 0.2.
        seed: Integer that makes the split reproducible. Defaults to `None`: drawn.

    Returns: A list with one `(x, y)` a fraction, in that order: arrays with the items in the order
        in which they came, and their labels as they came, shape `(num_part_items,)`.

    Raises: ValueError: If `fractions` are not positive or do not sum to 1, there are fewer classes
        than parts, or `x` and `y` are empty or differ in length.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = class_disjoint_split(
        ...     np.arange(6), ["a", "b", "a", "c", "b", "c"], fractions=(2 / 3, 1 / 3), seed=0
        ... )
        >>> len(set(y_train)), len(set(y_test)), set(y_train) & set(y_test)
        (2, 1, set())
    """
    fractions = [check_positive("fractions", fraction) for fraction in fractions]
    if not math.isclose(sum(fractions), 1.0, abs_tol=1e-6):
        raise ValueError(f"`fractions` must sum to 1. Received: {fractions}, sum {sum(fractions)}.")
    x, y = as_labelled_arrays(x, y)
    ids, classes = encode_labels(y)
    if len(classes) < len(fractions):
        raise ValueError(
            "Each part needs at least one class of its own. "
            f"Received: {len(classes)} classes for {len(fractions)} parts. "
            "Use fewer `fractions`, or data with more classes."
        )
    order = np.random.default_rng(as_seed(seed)).permutation(len(classes))
    ends = np.cumsum(_part_sizes(len(classes), fractions))
    part_of_class = np.empty(len(classes), np.int64)
    part_of_class[order] = np.searchsorted(ends, np.arange(len(classes)), side="right")
    chosen = [np.flatnonzero(part_of_class[ids] == part) for part in range(len(fractions))]
    return [(take(x, indices), y[indices]) for indices in chosen]


def _part_sizes(num_classes: int, fractions: Sequence[float]) -> np.ndarray:
    """Returns how many classes each part gets: one, then one by one to who lacks most."""
    wanted = num_classes * np.array(fractions)
    sizes = np.ones(len(fractions), np.int64)
    for _ in range(num_classes - len(fractions)):
        sizes[np.argmax(wanted - sizes)] += 1
    return sizes
