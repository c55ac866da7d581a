"""Class labels of any kind, checked, and turned into ids."""

import math
from typing import Any

import numpy as np

from keras_siamese.ops.checks import check_same_length


def as_class_labels(labels: Any) -> np.ndarray:
    """Returns class labels as an array of shape `(num_items,)`, their values kept.

    Args:
        labels: Integers, strings, or anything else that sorts, shape `(num_items,)` or
            `(num_items, 1)`.

    Raises: ValueError: If there are no labels, or one is missing (`None` or NaN), or they are
        floats, of several kinds, or of another shape.
    """
    is_list = isinstance(labels, list | tuple)
    # Among strings, NumPy would make "nan" of NaN and "1" of 1.
    is_text = is_list and np.asarray(labels).dtype.kind in "US"
    labels = np.asarray(labels, object if is_text else None)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            "Labels must have shape (num_items,) or (num_items, 1). "
            f"Received: shape {labels.shape}. For one-hot labels use `argmax(labels, axis=-1)`; of "
            "several labels an item, choose one."
        )
    check_same_length(labels=labels)
    is_missing = _is_missing(labels)
    if is_missing.any():
        raise ValueError(
            f"No label may be missing. Received: {is_missing.sum()} of {len(labels)} that are None "
            f"or NaN, the first at row {is_missing.argmax()}. Leave out the items without a label."
        )
    if labels.dtype == object:
        kinds = sorted({type(label).__name__ for label in labels})
        if len(kinds) > 1:
            raise ValueError(
                "Labels must be all of one kind. "
                f"Received: {' and '.join(kinds)}. Turn them all into strings, or into integers."
            )
        labels = np.array(labels.tolist())
    if labels.dtype.kind in "fc":
        raise ValueError(
            "Labels must be integers or names, which floats cannot stand for (16777217 is no "
            f"float32). Received: dtype {labels.dtype}. If the values are whole numbers, use "
            '`labels.astype("int64")` where they are made.'
        )
    return labels


def encode_labels(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Turns names, or anything else that sorts, into class ids 0 to C-1.

    Args:
        labels: Strings, integers, dates, ..., shape `(num_items,)` or `(num_items, 1)`.

    Returns: `(ids, classes)`: int64 ids, shape `(num_items,)`, and the distinct labels in ascending
        order, shape `(C,)`, so that `classes[ids]` gives back the labels.

    Raises: ValueError: If there are no labels, or one is missing, or they are floats, of several
        kinds, or of another shape.

    Example:
        >>> ids, classes = encode_labels(["cat", "ant", "cat"])
        >>> ids.tolist(), classes.tolist()
        ([1, 0, 1], ['ant', 'cat'])
    """
    classes, ids = np.unique(as_class_labels(labels), return_inverse=True)
    return ids.astype(np.int64), classes


def _is_missing(labels: np.ndarray) -> np.ndarray:
    """Returns which labels are `None`, NaN or no time, shape `(num_items,)`."""
    if labels.dtype == object:
        return np.array(
            [label is None or (isinstance(label, float) and math.isnan(label)) for label in labels]
        )
    if labels.dtype.kind in "fc":
        return np.isnan(labels)
    if labels.dtype.kind in "mM":
        return np.isnat(labels)
    return np.zeros(len(labels), bool)
