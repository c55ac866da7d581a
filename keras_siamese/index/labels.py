"""Labels of the items of an index: integers or names, never both."""

from typing import Any

import numpy as np

from keras_siamese.data.labels import as_class_labels

INTEGERS, NAMES = "integers", "names"


def as_index_labels(labels: Any) -> np.ndarray:
    """Returns labels as int64 or as strings, shape `(num_items,)`.

    Raises: ValueError: If they are neither integers nor names, or an integer is too large.
    """
    labels = as_class_labels(labels)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    if labels.dtype.kind in "UT":
        return labels.astype(str)
    if labels.dtype.kind not in "iub" or (labels.dtype == np.uint64 and labels.max() >= 2**63):
        raise ValueError(
            "Labels of an index must be names, or integers below 2**63. "
            f"Received: dtype {labels.dtype}. Turn them into strings with `labels.astype(str)`."
        )
    return labels.astype(np.int64)


def kind_of(labels: np.ndarray | None) -> str | None:
    """Returns what labels of `as_index_labels` are: integers, names, or None if there are none."""
    if labels is None:
        return None
    return INTEGERS if labels.dtype.kind == "i" else NAMES


class LabelColumn:
    """The label of each item; all are integers, or all are names, or there are none.

    Names are kept once each, those of removed items too, with an int64 for each item.
    """

    def __init__(self) -> None:
        self.kind: str | None = None
        self.names: list[str] = []
        self._number_of: dict[str, int] = {}
        self.values = np.empty(0, np.int64)

    def append(self, labels: np.ndarray | None) -> None:
        """Adds labels of `as_index_labels` that `check_kind` has let pass; None adds none."""
        self.kind = kind_of(labels)
        self.values = np.concatenate([self.values, self._numbers(labels)])

    def check_kind(self, labels: np.ndarray | None, argument: str = "y") -> None:
        """Checks that labels are of the kind that is inside.

        Args:
            labels: Labels of `as_index_labels`, or None for items without labels.
            argument: What to call them in an error.

        Raises: ValueError: If they are of another kind.
        """
        kind = kind_of(labels)
        if kind != self.kind:
            inside = self.kind or "none"
            raise ValueError(
                f"The labels in the index are {inside}. Received: `{argument}` of {kind or 'None'}."
                f" Give {'no labels' if self.kind is None else f'labels that are {inside}'}."
            )

    def __contains__(self, label: object) -> bool:
        value = self._number_of.get(label) if self.kind == NAMES else label  # type: ignore[call-overload]
        return value is not None and bool((self.values == value).any())

    def replace(self, positions: np.ndarray, labels: np.ndarray) -> None:
        """Puts other labels in the place of some."""
        self.values[positions] = self._numbers(labels)

    def take(self, positions: Any) -> np.ndarray | None:
        """Returns the labels at positions, of any shape: int64 or strings; None without labels."""
        if self.kind is None:
            return None
        values = self.values[positions]
        return np.array(self.names, str)[values] if self.kind == NAMES else values.copy()

    def keep(self, mask: np.ndarray) -> None:
        """Keeps the items where `mask` is true."""
        if self.kind is not None:
            self.values = self.values[mask]

    @classmethod
    def restore(cls, kind: str | None, values: np.ndarray, names: list[str]) -> "LabelColumn":
        """Makes the column of what `kind`, `values` and `names` were.

        Raises: ValueError: If a value is no place of a name.
        """
        column = cls()
        column.kind, column.values, column.names = kind, values, names
        column._number_of = {name: number for number, name in enumerate(names)}
        is_right = len(column._number_of) == len(names) and (
            kind != NAMES or not len(values) or (values.min() >= 0 and values.max() < len(names))
        )
        if not is_right:
            raise ValueError(f"Labels do not fit their {len(names)} names.")
        return column

    def _numbers(self, labels: np.ndarray | None) -> np.ndarray:
        if labels is None:
            return np.empty(0, np.int64)
        if labels.dtype.kind == "i":
            return labels
        distinct, inverse = np.unique(labels, return_inverse=True)
        for name in distinct.tolist():
            if name not in self._number_of:
                self._number_of[name] = len(self.names)
                self.names.append(name)
        return np.array([self._number_of[name] for name in distinct.tolist()], np.int64)[inverse]
