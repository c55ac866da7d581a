"""Points of several data sets, as one set of points."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_siamese.callbacks.points import Points
from keras_siamese.ops.checks import is_text


def join_sets(sets: Mapping[str, Points]) -> Points:
    """Returns the points of all sets, one set after the other.

    Args:
        sets: Name -> points. Items must be alike: of the same structure, shapes and kinds, with
            labels of one kind. Groups are text, empty for sets without.

    Raises: ValueError: If they are not.
    """
    parts = list(sets.values())
    if len(parts) == 1:
        return parts[0]
    _check_alike("items", {name: _kinds_of_items(points.x) for name, points in sets.items()})
    _check_alike("labels", {name: _kind(points.labels) for name, points in sets.items()})
    has_groups = any(points.groups is not None for points in parts)
    return Points(
        keras.tree.map_structure(lambda *arrays: _joined(arrays), *(points.x for points in parts)),
        _joined([points.labels for points in parts]),
        np.concatenate([points.positions for points in parts]),
        sum(points.num_available for points in parts),
        np.concatenate([_group_names(points) for points in parts]) if has_groups else None,
    )


def _check_alike(what: str, kinds: Mapping[str, Any]) -> None:
    (first, expected), *others = kinds.items()
    for name, kind in others:
        if kind != expected:
            raise ValueError(
                f"All sets must have {what} of one kind, as one model embeds them into one space. "
                f"Received: in {first!r} {expected}, in {name!r} {kind}."
            )


def _kinds_of_items(x: Any) -> dict[str, str]:
    return {
        "x" + "".join(f"[{key!r}]" for key in path): f"{_kind(array)}, shape {array.shape[1:]}"
        for path, array in keras.tree.flatten_with_path(x)
    }


def _kind(array: np.ndarray) -> str:
    if is_text(array):
        return "text"
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        return "integers above 2^63"
    return {"i": "integers", "u": "integers", "f": "floats"}.get(array.dtype.kind, str(array.dtype))


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    kinds = {array.dtype.kind for array in arrays}
    if "u" in kinds and "i" in kinds:  # Of int64 and uint64, NumPy would make floats.
        arrays = [array.astype(np.int64) for array in arrays]
    if len(kinds) > 1 and kinds <= set("USOT"):
        arrays = [_as_strings(array) for array in arrays]
    return np.concatenate(arrays)


def _as_strings(array: np.ndarray) -> np.ndarray:
    """Returns text of any kind as an array of `str` objects."""
    texts = [value.decode() if isinstance(value, bytes) else str(value) for value in array.flat]
    return np.array(texts, dtype=object).reshape(array.shape)


def _group_names(points: Points) -> np.ndarray:
    if points.groups is None:
        return np.full(len(points.labels), "", dtype=object)
    return points.groups.astype(object)
