"""How sure a figure is: intervals by the bootstrap, over items or over classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_siamese import distances
from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance
from keras_siamese.evaluation.replicates import Resampling, replicate
from keras_siamese.metrics import EmbeddingMetric
from keras_siamese.ops.bootstrap import Resamples, percentile_interval
from keras_siamese.ops.checks import check_count, check_finite, check_positive, check_same_length


@dataclass(frozen=True)
class Interval:
    """A figure, and the interval that it lies in.

    Attributes:
        value: The figure.
        low: Lower end; NaN if there is no interval.
        high: Upper end; NaN if there is no interval.
    """

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return not np.isnan(self.low)

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def bootstrap_interval(
    values: Any,
    *,
    groups: Any | None = None,
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of values, such as the recall of each query, with a percentile bootstrap interval.

    Values are drawn with replacement, as many as there are, `num_resamples` times; the interval
    holds the middle of the means, and more of it than `level` for few values, as Student's t does.
    With `groups`, whole groups are drawn instead, as many as there are: where values of a group are
    alike, that is the honest, wider one.

    Values that are all the same have an interval of width 0, which says that the sample is too
    small to tell, not that the figure is sure. Memory is bounded, 48 MiB.

    Args:
        values: Finite floats, shape `(num_values,)`.
        groups: Group of each value, such as its class, integers or names. Defaults to none.
        num_resamples: At least 100. Defaults to 1000.
        level: Share of such intervals that hold the truth, in (0, 1). Defaults to 0.95.
        seed: Seed of the draws. Defaults to 0.

    Returns: An `Interval`.

    Raises: ValueError: If there are fewer than 2 values or groups, a value is not finite, lengths
        differ, or an argument is out of its range.

    Example:
        >>> print(bootstrap_interval([0.0, 1.0, 1.0, 1.0] * 25))
        0.75 [0.66, 0.84]

    Reference: [Hesterberg, 2015](https://arxiv.org/abs/1411.5279), section 4.3 (the
        expanded percentile interval); for groups
        [Field and Welsh, 2007](https://doi.org/10.1111/j.1467-9868.2007.00593.x).
    """
    check_count("num_resamples", num_resamples, least=100)
    check_positive("level", level, below=1.0)
    check_count("seed", seed, least=0)
    values = np.asarray(ops.convert_to_numpy(values), np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"Values must have shape (num_values,). Received: shape {values.shape}. Give one "
            "figure at a time."
        )
    units = np.arange(len(values)) if groups is None else encode_labels(groups)[0]
    check_same_length(values=values, groups=units)
    check_finite("Values", values)
    num_units = int(units.max()) + 1
    if num_units < 2:
        raise ValueError(
            f"An interval needs at least 2 {'values' if groups is None else 'groups'}. "
            "Received: 1. Evaluate on a larger set."
        )
    means = Resamples(num_units, num_resamples, seed).means(values[:, None], units)[:, 0]
    return Interval(float(values.mean()), *percentile_interval(means, num_units, level))


def confidence_intervals(
    embeddings: Any,
    labels: Any,
    metrics: Sequence[EmbeddingMetric],
    *,
    over: str = "items",
    distance: "str | Distance" = "euclidean",
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    max_pairs: int = 2**18,
) -> dict[str, Interval]:
    """Figures of a set, exactly, each with a bootstrap interval.

    An interval over items says what other items of the same classes would give, in numbers by
    chance; over classes, what other classes would: that is the one that counts for classes never
    seen in training, if there are dozens of them in the set.

    - Figures of rankings: queries, or the classes of queries, are drawn; the gallery stays.
    - Figures over pairs: items are drawn, not pairs, which depend on each other; a pair counts the
      product of how often its items were drawn. Over items, this is too wide for small classes,
      by a fifth or so for classes of three: draw classes there. It runs on `max_pairs` pairs of
      one class and as many of two, if there are more. The noise of that choice widens intervals:
      of 60,000 items, the AUC's is 1.3 times as wide for classes of 5, twice for classes of 1,000.
    - `Alignment` and `Uniformity` are figures over pairs; `Silhouette` is a mean over items.
    - `EffectiveRank`, `PerDimensionSpread` and k-means figures have no interval: NaN. Copies of an
      item would change what they measure.

    Args:
        embeddings: Finite floats, shape `(N, embedding_dim)`.
        labels: Class of each item, integers or names, shape `(N,)` or `(N, 1)`.
        metrics: Metrics of different names.
        over: What is drawn: `"items"` (the default) or `"classes"`.
        distance: Name of a distance, or a `Distance`, for the metrics that have none of their own.
            Defaults to `"euclidean"`.
        num_resamples: At least 100. Defaults to 1000.
        level: Share of such intervals that hold the truth, in (0, 1). Defaults to 0.95.
        seed: Seed of all draws. Defaults to 0.
        max_pairs: Positive integer. Defaults to 262,144. Time for figures over pairs is in
            proportion to it.

    Returns: The interval of each metric under its name.

    Raises: ValueError: If a metric is undefined for the set, two have one name, there is nothing to
        draw (one class), embeddings are not finite, lengths differ, labels are floats or missing,
        or an argument is out of its range.

    Example:
        >>> embeddings = [[0.0], [1.0], [3.0], [9.0]]
        >>> intervals = confidence_intervals(embeddings, [0, 0, 1, 1], [RecallAtK(1)])
        >>> print(intervals["recall_at_1"])  # of four queries
        0.75 [0, 1]
    """
    check_positive("level", level, below=1.0)
    resampling = Resampling(over, num_resamples, seed, max_pairs)
    found = replicate(metrics, embeddings, labels, distances.get(distance), resampling)
    return {
        name: Interval(
            figure.value, *percentile_interval(figure.resampled, figure.num_units, level)
        )
        for name, figure in found.items()
    }
