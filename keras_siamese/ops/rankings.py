"""Rankings of some queries, down to where figures of retrieval look."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Rankings:
    """The nearest items of some queries, in groups of items that are exactly as far.

    Attributes:
        num_relevant: Number of items of the query's class that it ranks, at least 1, shape
            `(queries,)`.
        size: Number of items in each group, the nearest first, shape `(queries, groups)`. Groups
            without items may stand anywhere.
        relevant: How many of them are of the query's class, same shape.
        num_nearer: Number of irrelevant items that are nearer than all groups, shape `(queries,)`.
    """

    num_relevant: np.ndarray
    size: np.ndarray
    relevant: np.ndarray
    num_nearer: np.ndarray | int = 0

    @cached_property
    def before(self) -> np.ndarray:
        """Number of items in the groups before: same shape."""
        before = np.cumsum(self.size, axis=1, dtype=np.int32) - self.size
        return before + np.reshape(self.num_nearer, (-1, 1))

    @cached_property
    def relevant_before(self) -> np.ndarray:
        """Number of relevant items in the groups before: same shape."""
        return np.cumsum(self.relevant, axis=1, dtype=np.int32) - self.relevant

    @cached_property
    def first_hit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the first group with a relevant item: items before, irrelevant ones, relevant ones.

        Shape `(queries,)` each. Where no group has one, all items that are known stand before.
        """
        group = np.argmax(self.relevant > 0, axis=1)[:, None]
        before, size, relevant = (
            np.take_along_axis(part, group, axis=1)[:, 0]
            for part in (self.before, self.size, self.relevant)
        )
        is_missed = relevant == 0
        before = np.where(is_missed, self.size.sum(axis=1) + self.num_nearer, before)
        return before, np.where(is_missed, 0, size - relevant), np.where(is_missed, 1, relevant)

    def to_depth(self, depth: int) -> "Rankings":
        """The same without what comes after the first `depth` places."""
        width = depth
        while width < self.size.shape[1] and (self.before[:, width] < depth).any():
            width *= 2
        return replace(self, size=self.size[:, :width], relevant=self.relevant[:, :width])

    def places_within(self, depth: np.ndarray | int) -> np.ndarray:
        """How many places of each group are among the first `depth`: shape `(queries, groups)`."""
        depth = np.reshape(np.broadcast_to(depth, len(self.size)), (-1, 1))
        return np.clip(depth - self.before, 0, self.size)
