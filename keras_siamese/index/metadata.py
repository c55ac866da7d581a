"""Metadata of the items of an index: columns of values that JSON can hold."""

import json
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def as_columns(metadata: Any, num_items: int) -> dict[str, list[Any]]:
    """Returns columns of plain values, as JSON gives them back: tuples become lists.

    Args:
        metadata: A dict from the name of each column to one value for each item: None, bools,
            numbers, strings, and lists and dicts of them. None: no columns.
        num_items: Number of items.

    Raises: ValueError: If a column has another length, or a value is none of these.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping) or not all(isinstance(name, str) for name in metadata):
        raise ValueError(
            "`metadata` must be a dict of columns, such as {'file': names}, with one value for "
            f"each item. Received: {type(metadata).__name__}. Of a list of dicts, use "
            "`{name: [item[name] for item in items] for name in items[0]}`."
        )
    columns = {name: _as_values(name, values) for name, values in metadata.items()}
    for name, values in columns.items():
        if len(values) != num_items:
            raise ValueError(
                f"`metadata[{name!r}]` must have one value for each of the {num_items} items. "
                f"Received: {len(values)}."
            )
    return columns


def _as_values(name: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ValueError(
            f"`metadata[{name!r}]` must hold one value for each item. Received: {values!r}."
        )
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    try:
        return json.loads(json.dumps(values, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        row = next(row for row, value in enumerate(values) if not _is_plain(value))
        raise ValueError(
            "Metadata must be None, bools, finite numbers, strings, or lists and dicts of them. "
            f"Received: {reprlib.repr(values[row])} in column {name!r} at row {row}. Turn paths "
            "and dates into strings, and NaN into None."
        ) from None


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


class MetadataTable:
    """Columns of values, one for each item; an item that was added without a column has None."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}
        self._num_items = 0

    def append(self, columns: Mapping[str, list[Any]], num_items: int) -> None:
        """Adds items with columns of `as_columns`."""
        for name in columns:
            self.columns.setdefault(name, [None] * self._num_items)
        for name, values in self.columns.items():
            values += columns.get(name, [None] * num_items)
        self._num_items += num_items

    def replace(self, positions: np.ndarray, columns: Mapping[str, list[Any]]) -> None:
        """Puts other values of some columns in the place of some."""
        for name, values in columns.items():
            column = self.columns.setdefault(name, [None] * self._num_items)
            for position, value in zip(positions.tolist(), values, strict=True):
                column[position] = value

    def take(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the values at positions of any shape: for each column, an array of objects."""
        taken = {}
        for name, values in self.columns.items():
            found = np.empty(positions.size, object)
            found[:] = [values[position] for position in positions.ravel().tolist()]
            taken[name] = found.reshape(positions.shape)
        return taken

    def keep(self, mask: np.ndarray) -> None:
        """Keeps the items where `mask` is true."""
        positions = np.flatnonzero(mask).tolist()
        self.columns = {
            name: [values[position] for position in positions]
            for name, values in self.columns.items()
        }
        self._num_items = len(positions)

    @classmethod
    def restore(cls, columns: Any, num_items: int) -> "MetadataTable":
        """Makes the table of what `columns` was.

        Raises: ValueError: If it is no dict of lists of `num_items` values.
        """
        is_right = isinstance(columns, dict) and all(
            isinstance(values, list) and len(values) == num_items for values in columns.values()
        )
        if not is_right:
            raise ValueError(f"Metadata must be columns of {num_items} values each.")
        table = cls()
        table.columns, table._num_items = columns, num_items
        return table
