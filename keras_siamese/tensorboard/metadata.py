"""Tables of what is known of points, as TensorBoard's Projector reads them."""

import datetime
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# All that ends a line or a cell somewhere, the control characters, and the byte-order mark.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+")
_HAS_NO_VALUE = (numbers.Number, np.generic, datetime.datetime)  # These may be NaN, or no time.


@dataclass(frozen=True)
class Metadata:
    """Columns of a table with one row for each point; the first column labels the points.

    The Projector splits lines at tabs, with no way to quote one, and skips lines without any text,
    after which all labels would be off by one. It takes the first line for names of columns if, and
    only if, there is a tab in it. Points of empty labels would be black, and in no legend.

    Attributes:
        names: The names of the columns.
        lines: The rows, a line each.
    """

    names: tuple[str, ...]
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names) or "" in self.names:
            raise ValueError(
                "Metadata columns need names, no two the same when tabs, line ends and control "
                f"characters are spaces. Received: {list(self.names)}. Rename them."
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> "Metadata":
        """Returns the table itself: it never changes, and may be long."""
        return self

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]]) -> "Metadata":
        """Makes the table of some columns.

        Args:
            columns: Name -> one value a point, of any kind. Tabs, line ends and control characters
                become spaces; None, NaN and no time become empty cells, and empty labels
                "(empty)".

        Raises: ValueError: If there are fewer than two points, the lengths of columns differ, or
            two have the same name, or one has none.
        """
        num_points = len(next(iter(columns.values())))
        if num_points < 2:
            raise ValueError(f"The Projector shows two points or more. Received: {num_points}.")
        labels, *others = _cells(columns, num_points)
        cells = [[label or "(empty)" for label in labels], *others]
        return cls(tuple(map(as_cell, columns)), tuple(map("\t".join, zip(*cells, strict=True))))

    def with_columns(self, columns: Mapping[str, Sequence[Any]]) -> "Metadata":
        """Returns the table with further columns behind those that it has.

        Args:
            columns: Name -> one value a point, of any kind.

        Raises: ValueError: If their number is another, or the table has a column of that name.
        """
        cells = _cells(columns, len(self.lines))
        lines = map("\t".join, zip(self.lines, *cells, strict=True))
        return Metadata((*self.names, *map(as_cell, columns)), tuple(lines))

    def column(self, name: str) -> list[str]:
        """Returns the cells of a column."""
        place = self.names.index(name)
        return [line.split("\t")[place] for line in self.lines]

    def to_bytes(self) -> bytes:
        """Returns the table as the text of a file."""
        header = ["\t".join(self.names)] if len(self.names) > 1 else []
        return "".join(f"{line}\n" for line in (*header, *self.lines)).encode()


def _cells(columns: Mapping[str, Sequence[Any]], num_points: int) -> list[list[str]]:
    lengths = {name: len(values) for name, values in columns.items()}
    if set(lengths.values()) - {num_points}:
        raise ValueError(
            f"Each metadata column needs one value for each of the {num_points} points. "
            f"Received lengths: {lengths}."
        )
    return [[as_cell(value) for value in values] for values in columns.values()]


def as_cell(value: Any) -> str:
    """Returns a value as the text of a cell, or the name of a column as the Projector shows it."""
    if value is None or (isinstance(value, _HAS_NO_VALUE) and value != value):
        return ""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    text = text.encode(errors="replace").decode()
    return _UNPRINTABLE.sub(" ", text).strip()
