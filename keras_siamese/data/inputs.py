"""What the functions of this folder are given: items, their labels and a seed, checked."""

import random
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_siamese.data.labels import as_class_labels
from keras_siamese.ops.checks import check_count, check_same_length


def as_labelled_arrays(x: Any, y: Any) -> tuple[Any, np.ndarray]:
    """Returns `(x, y)` as NumPy arrays, one label for each item.

    Args:
        x: Array, or dict or tuple of arrays (nested as you like), shapes `(num_items, ...)`. A list
            is one array.
        y: Class labels, shape `(num_items,)` or `(num_items, 1)`.

    Returns: `(x, y)`: the nest of arrays, dtypes kept, and the labels, shape `(num_items,)`.

    Raises: ValueError: If the lengths differ or are 0, `x` holds something else than arrays, or the
        labels are refused by `as_class_labels`.
    """
    x, y = _as_arrays(x), as_class_labels(y)
    arrays = {
        "x" + "".join(f"[{key!r}]" for key in path): array
        for path, array in keras.tree.flatten_with_path(x)
    }
    if not arrays or any(array.ndim == 0 for array in arrays.values()):
        raise ValueError(
            "`x` must be an array, or a dict or tuple of arrays, with one row for each item. "
            f"Received: {x!r}."
        )
    check_same_length(**arrays, y=y)
    return x, y


def take(x: Any, indices: np.ndarray) -> Any:
    """Returns the items of the nest of arrays `x` that stand at `indices`."""
    return keras.tree.map_structure(lambda array: array[indices], x)


def as_seed(seed: int | None) -> int:
    """Returns `seed`, or for `None` one drawn from what `keras.utils.set_random_seed` sets.

    Raises: ValueError: If `seed` is no integer from 0 to 2**63 - 1.
    """
    if seed is None:
        return random.getrandbits(63)
    if check_count("seed", seed, least=0) >= 2**63:
        raise ValueError(f"`seed` must be below 2**63. Received: {seed!r}.")
    return int(seed)


def _as_arrays(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {name: _as_arrays(part) for name, part in x.items()}
    if isinstance(x, tuple):
        return tuple(_as_arrays(part) for part in x)
    return np.asarray(x)
