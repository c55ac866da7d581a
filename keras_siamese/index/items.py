"""What an index knows of its items besides their vectors: ids, labels, metadata."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_siamese.index.labels import LabelColumn
from keras_siamese.index.metadata import MetadataTable

_END = 2**63 - 1


def as_ids(ids: Any, argument: str = "ids") -> np.ndarray:
    """Returns ids as int64, shape `(num_items,)`.

    Raises: ValueError: If they are no integers from 0 on, or one stands there twice.
    """
    array = np.asarray(ids)
    if array.ndim == 0:
        array = array[None]
    is_empty = array.ndim == 1 and not len(array)
    if not is_empty and (array.ndim != 1 or array.dtype.kind not in "iu"):
        raise ValueError(
            f"`{argument}` must be integers, shape (num_items,). Received: dtype {array.dtype}, "
            f"shape {array.shape}. Keep names in `metadata`."
        )
    if not is_empty and (array.min() < 0 or array.max() >= _END):
        raise ValueError(
            f"`{argument}` must be from 0 to 2**63 - 2. Received: {array.min()} to {array.max()}."
        )
    array = array.astype(np.int64)
    values, counts = np.unique(array, return_counts=True)
    if len(values) != len(array):
        raise ValueError(
            f"`{argument}` must be distinct. Received: {values[counts.argmax()]}, "
            f"{counts.max()} times. Leave `{argument}` out to have items numbered."
        )
    return array


class ItemTable:
    """Ids, labels and metadata of the items, in the order of their vectors.

    Attributes:
        ids: int64, shape `(num_items,)`.
        labels: The column of labels.
        metadata: The columns of metadata.
        next_id: Number of the next item that comes without an id; never that of an item before.
    """

    def __init__(self) -> None:
        self.ids = np.empty(0, np.int64)
        self.labels = LabelColumn()
        self.metadata = MetadataTable()
        self.next_id = 0
        self._order: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def new_ids(self, ids: Any, num_items: int) -> np.ndarray:
        """Returns ids for items that are to be added.

        Args:
            ids: Those that the user gave, or None to number the items on.
            num_items: Number of items.

        Raises: ValueError: If there are not as many, or one is taken.
        """
        if ids is None:
            if self.next_id + num_items > _END:
                raise ValueError("No ids are left below 2**63. Give `ids`.")
            return np.arange(self.next_id, self.next_id + num_items)
        ids = as_ids(ids)
        if len(ids) != num_items:
            raise ValueError(f"Expected {num_items} `ids`. Received: {len(ids)}.")
        is_taken = np.isin(ids, self.ids)
        if is_taken.any():
            raise ValueError(
                f"`ids` must be new. Received: {ids[is_taken.argmax()]}, which is in the index. "
                "To change an item use `update`."
            )
        return ids

    def append(
        self, ids: np.ndarray, labels: np.ndarray | None, columns: Mapping[str, list[Any]]
    ) -> None:
        """Adds items whose ids, labels and columns have been checked."""
        if not len(ids):
            return
        self.labels.append(labels)
        self.metadata.append(columns, len(ids))
        self.ids = np.concatenate([self.ids, ids])
        self.next_id = max(self.next_id, int(ids.max()) + 1)
        self._order = None

    def keep(self, mask: np.ndarray) -> None:
        """Keeps the items where `mask` is true."""
        self.ids = self.ids[mask]
        self.labels.keep(mask)
        self.metadata.keep(mask)
        self._order = None

    def positions_of(self, ids: np.ndarray) -> np.ndarray:
        """Returns where items stand, shape of `ids`.

        Raises: ValueError: If there is no item of an id.
        """
        positions, is_there = self.find(ids)
        if not is_there.all():
            missing = ids[~is_there]
            raise ValueError(
                f"`ids` must be those of items in the index. Received: {missing[:5].tolist()}, "
                f"of which there {'is' if len(missing) == 1 else 'are'} none ({len(missing)} in "
                "all)."
            )
        return positions

    def find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns where items stand, and which of them are there at all, shapes of `ids`."""
        if not len(self):
            return np.zeros(ids.shape, np.int64), np.zeros(ids.shape, bool)
        if self._order is None:
            self._order = np.argsort(self.ids, kind="stable")
        places = np.searchsorted(self.ids, ids, sorter=self._order)
        positions = self._order[np.minimum(places, len(self) - 1)]
        return positions, self.ids[positions] == ids

    @classmethod
    def restore(
        cls, ids: np.ndarray, labels: LabelColumn, metadata: MetadataTable, next_id: int
    ) -> "ItemTable":
        """Makes the table of its checked columns."""
        items = cls()
        items.ids, items.labels, items.metadata, items.next_id = ids, labels, metadata, next_id
        return items
