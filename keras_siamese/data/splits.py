"""Splits into training, validation and test parts that items, classes or groups do not leave."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_siamese.data.inputs import as_labelled_arrays, as_seed, take
from keras_siamese.data.labels import as_class_labels, encode_labels
from keras_siamese.data.sources.arrays import as_source
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_count, check_positive, check_same_length


def class_disjoint_split(
    x: Any,
    y: Any = None,
    *,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int | None = None,
) -> list[Any]:
    """Deals out whole classes at random: no class is in two parts.

    Args:
        x: Items: a `Source`; or an array, or a dict or tuple of arrays, shapes `(num_items, ...)`,
            the parts of which are copied into memory.
        y: Class labels: integers or names, shape `(num_items,)` or `(num_items, 1)`; a source has
            its own.
        fractions: How much of the *classes* each part gets, to within one class; at least one. The
            sum is 1. Defaults to training, validation and test as 0.6, 0.2 and 0.2.
        seed: Integer that makes the split reproducible. Defaults to `None`: drawn.

    Returns: A list with one part for each fraction, in that order: sources, of which nothing is
        copied; or `(x, y)`, arrays and their labels, shape `(num_part_items,)`. Items stand in the
        order in which they came.

    Raises: ValueError: If `fractions` are not positive or do not sum to 1, there are fewer classes
        than parts, or `x` and `y` are empty or differ in length.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = class_disjoint_split(
        ...     np.arange(6), ["a", "b", "a", "c", "b", "c"], fractions=(2 / 3, 1 / 3), seed=0
        ... )
        >>> len(set(y_train)), len(set(y_test)), set(y_train) & set(y_test)
        (2, 1, set())
    """
    fractions = _check_fractions(fractions)
    labels, part_at = _open(x, y)
    part_of_item = _deal_out(labels, "classes", fractions, seed)
    return [part_at(part_of_item == part) for part in range(len(fractions))]


def group_disjoint_split(
    x: Any,
    y: Any = None,
    *,
    groups: Any = None,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int | None = None,
) -> list[Any]:
    """Deals out whole groups at random, such as alphabets or writers: no group is in two parts.

    A class may be in two parts, if it is in two groups. To name the groups of a part, rather than
    draw them, use `source.subset(source.groups == "Greek")`.

    Args:
        x: Items: a `Source`; or an array, or a dict or tuple of arrays, shapes `(num_items, ...)`.
        y: Class labels: integers or names, shape `(num_items,)` or `(num_items, 1)`; a source has
            its own.
        groups: Group of each item: integers or names, shape `(num_items,)`. Defaults to the
            `groups` of the source.
        fractions: How much of the *groups* each part gets, to within one group; at least one. The
            sum is 1. Defaults to training, validation and test as 0.6, 0.2 and 0.2.
        seed: Integer that makes the split reproducible. Defaults to `None`: drawn.

    Returns: A list with one part for each fraction, as `class_disjoint_split` does.

    Raises: ValueError: If there are no groups, fewer than parts, or not one for each item;
        `fractions` are not positive or do not sum to 1; or `x` and `y` are empty or differ in
        length.
    """
    fractions = _check_fractions(fractions)
    labels, part_at = _open(x, y)
    if groups is None:
        groups = getattr(x, "groups", None)
    if groups is None:
        raise ValueError(
            "The items have no groups to keep whole. Give `groups`, one for each item, or use "
            "`class_disjoint_split`, which keeps classes whole."
        )
    groups = as_class_labels(groups)
    check_same_length(labels=labels, groups=groups)
    part_of_item = _deal_out(groups, "groups", fractions, seed)
    return [part_at(part_of_item == part) for part in range(len(fractions))]


def stratified_split(
    x: Any,
    y: Any = None,
    *,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int | None = None,
) -> list[Any]:
    """Deals out the items of each class at random: all classes are in all parts, in proportion.

    Each part gets its fraction of each class, rounded up or down. What rounding leaves of a class
    goes to the parts that lack most so far, so that the parts as a whole keep to the fractions, to
    about one item. So a class is in all parts if its share of the smallest is one item or more; and
    of the classes of one item, each part gets its fraction.

    Args:
        x: Items: a `Source`; or an array, or a dict or tuple of arrays, shapes `(num_items, ...)`.
        y: Class labels: integers or names, shape `(num_items,)` or `(num_items, 1)`; a source has
            its own.
        fractions: How much of the items each part gets. The sum is 1. Defaults to training,
            validation and test as 0.6, 0.2 and 0.2.
        seed: Integer that makes the split reproducible. Defaults to `None`: drawn.

    Returns: A list with one part for each fraction, as `class_disjoint_split` does.

    Raises: ValueError: If `fractions` are not positive or do not sum to 1, a part gets no item, or
        `x` and `y` are empty or differ in length.
    """
    fractions = _check_fractions(fractions)
    labels, part_at = _open(x, y)
    rng = np.random.default_rng(as_seed(seed))
    ids, _ = encode_labels(labels)
    places = np.lexsort((rng.random(len(ids)), ids))  # class by class, each in random order
    sizes = _sizes_in_classes(np.bincount(ids), np.array(fractions), rng)
    if not sizes.sum(axis=0).all():
        raise ValueError(
            "Each part needs at least one item. Received: parts of "
            f"{sizes.sum(axis=0).tolist()} items for `fractions={fractions}`. Use fewer or larger "
            "`fractions`, or more data."
        )
    part_of_item = np.empty(len(ids), np.int64)
    parts = np.tile(np.arange(len(fractions)), len(sizes))
    part_of_item[places] = np.repeat(parts, sizes.ravel())
    return [part_at(part_of_item == part) for part in range(len(fractions))]


def class_folds(
    x: Any, y: Any = None, *, num_folds: int = 5, seed: int | None = None
) -> Iterator[tuple[Any, Any]]:
    """Cross-validation over classes: each class is tested once, by training on other classes.

    Args:
        x: Items: a `Source`; or an array, or a dict or tuple of arrays, shapes `(num_items, ...)`.
        y: Class labels: integers or names, shape `(num_items,)` or `(num_items, 1)`; a source has
            its own.
        num_folds: In how many parts of equally many classes, to within one, the classes are dealt
            out; at least 2. Defaults to 5.
        seed: Integer that makes the folds reproducible. Defaults to `None`: drawn.

    Returns: An iterator over `num_folds` pairs `(train, test)` of parts as `class_disjoint_split`
        returns them: `test` has the classes of one fold, `train` those of all others.

    Raises: ValueError: If there are fewer classes than folds, `num_folds` is less than 2, or `x`
        and `y` are empty or differ in length.
    """
    check_count("num_folds", num_folds, least=2)
    labels, part_at = _open(x, y)
    fold_of_item = _deal_out(labels, "classes", [1 / num_folds] * num_folds, seed)
    return (
        (part_at(fold_of_item != fold), part_at(fold_of_item == fold)) for fold in range(num_folds)
    )


def _check_fractions(fractions: Sequence[float]) -> list[float]:
    fractions = [check_positive("fractions", fraction) for fraction in fractions]
    total = sum(fractions)
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise ValueError(f"`fractions` must sum to 1. Received: {fractions}, sum {total}.")
    return [fraction / total for fraction in fractions]


def _open(x: Any, y: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]]:
    """Returns the labels of the items, and a function of a mask that gives the part it keeps."""
    if isinstance(x, Source) or y is None:
        source = as_source(x, y)
        return source.labels, source.subset
    x, y = as_labelled_arrays(x, y)
    return y, lambda mask: (take(x, mask), y[mask])


def _deal_out(
    units: np.ndarray, name: str, fractions: Sequence[float], seed: int | None
) -> np.ndarray:
    """Returns the part of each item, shape `(num_items,)`, where whole units are dealt out.

    Args:
        units: The unit, such as the class, of each item, shape `(num_items,)`.
        name: What to call the units in an error.
        fractions: How much of the units each part gets.
        seed: Integer, or `None`.
    """
    ids, names = encode_labels(units)
    if len(names) < len(fractions):
        raise ValueError(
            f"Each part needs {name} of its own. Received: {len(names)} {name} for "
            f"{len(fractions)} parts. Use fewer parts, or data with more {name}."
        )
    parts = np.repeat(np.arange(len(fractions)), _part_sizes(len(names), fractions))
    return np.random.default_rng(as_seed(seed)).permutation(parts)[ids]


def _part_sizes(num_units: int, fractions: Sequence[float]) -> np.ndarray:
    """Returns how many units each part gets: one, then one by one to who lacks most."""
    wanted = num_units * np.array(fractions)
    sizes = np.ones(len(fractions), np.int64)
    for _ in range(num_units - len(fractions)):
        sizes[np.argmax(wanted - sizes)] += 1
    return sizes


def _sizes_in_classes(
    counts: np.ndarray, fractions: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Returns how many items of each class each part gets, shape `(num_classes, num_parts)`."""
    wanted = counts[:, None] * fractions
    sizes = np.floor(wanted + 1e-9).astype(np.int64)
    lacks = np.zeros(len(fractions))
    for label in rng.permutation(len(counts)):
        rest = wanted[label] - sizes[label]
        lacks += rest
        order = np.argsort(np.where(rest > 1e-9, -lacks, np.inf), kind="stable")
        first = order[: counts[label] - sizes[label].sum()]
        sizes[label, first] += 1
        lacks[first] -= 1
    return sizes
