"""Base of the metrics that are a mean over queries."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.metrics.embedding_metric import EmbeddingMetric
from keras_siamese.ops.checks import check_choice, check_count
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.ranked_set import RankedSet
from keras_siamese.ops.rankings import Rankings

AVERAGES = ("queries", "classes")


class RankingMetric(EmbeddingMetric):
    """Base of the metrics that are a mean over queries, each item being one against all others.

    The query itself is taken out of its ranking by its index. Items that are alone in their class
    have nothing to be found: as queries they are left out. Exactly tied items count as in random
    order: a query scores its expected figure.

    A subclass defines `of_queries`, and `depth` if it looks further down than at the nearest item.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to that of the figure, followed by `_by_class` for the mean over classes.
        dtype: Dtype of `result`. Defaults to float32.
        average: `"queries"`: each query counts alike. `"classes"`: each class does, with the mean
            of its queries. Defaults to `"queries"`.
    """

    _direction = "up"
    looks_for_first_hit = False

    def __init__(
        self,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
        average: str = "queries",
    ) -> None:
        self.average = check_choice("average", average, AVERAGES)
        suffix = "_by_class" if average == "classes" else ""
        super().__init__(distance, name or self.figure_name + suffix, dtype)

    @property
    def figure_name(self) -> str:
        """Name of the figure, its numbers included."""
        return self.default_name

    def depth(self, num_relevant: np.ndarray) -> np.ndarray | int:
        """How many of its nearest items a query looks at.

        Args:
            num_relevant: Number of items that are relevant for each query, shape `(num_queries,)`.
        """
        return 1

    def of_queries(self, rankings: Rankings) -> np.ndarray:
        """The figure of each query: shape `(num_queries,)`."""
        raise NotImplementedError

    def check_set(self, ranked: RankedSet) -> None:
        """Checks that the figure is defined for these queries and this gallery.

        Raises: ValueError: If it is not.
        """
        if ranked.num_relevant.any():
            return
        if ranked.is_self:
            raise ValueError(
                f"`{self.name}` needs a class with at least 2 items. Received: "
                f"{len(ranked.num_relevant)} items, each alone in its class, or with items of its "
                "group alone. Evaluate on a set with several items of a class."
            )
        raise ValueError(
            f"`{self.name}` needs queries with items of their class in the gallery. Received: "
            f"{len(ranked.num_relevant)} queries without one. Check that both are labelled alike."
        )

    @classmethod
    def evaluate_together(
        cls, metrics: Sequence[Self], data: LabelledSet | GivenPairs
    ) -> list[float]:
        """See `EmbeddingMetric.evaluate_together`."""
        if not isinstance(data, LabelledSet):
            raise ValueError(
                f"`{metrics[0].name}` ranks labelled items; pairs or triplets have no ranking. "
                "Evaluate on labelled data `(x, y)`, or use `keras_siamese.metrics.PairAUC`."
            )
        figures = cls.per_query(metrics, RankedSet(data))
        return [
            metric.mean(figures[:, column], data.labels) for column, metric in enumerate(metrics)
        ]

    @classmethod
    def per_query(cls, metrics: Sequence["RankingMetric"], ranked: RankedSet) -> np.ndarray:
        """Computes the figures of each query in one pass.

        Args:
            metrics: Ranking metrics; their distances do not count here.
            ranked: Queries and gallery.

        Returns: Shape `(num_queries, num_metrics)`, float64, NaN where nothing is relevant.

        Raises: ValueError: If a figure is undefined for the set.
        """
        for metric in metrics:
            metric.check_set(ranked)
        depths = [
            np.broadcast_to(metric.depth(ranked.num_relevant), ranked.num_relevant.shape)
            for metric in metrics
        ]

        def figures(rankings: Rankings) -> np.ndarray:
            return np.stack([metric.of_queries(rankings) for metric in metrics], axis=1)

        to_first_hit = any(metric.looks_for_first_hit for metric in metrics)
        return ranked.per_query(figures, np.max(depths, axis=0), to_first_hit)

    def mean(self, figures: np.ndarray, labels: np.ndarray) -> float:
        """The average of the figures of single queries, of which NaN is left out.

        Args:
            figures: Shape `(num_queries,)`.
            labels: Class of each query, integers, shape `(num_queries,)`.
        """
        is_asked = ~np.isnan(figures)
        figures = figures[is_asked]
        if self.average == "classes":
            ids = np.unique(labels[is_asked], return_inverse=True)[1]
            figures = np.bincount(ids, figures) / np.bincount(ids)
        return float(figures.mean())

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"average": self.average, **super().get_config()}


class RankingMetricAtK(RankingMetric):
    """Base of the ranking metrics that look at the k nearest items.

    Args:
        k: Positive integer, smaller than the number of items.
        distance: See `EmbeddingMetric`.
        name: Defaults to that of the figure, with `k`.
        dtype: Dtype of `result`. Defaults to float32.
        average: See `RankingMetric`.
    """

    def __init__(
        self,
        k: int = 1,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
        average: str = "queries",
    ) -> None:
        self.k = check_count("k", k)
        super().__init__(distance, name, dtype, average)

    @property
    def figure_name(self) -> str:
        """See `RankingMetric.figure_name`."""
        return f"{self.default_name}_at_{self.k}"

    def depth(self, num_relevant: np.ndarray) -> int:
        """See `RankingMetric.depth`."""
        return self.k

    def check_set(self, ranked: RankedSet) -> None:
        """See `RankingMetric.check_set`."""
        super().check_set(ranked)
        least = int(ranked.num_ranked[ranked.num_relevant > 0].min())
        if self.k > least:
            raise ValueError(
                f"`{self.name}` needs {self.k} items to rank for each query. Received: a query "
                f"that has {least}. Use a smaller `k` or a larger set."
            )

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"k": self.k, **super().get_config()}
