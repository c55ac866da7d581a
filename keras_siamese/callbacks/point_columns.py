"""What is known of points beforehand, in columns: label, place, set, group, text, and more."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_siamese.callbacks.points import Points
from keras_siamese.ops.checks import is_text

_LONGEST_TEXT = 120


def known_columns(
    points: Points,
    sets: Mapping[str, Points],
    class_names: Sequence[str] | None = None,
) -> dict[str, Sequence[Any]]:
    """Returns the columns that the data itself gives.

    Args:
        points: The points of all sets.
        sets: Name -> points of the set. The name of an only set without one is empty.
        class_names: The name of class `i` at position `i`.

    Returns: `label`; `item`, the place in its data set; `set`, if they have names; `group`, if
        there are groups; `text`, the beginning of texts.

    Raises: ValueError: If a label has no class name.
    """
    columns: dict[str, Sequence[Any]] = {
        "label": label_names(points.labels, class_names),
        "item": points.positions.tolist(),
    }
    if list(sets) != [""]:
        columns["set"] = [name for name, part in sets.items() for _ in part.positions]
    if points.groups is not None:
        columns["group"] = points.groups.tolist()
    texts = [x for x in keras.tree.flatten(points.x) if is_text(x) and x.size == len(x)]
    if len(texts) == 1:
        columns["text"] = [_beginning(text) for text in texts[0].reshape(-1).tolist()]
    return columns


def label_names(labels: np.ndarray, class_names: Sequence[str] | None) -> list[Any]:
    """Returns the labels, or the names of integer ones.

    Raises: ValueError: If a label has no class name.
    """
    if class_names is None:
        return labels.tolist()
    if labels.dtype.kind not in "iu":
        raise ValueError(
            "`class_names` name integer labels. "
            f"Received: labels of type {labels.dtype}. Use `class_names=None`."
        )
    nameless = labels[(labels < 0) | (labels >= len(class_names))]
    if len(nameless):
        raise ValueError(
            "`class_names` needs a name for each label, at the label's position. "
            f"Received: {len(class_names)} names and the label {nameless[0]}."
        )
    return [class_names[label] for label in labels]


def given_columns(metadata: Any, sets: Mapping[str, Points]) -> dict[str, list[Any]]:
    """Returns the user's columns, of the items that are shown.

    Args:
        metadata: Name -> one value for each item of the data set, or a data frame; of named sets,
            set -> such columns. Those that a set does not have are empty there.
        sets: Name -> points of the set. The name of an only set without one is empty.

    Raises: ValueError: If a set is unknown, there are no columns by name, or a column has not one
        value for each item.
    """
    by_set = {
        name: _by_name(columns) for name, columns in of_sets("metadata", metadata, sets).items()
    }
    names = {name: None for columns in by_set.values() for name in columns}
    shown: dict[str, list[Any]] = {name: [] for name in names}
    for set_name, points in sets.items():
        columns = by_set.get(set_name, {})
        for name, values in shown.items():
            if name in columns:
                column = pick(f"The `metadata` column {name!r}", columns[name], points)
                values.extend(column)
            else:
                values.extend([None] * len(points.positions))
    return shown


def _by_name(columns: Any) -> dict[str, Any]:
    if not isinstance(columns, Mapping) and not hasattr(columns, "columns"):
        raise ValueError(
            "`metadata` must be columns by name: a dict or a data frame. "
            f"Received: an object of type {type(columns).__name__}. Use {{'column': ...}}."
        )
    return {name: columns[name] for name in getattr(columns, "columns", columns)}


def of_sets(argument: str, given: Any, sets: Mapping[str, Points]) -> dict[str, Any]:
    """Returns what an argument gives for each set: the name of an only set may be empty.

    Raises: ValueError: If a set is unknown.
    """
    if list(sets) == [""]:
        return {"": given}
    if not isinstance(given, Mapping) or not set(given) <= set(sets):
        received = list(given) if isinstance(given, Mapping) else type(given).__name__
        raise ValueError(
            f"`{argument}` of several sets must be given by set: a dict with keys of {list(sets)}. "
            f"Received: {received}."
        )
    return dict(given)


def pick(what: str, values: Any, points: Points) -> list[Any]:
    """Returns the values of the shown items, of one value for each item of the data set.

    Raises: ValueError: If there are more values, or fewer.
    """
    values = keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else list(values)
    if len(values) != points.num_available:
        raise ValueError(
            f"{what} needs one value for each of the {points.num_available} items of `data`. "
            f"Received: {len(values)} values."
        )
    return [values[position] for position in points.positions]


def _beginning(text: str | bytes) -> str:
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
