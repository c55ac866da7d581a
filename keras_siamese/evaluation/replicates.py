"""Figures of a set together with their values on bootstrap resamples of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from threadpoolctl import threadpool_limits

from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance, SquaredEuclidean
from keras_siamese.metrics import EmbeddingMetric
from keras_siamese.metrics.clustering import Silhouette
from keras_siamese.metrics.collection import check_metrics, grouped
from keras_siamese.metrics.geometry import Alignment, Uniformity
from keras_siamese.metrics.pair_metric import PairMetric
from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.metrics.space_metric import SpaceMetric
from keras_siamese.ops.bootstrap import Resamples
from keras_siamese.ops.checks import (
    as_embeddings,
    check_choice,
    check_count,
    check_finite,
    check_same_length,
)
from keras_siamese.ops.embedding_space import EmbeddingSpace
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.pair_sample import PairSample
from keras_siamese.ops.ranked_set import RankedSet
from keras_siamese.ops.tiles import DistanceTiles

# Bins of distances: as many of the nearest pairs one by one, and as many of the others.
_BINS = 2**13


@dataclass(frozen=True)
class Replicates:
    """A figure of a set, and of resamples of the set.

    Attributes:
        value: The figure, exactly.
        resampled: The figure of each resample, shape `(num_resamples,)`; NaN where it is unknown.
        num_units: How many units were drawn.
    """

    value: float
    resampled: np.ndarray
    num_units: int


@dataclass(frozen=True)
class Resampling:
    """How a set is resampled: see `confidence_intervals`, which explains the arguments.

    Attributes:
        over: `"items"` or `"classes"`.
        num_resamples: Number of resamples.
        seed: Seed of all draws.
        max_pairs: Largest number of pairs of each kind.
    """

    over: str
    num_resamples: int
    seed: int
    max_pairs: int

    def __post_init__(self) -> None:
        check_choice("over", self.over, ("items", "classes"))
        check_count("num_resamples", self.num_resamples, least=100)
        check_count("seed", self.seed, least=0)
        check_count("max_pairs", self.max_pairs)

    def units(self, class_ids: np.ndarray) -> np.ndarray:
        """The unit of each item that is drawn: the item, or its class."""
        return class_ids if self.over == "classes" else np.arange(len(class_ids))

    def of(self, units: np.ndarray) -> Resamples:
        """The draws of these units."""
        return Resamples(int(units.max()) + 1, self.num_resamples, self.seed)


def replicate(
    metrics: Sequence[EmbeddingMetric],
    embeddings: Any,
    labels: Any,
    distance: Distance,
    resampling: Resampling,
) -> dict[str, Replicates]:
    """Computes figures of a set and of its resamples.

    Args:
        metrics: Metrics of different names.
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        labels: Class of each item, integers or names, shape `(num_items,)` or `(num_items, 1)`.
        distance: For the metrics that have none of their own.
        resampling: How to resample.

    Returns: What was found under each metric's name, in the order of `metrics`.

    Raises: ValueError: If the metrics or the set are not as described, a metric is undefined for
        it, or there is one class only, and classes are drawn.
    """
    check_metrics(metrics, EmbeddingMetric)
    embeddings = ops.convert_to_numpy(as_embeddings(embeddings))
    class_ids, classes = encode_labels(labels)
    check_same_length(embeddings=embeddings, labels=class_ids)
    check_finite("Embeddings", embeddings)
    if resampling.over == "classes" and len(classes) < 2:
        raise ValueError(
            "There are no classes to draw from. Expected at least 2. Received: 1. Use "
            '`over="items"`.'
        )
    found: dict[str, Replicates] = {}
    kinds: tuple[tuple[type[EmbeddingMetric], Callable[..., list[Replicates]]], ...] = (
        (RankingMetric, _of_queries),
        (PairMetric, _of_pairs),
        (SpaceMetric, _of_space),
    )
    for (_, of_kind), (shared, group) in grouped(metrics, distance).items():
        data = LabelledSet(class_ids, embeddings, shared)
        compute = next((c for kind, c in kinds if issubclass(of_kind, kind)), _of_unknown_kind)
        results = compute(group, data, resampling)
        found |= {m.name: result for m, result in zip(group, results, strict=True)}
    return {metric.name: found[metric.name] for metric in metrics}


def replicate_queries(
    metrics: Sequence[RankingMetric],
    figures: np.ndarray,
    class_ids: np.ndarray,
    resampling: Resampling,
) -> list[Replicates]:
    """Averages the figures of queries, and of resamples of the queries.

    Args:
        metrics: Metrics.
        figures: Their figures of each query, shape `(num_queries, num_metrics)`; NaN for queries
            that are left out.
        class_ids: Class of each query, integers, shape `(num_queries,)`.
        resampling: How to resample.
    """
    # A query that is left out by one metric is left out by all.
    is_asked = ~np.isnan(figures).any(axis=1)
    figures, labels = figures[is_asked], class_ids[is_asked]
    values = [
        metric.mean(column, labels) for metric, column in zip(metrics, figures.T, strict=True)
    ]
    units = _renumbered(resampling.units(class_ids)[is_asked])
    resamples = resampling.of(units)
    columns = list(resamples.means(figures, units).T)
    for place, metric in enumerate(metrics):
        if metric.average == "classes":
            columns[place] = _of_class_means(figures[:, place], _renumbered(labels), resampling)
    return [
        Replicates(value, column, resamples.num_units)
        for value, column in zip(values, columns, strict=True)
    ]


def _of_unknown_kind(
    metrics: list[EmbeddingMetric], data: LabelledSet, resampling: Resampling
) -> list[Replicates]:
    unknown = np.full(resampling.num_resamples, np.nan)
    values = metrics[0].kind.evaluate_together(metrics, data)
    return [Replicates(float(value), unknown, data.num_items) for value in values]


def _of_queries(
    metrics: list[RankingMetric], data: LabelledSet, resampling: Resampling
) -> list[Replicates]:
    figures = RankingMetric.per_query(metrics, RankedSet(data))
    return replicate_queries(metrics, figures, data.labels, resampling)


def _of_class_means(
    figures: np.ndarray, class_ids: np.ndarray, resampling: Resampling
) -> np.ndarray:
    if resampling.over == "items":
        units = np.arange(len(figures))
        return resampling.of(units).means_over_classes(figures, class_ids)
    means = np.bincount(class_ids, figures) / np.bincount(class_ids)
    classes = np.arange(len(means))
    return resampling.of(classes).means(means[:, None], classes)[:, 0]


def _of_pairs(
    metrics: list[PairMetric], data: LabelledSet, resampling: Resampling
) -> list[Replicates]:
    values = PairMetric.evaluate_together(metrics, data)
    sample = PairSample.draw(data.labels, resampling.max_pairs, resampling.seed)
    if not data.distance.symmetric:
        sample = sample.in_both_orders()
    units = resampling.units(data.labels)
    bins = _Bins(sample, units, DistanceTiles(data.distance, data.embeddings))
    resamples = resampling.of(units)
    whole = next(bins.counts(np.ones((1, resamples.num_units))))
    own = [_figure(metric, whole) for metric in metrics]
    # Thousands of short products: threads would wait for each other.
    with threadpool_limits(1, "blas"):
        rows = [
            [_figure(metric, counts) for metric in metrics]
            for drawn in resamples.counts(bins.row_elements)
            for counts in bins.counts(drawn)
        ]
    return [
        Replicates(value, _around(value, at, column), resamples.num_units)
        for value, at, column in zip(values, own, np.array(rows).T, strict=True)
    ]


class _Bins:
    """Pairs in bins of their distances, to be counted with other weights again and again.

    A bin stands for the distance of a pair in its middle. What that changes in a figure, it changes
    in all resamples alike.
    """

    def __init__(self, sample: PairSample, units: np.ndarray, tiles: DistanceTiles) -> None:
        distances = tiles.exact(sample.first, sample.second)
        order = np.argsort(distances, kind="stable")
        beyond = np.maximum(np.arange(len(order)) - _BINS, 0)
        bins = np.minimum(np.arange(len(order)), _BINS) + beyond // max(
            1, -(-(len(order) - _BINS) // _BINS)
        )
        first = np.flatnonzero(np.diff(bins, prepend=-1))
        middle = (first + np.append(first[1:], len(order)) - 1) // 2
        # Of each bin the pairs of two classes, then those of one.
        keys = 2 * bins + sample.same[order]
        in_bins = np.argsort(keys, kind="stable")
        self._starts = np.flatnonzero(np.diff(keys[in_bins], prepend=-1))
        bins, self._same = np.divmod(keys[in_bins[self._starts]], 2)
        self._distances = distances[order][middle][bins]
        self._sample, self._units = sample.at(order[in_bins]), units
        self.row_elements = len(order) // 2  # Of float64: weights are float32.

    def counts(self, drawn: np.ndarray) -> Iterator[PairCounts | None]:
        """Counts the pairs of each resample; `None` where all have weight 0.

        Args:
            drawn: How often each unit was drawn, shape `(num_resamples, num_units)`.
        """
        weights = self._sample.weights(self._units, drawn)
        for totals in np.add.reduceat(weights, self._starts, axis=0).T:
            chosen = np.flatnonzero(totals)
            some = self._same[chosen], self._distances[chosen], totals[chosen].astype(np.float64)
            yield PairCounts.of_pairs(*some) if len(chosen) else None


def _figure(metric: PairMetric, counts: PairCounts | None) -> float:
    if counts is None:
        return float("nan")
    missing = (metric.needs_positives and not counts.num_positives) or (
        metric.needs_negatives and not counts.num_negatives
    )
    try:
        return float("nan") if missing else float(metric.of_pairs(counts))
    except ValueError:
        # Too few pairs for a rate.
        return float("nan")


def _of_space(
    metrics: list[SpaceMetric], data: LabelledSet, resampling: Resampling
) -> list[Replicates]:
    values = SpaceMetric.evaluate_together(metrics, data)
    space = EmbeddingSpace(data.labels, data.embeddings, data.distance)
    units = resampling.units(data.labels)
    return [
        Replicates(value, _resampled(metric, value, space, units, resampling), int(units.max()) + 1)
        for metric, value in zip(metrics, values, strict=True)
    ]


def _resampled(
    metric: SpaceMetric,
    value: float,
    space: EmbeddingSpace,
    units: np.ndarray,
    resampling: Resampling,
) -> np.ndarray:
    if isinstance(metric, Silhouette):
        values, items = metric.per_item(space)
        units = _renumbered(units[items])
        return resampling.of(units).means(values[:, None], units)[:, 0]
    if isinstance(metric, Alignment):
        sample = PairSample.draw(space.class_ids, resampling.max_pairs, resampling.seed)
        sample = sample.at(np.flatnonzero(sample.same))
        own, means = _of_pair_means(sample, lambda d: d, space, units, resampling)
    elif isinstance(metric, Uniformity):
        sample = PairSample.draw(np.zeros_like(units), resampling.max_pairs, resampling.seed)
        own, means = _of_pair_means(sample, lambda d: np.exp(-2 * d), space, units, resampling)
        own, means = np.log(own), np.log(means)
    else:
        return np.full(resampling.num_resamples, np.nan)
    return _around(value, own, means)


def _of_pair_means(
    sample: PairSample,
    to_value: Callable[[np.ndarray], np.ndarray],
    space: EmbeddingSpace,
    units: np.ndarray,
    resampling: Resampling,
) -> tuple[float, np.ndarray]:
    """Returns a mean over pairs of what becomes of squared distances, and its replicates."""
    tiles = DistanceTiles(SquaredEuclidean(), space.units)
    values = to_value(tiles.exact(sample.first, sample.second))
    means = []
    for drawn in resampling.of(units).counts(len(values) // 2):
        weights = sample.weights(units, drawn)
        sizes = weights.sum(axis=0, dtype=np.float64)
        means.append(values @ weights / np.where(sizes == 0, np.nan, sizes))
    return float(values.mean()), np.concatenate(means)


def _renumbered(units: np.ndarray) -> np.ndarray:
    return np.unique(units, return_inverse=True)[1]


def _around(value: float, own: float, resampled: np.ndarray) -> np.ndarray:
    """Moves replicates of a part of the pairs to where the figure of all pairs is.

    They stay within what resamples reached: a share does not go beyond 1.
    """
    known = resampled[np.isfinite(resampled)]
    if not len(known) or not np.isfinite(own + value):
        return np.full_like(resampled, np.nan)
    return np.clip(resampled + (value - own), min(value, known.min()), max(value, known.max()))
