"""Pairs whose distances are given."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GivenPairs:
    """Distances of explicit pairs: to metrics over pairs, what a `LabelledSet` is of items.

    Attributes:
        same: 1 for a match, 0 for a mismatch, shape `(num_pairs,)`.
        distances: Finite floats, shape `(num_pairs,)`.
    """

    same: np.ndarray
    distances: np.ndarray

    @property
    def num_positive_pairs(self) -> int:
        """Number of matches."""
        return int(np.count_nonzero(self.same))

    @property
    def num_negative_pairs(self) -> int:
        """Number of mismatches."""
        return len(self.same) - self.num_positive_pairs
