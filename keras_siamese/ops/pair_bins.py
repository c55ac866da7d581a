"""Numbers of pairs in bins of their distance, and what the bins leave uncertain."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class PairBins:
    """Ascending bins, none of them empty: arrays of shape `(num_bins,)`.

    Attributes:
        least: The least distance that belongs to each bin.
        greatest: The greatest.
        positives: Number of matching pairs in it, or the sum of their weights.
        negatives: The same for other pairs.
        is_single: Whether it holds one value only, so that its pairs are truly tied.
    """

    least: np.ndarray
    greatest: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    is_single: np.ndarray

    def area(self) -> float:
        """Area under the ROC curve; a match and another pair in one bin count as tied."""
        positives, negatives = self.positives.astype(np.float64), self.negatives.astype(np.float64)
        total = negatives.sum()
        combinations = positives.sum() * total
        farther = total - np.cumsum(negatives) + 0.5 * negatives
        return float(positives @ farther / combinations) if combinations else float("nan")

    def area_errors(self) -> np.ndarray:
        """How much each bin adds to the largest possible error of `area`.

        Pairs of both kinds in one bin are half right and half wrong, unless they are truly tied.
        """
        errors = self.positives.astype(np.float64)
        errors *= self.negatives
        errors[self.is_single] = 0
        combinations = float(self.positives.sum()) * float(self.negatives.sum())
        errors /= 2 * combinations or 1.0
        return errors

    def mean_errors(self, counts: np.ndarray) -> np.ndarray:
        """How much each bin adds to the largest possible relative error of a mean distance.

        Args:
            counts: `positives` or `negatives`.
        """
        # Relative to the mean of the absolute value, which is at least so large.
        magnitudes = np.minimum(np.abs(self.least), np.abs(self.greatest))
        magnitudes[(self.least < 0) & (self.greatest > 0)] = 0
        total = max(float(magnitudes @ counts), 1e-200)
        errors = self.greatest - self.least
        errors *= counts
        errors *= 0.5
        with np.errstate(over="ignore"):
            errors /= total
        return errors

    def where(self, chosen: np.ndarray) -> "PairBins":
        """The chosen ones: places, or a mask."""
        return PairBins(*(getattr(self, field.name)[chosen] for field in fields(PairBins)))

    @classmethod
    def join(cls, parts: "list[PairBins]") -> "PairBins":
        """All of them, not in order."""
        arrays = ([getattr(part, field.name) for part in parts] for field in fields(PairBins))
        return parts[0] if len(parts) == 1 else PairBins(*map(np.concatenate, arrays))


def mean_and_std(values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of values that occur so often; NaN if none does."""
    total = float(counts.sum())
    if not total:
        return float("nan"), float("nan")
    mean = float(values @ counts) / total
    return mean, float(np.sqrt(np.square(values - mean) @ counts / total))
