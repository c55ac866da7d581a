"""Bootstrap: figures of many samples that are drawn with replacement from one sample."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

_BLOCK_ELEMENTS = 2**21  # Draws in a block: 16 MiB.


@dataclass(frozen=True)
class Resamples:
    """As many draws with replacement as there are units, again and again.

    Each pass over them gives the same draws: figures of one pass are paired with those of another.

    Attributes:
        num_units: Number of units, such as items or classes.
        num_resamples: How often they are drawn.
        seed: Seed of the draws.
    """

    num_units: int
    num_resamples: int
    seed: int

    def counts(self, row_elements: int = 0) -> Iterator[np.ndarray]:
        """Yields blocks of how often each unit was drawn: `(rows, num_units)`, float64.

        Args:
            row_elements: How many numbers the caller makes of a row, to bound the rows of a block.
        """
        rng = np.random.default_rng(self.seed)
        size = max(1, _BLOCK_ELEMENTS // max(self.num_units, row_elements))
        for start in range(0, self.num_resamples, size):
            num_rows = min(size, self.num_resamples - start)
            draws = rng.integers(self.num_units, size=(num_rows, self.num_units))
            draws += np.arange(num_rows)[:, None] * self.num_units
            counts = np.bincount(draws.ravel(), minlength=draws.size)
            yield counts.reshape(draws.shape).astype(np.float64)

    def means(self, values: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Means over the values of the units that were drawn.

        Args:
            values: Floats, shape `(num_values, num_figures)`.
            units: Unit of each row, shape `(num_values,)`.

        Returns: Shape `(num_resamples, num_figures)`; NaN where no unit with a value was drawn.
        """
        sizes = np.bincount(units, minlength=self.num_units).astype(np.float64)
        sums = np.stack([np.bincount(units, column, self.num_units) for column in values.T], axis=1)
        return np.concatenate(
            [_ratio(drawn @ sums, (drawn @ sizes)[:, None]) for drawn in self.counts()]
        )

    def means_over_classes(self, values: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
        """Means over classes of the means over their values, of which each is a unit.

        Args:
            values: Floats, shape `(num_units,)`.
            class_ids: 0 to C-1, each of them present, shape `(num_units,)`.

        Returns: Shape `(num_resamples,)`. Classes of which nothing was drawn are left out.
        """
        order = np.argsort(class_ids, kind="stable")
        sizes = np.bincount(class_ids)
        starts = np.cumsum(sizes) - sizes
        parts = []
        for drawn in self.counts():
            drawn = drawn[:, order]
            totals = np.add.reduceat(drawn * values[order], starts, axis=1)
            means = _ratio(totals, np.add.reduceat(drawn, starts, axis=1))
            parts.append(np.nanmean(means, axis=1))
        return np.concatenate(parts)


def percentile_interval(
    replicates: np.ndarray, num_units: int, level: float
) -> tuple[float, float]:
    """The expanded percentile interval: the middle of the replicates, more of it for few units.

    The middle that holds `level` of the replicates is too narrow for few units, by as much as a
    normal interval that takes a sample's deviation for the true one. It is widened by as much as
    Student's t is wider.

    Args:
        replicates: Figures of resamples, shape `(num_resamples,)`; NaN where one is undefined.
        num_units: How many units were drawn.
        level: Share of such intervals that are to hold the truth.

    Returns: Its ends; NaN for fewer than two units, or if more than one replicate in twenty is
        undefined.

    Reference: [Hesterberg, 2015](https://arxiv.org/abs/1411.5279), section 4.3.
    """
    known = replicates[np.isfinite(replicates)]
    if num_units < 2 or len(known) < 0.95 * len(replicates):
        return float("nan"), float("nan")
    factor = np.sqrt(num_units / (num_units - 1))
    tail = float(ndtr(factor * stdtrit(num_units - 1, (1 - level) / 2)))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _ratio(totals: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return totals / np.where(sizes == 0, np.nan, sizes)
