"""Two models on the same set: what one figure has over the other, and whether that is chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.confidence import Interval
from keras_siamese.evaluation.replicates import Resampling, replicate
from keras_siamese.metrics import EmbeddingMetric, MAPAtR, PairAUC, RecallAtK
from keras_siamese.ops.bootstrap import percentile_interval
from keras_siamese.ops.checks import check_positive


@dataclass(frozen=True)
class Difference:
    """A figure of two models on one set.

    Attributes:
        a: The figure of the first model.
        b: The figure of the second model.
        difference: `b - a`, with its interval.
    """

    a: float
    b: float
    difference: Interval

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval does not hold 0: the difference is more than chance."""
        return self.difference.low > 0 or self.difference.high < 0

    def __str__(self) -> str:
        return f"{self.a:.3g} -> {self.b:.3g}: {self.difference}"


def compare(
    a: Any,
    b: Any,
    labels: Any,
    metrics: Sequence[EmbeddingMetric] | None = None,
    *,
    over: str = "items",
    distance: "str | Distance" = "euclidean",
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    max_pairs: int = 2**18,
) -> dict[str, Difference]:
    """Compares two models by the embeddings that they give to the same items.

    The interval is that of the difference: both figures are computed on the same resamples. Models
    find the same items hard, so that it is narrower than the intervals of two figures suggest. What
    is drawn, and for which figures there is no interval, is said in `confidence_intervals`. The
    draw of the items is covered, not that of the training: for that, train each with some seeds.

    Args:
        a: Embeddings by the first model, such as the one in use: finite floats, shape
            `(N, embedding_dim)`.
        b: Embeddings of the same items by the second model; another size is fine.
        labels: Class of each item, integers or names, shape `(N,)` or `(N, 1)`.
        metrics: Metrics of different names. Defaults to `RecallAtK(1)`, `MAPAtR()` and `PairAUC()`.
        over: What is drawn: `"items"` (the default) or `"classes"`.
        distance: Name of a distance, or a `Distance`, for the metrics that have none of their own.
            Defaults to `"euclidean"`.
        num_resamples: At least 100. Defaults to 1000.
        level: Share of such intervals that hold the truth, in (0, 1). Defaults to 0.95.
        seed: Seed of all draws. Defaults to 0.
        max_pairs: Positive integer: see `confidence_intervals`. Defaults to 262,144.

    Returns: The difference in each figure under its name.

    Raises: ValueError: If the numbers of items differ, or as `confidence_intervals` does.

    Example:
        >>> a, b = [[0.0], [1.0], [1.4], [9.0]], [[0.0], [1.0], [7.0], [9.0]]
        >>> print(compare(a, b, [0, 0, 1, 1], [RecallAtK(1)])["recall_at_1"])
        0.5 -> 1: 0.5 [0, 1]
    """
    check_positive("level", level, below=1.0)
    resampling = Resampling(over, num_resamples, seed, max_pairs)
    distance = distances.get(distance)
    metrics = [RecallAtK(1), MAPAtR(), PairAUC()] if metrics is None else metrics
    of_a, of_b = (replicate(metrics, x, labels, distance, resampling) for x in (a, b))
    return {
        name: Difference(
            figure.value,
            of_b[name].value,
            Interval(
                of_b[name].value - figure.value,
                *percentile_interval(
                    of_b[name].resampled - figure.resampled, figure.num_units, level
                ),
            ),
        )
        for name, figure in of_a.items()
    }
