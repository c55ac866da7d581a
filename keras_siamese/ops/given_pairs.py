"""Pairs whose distances are given, in the shape that metrics over pairs read."""

from collections.abc import Iterator

import numpy as np


class GivenPairs:
    """Distances of explicit pairs: to metrics over pairs, a `LabelledSet` of a single block.

    Args:
        same: 1 for a match, 0 for a mismatch, shape `(num_pairs,)`.
        distances: Finite floats, shape `(num_pairs,)`.

    Attributes:
        num_positive_pairs: Number of matches.
        num_negative_pairs: Number of mismatches.
        positive_pairs: A list with one array, the distances of the matches.
        negative_pairs: A list with one array, the distances of the mismatches.
        positive_sum: Sum of `positive_pairs`.
        negative_sum: Sum of `negative_pairs`.
    """

    def __init__(self, same: np.ndarray, distances: np.ndarray) -> None:
        positives, negatives = distances[same == 1], distances[same == 0]
        self.positive_pairs, self.negative_pairs = [positives], [negatives]
        self.num_positive_pairs, self.num_negative_pairs = len(positives), len(negatives)
        self.positive_sum = float(positives.sum(dtype=np.float64))
        self.negative_sum = float(negatives.sum(dtype=np.float64))

    def blocks(self) -> "Iterator[GivenPairs]":
        """Yields itself."""
        yield self

    def distance_range(self) -> tuple[float, float]:
        """Least and greatest distance."""
        both = [*self.positive_pairs, *self.negative_pairs]
        return (
            min(float(pairs.min()) for pairs in both),
            max(float(pairs.max()) for pairs in both),
        )
