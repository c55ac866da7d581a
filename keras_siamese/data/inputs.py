"""What the functions of this folder are given: items, their labels and a seed, checked."""

import mmap
import random
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from keras_siamese.data.labels import as_class_labels
from keras_siamese.ops.checks import check_count, check_same_length

# Values that are looked at at a time.
_BLOCK = 2**24


def as_labelled_arrays(x: Any, y: Any) -> tuple[Any, np.ndarray]:
    """Returns `(x, y)` as NumPy arrays, one label for each item.

    Args:
        x: Array, or dict or tuple of arrays (nested as you like), shapes `(num_items, ...)`. A list
            is one array.
        y: Class labels, shape `(num_items,)` or `(num_items, 1)`.

    Returns: `(x, y)`: the nest of arrays, dtypes kept, and the labels, shape `(num_items,)`.

    Raises: ValueError: If the lengths differ or are 0, `x` holds something else than arrays, items
        of several shapes, NaN or infinity (for which arrays in a file are not searched), or the
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
    for name, array in arrays.items():
        _check_finite(name, array)
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


def is_mapped(array: np.ndarray) -> bool:
    """Whether the values of an array are in a file, from which they are read when needed."""
    owner: Any = array
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    return owner is not None


def _as_arrays(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {name: _as_arrays(part) for name, part in x.items()}
    if isinstance(x, tuple):
        return tuple(_as_arrays(part) for part in x)
    try:
        array = np.asarray(x)
    except ValueError as error:  # Items of several shapes; NumPy does not say which.
        raise _mixed_items(x) from error
    if isinstance(x, list) and array.dtype.kind in "US":
        # Among strings, NumPy makes "nan" of NaN; of bytes it cuts off zeros at their end.
        array = np.asarray(x, object)
    if (
        array.dtype == object
        and array.ndim
        and not all(isinstance(i, str | bytes) for i in array.flat)
    ):
        raise _mixed_items(array)
    return array


def _mixed_items(items: Iterable[Any]) -> ValueError:
    """Returns the error for items that make no array, with the first two that differ."""
    kinds: dict[str, int] = {}
    for row, item in enumerate(items):
        kinds.setdefault(_kind(item), row)
    found = " and ".join(f"{kind} at row {row}" for kind, row in list(kinds.items())[:2])
    return ValueError(
        f"Items must be numbers or strings, all of one shape. Received: {found}. Resize, crop or "
        "pad them to one shape, and leave out those that are missing."
    )


def _kind(item: Any) -> str:
    """Returns the shape of an array or list, and the type of what is neither."""
    try:
        shape = np.shape(item)
    except ValueError:
        return "a list of lists of several lengths"
    return f"shape {shape}" if shape else type(item).__name__


def _check_finite(name: str, array: np.ndarray) -> None:
    """Checks that no item holds NaN or infinity, in blocks of items.

    Raises: ValueError: If one does.
    """
    if array.dtype.kind not in "fc" or is_mapped(array):
        return
    block = max(1, _BLOCK // max(1, array[0].size))
    axes = tuple(range(1, array.ndim))
    is_finite = np.concatenate(
        [
            np.isfinite(array[start : start + block]).all(axis=axes)
            for start in range(0, len(array), block)
        ]
    )
    if not is_finite.all():
        raise ValueError(
            f"`{name}` must be finite. Received: NaN or infinity in {(~is_finite).sum()} of "
            f"{len(array)} items, the first at row {is_finite.argmin()}. Leave these items out, or "
            "replace the values."
        )
