"""Retrieval over a whole set, or from a gallery, query by query and class by class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_siamese import distances
from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance
from keras_siamese.metrics import MAPAtR, MeanReciprocalRank, RecallAtK, RPrecision
from keras_siamese.metrics.collection import check_metrics, grouped
from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops.checks import as_embeddings, check_choice, check_finite, check_same_length
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.ranked_set import IGNORED, RankedSet


@dataclass(frozen=True)
class RetrievalResult:
    """What `evaluate_retrieval` found.

    Attributes:
        figures: Name of each metric -> its average.
        per_query: Name of each metric -> the figure of each query, shape `(num_queries,)`, float64,
            NaN for queries that are left out.
        query_classes: Class of each query, shape `(num_queries,)`.
        num_left_out: Number of queries without a relevant item to be found: they are left out.
    """

    figures: dict[str, float]
    per_query: dict[str, np.ndarray]
    query_classes: np.ndarray
    num_left_out: int

    def per_class(self, name: str) -> dict[Any, float]:
        """The mean of a figure over the queries of each class that has any.

        Args:
            name: Name of a metric.

        Raises: ValueError: If no metric has that name.
        """
        figures = self.per_query[check_choice("name", name, self.per_query)]
        is_asked = ~np.isnan(figures)
        ids, classes = encode_labels(self.query_classes[is_asked])
        means = np.bincount(ids, figures[is_asked]) / np.bincount(ids)
        return dict(zip(classes.tolist(), means.tolist(), strict=True))


def evaluate_retrieval(
    queries: Any,
    query_labels: Any,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    metrics: Sequence[RankingMetric] | None = None,
    distance: "str | Distance" = "euclidean",
    query_groups: Any = None,
    gallery_groups: Any = None,
    ignore: str = "same_class_and_group",
) -> RetrievalResult:
    """Evaluates retrieval, exactly: each query against the whole gallery.

    Without a gallery, each item is a query against all others, itself removed by its place. Exactly
    tied items count as in random order. Queries that have nothing to find are left out and counted.

    Args:
        queries: Finite embeddings, shape `(num_queries, embedding_dim)`.
        query_labels: Class of each query: integers or names, shape `(num_queries,)`.
        gallery: Finite embeddings, shape `(num_gallery, embedding_dim)`. None: the queries.
        gallery_labels: Class of each item of the gallery, of the same kind.
        metrics: Retrieval metrics of different names. Defaults to `RecallAtK(1)`, `RecallAtK(5)`,
            `RPrecision()`, `MAPAtR()` and `MeanReciprocalRank()`.
        distance: Name or `keras_siamese.distances.Distance`, for the metrics that have none of
            their own.
        query_groups: Group of each query, such as its camera or its sequence: integers or names.
        gallery_groups: Group of each item of the gallery, of the same kind.
        ignore: Which items a query does not rank, if there are groups: `"same_class_and_group"`, as
            in re-identification, where the same person in the same camera is no feat; or
            `"same_group"`. Defaults to the first.

    Returns: A `RetrievalResult`.

    Raises: ValueError: If lengths, sizes of embeddings or kinds of labels do not fit, the gallery
        is empty, an embedding is not finite, metrics are missing or share a name, or one is
        undefined for this set; the message says why.

    Example:
        >>> x, y = [[0.0], [1.0], [3.0], [9.0]], ["a", "a", "b", "b"]
        >>> metrics = [keras_siamese.metrics.RecallAtK(1)]
        >>> evaluate_retrieval(x, y, metrics=metrics).per_class("recall_at_1")
        {'a': 1.0, 'b': 0.5}
    """
    if metrics is None:
        metrics = [RecallAtK(1), RecallAtK(5), RPrecision(), MAPAtR(), MeanReciprocalRank()]
    check_metrics(
        metrics, RankingMetric, "Others are for `evaluate_embeddings`, without a gallery."
    )
    if not metrics:
        raise ValueError("There is nothing to evaluate. Expected a metric at least. Received: [].")
    check_choice("ignore", ignore, IGNORED)
    if (gallery is None) != (gallery_labels is None):
        raise ValueError("Give `gallery` and `gallery_labels` together, or neither.")
    if query_groups is None and gallery_groups is not None:
        raise ValueError("`gallery_groups` needs `query_groups`, which say what to ignore.")
    if gallery is not None and (query_groups is None) != (gallery_groups is None):
        raise ValueError("Give `query_groups` and `gallery_groups` together, or neither.")
    x = _embeddings("queries", queries, query_labels)
    labels, other_labels = _ids("labels", query_labels, gallery_labels)
    groups, other_groups = None, None
    if query_groups is not None:
        check_same_length(queries=x, query_groups=query_groups)
        groups, other_groups = _ids("groups", query_groups, gallery_groups)
    y = None
    if gallery is not None:
        y = _embeddings("gallery", gallery, gallery_labels)
        if x.shape[1] != y.shape[1]:
            raise ValueError(
                "Queries and gallery must have embeddings of one size. Received: "
                f"{x.shape[1]} and {y.shape[1]}."
            )
        if other_groups is not None:
            check_same_length(gallery=y, gallery_groups=other_groups)

    per_query: dict[str, np.ndarray] = {}
    for shared, group in grouped(metrics, distances.get(distance)).values():
        ranked = RankedSet(
            LabelledSet(labels, x, shared),
            None if y is None else LabelledSet(other_labels, y, shared),
            groups,
            other_groups,
            ignore,
        )
        figures = RankingMetric.per_query(group, ranked)
        per_query.update(zip((metric.name for metric in group), figures.T, strict=True))
    return RetrievalResult(
        figures={metric.name: metric.mean(per_query[metric.name], labels) for metric in metrics},
        per_query={metric.name: per_query[metric.name] for metric in metrics},
        query_classes=np.asarray(query_labels).reshape(-1),
        num_left_out=int(np.count_nonzero(ranked.num_relevant == 0)),
    )


def _embeddings(name: str, embeddings: Any, labels: Any) -> np.ndarray:
    embeddings = ops.convert_to_numpy(as_embeddings(embeddings, name.capitalize()))
    check_same_length(**{name: embeddings, f"labels of {name}": labels})
    check_finite(name.capitalize(), embeddings)
    return embeddings


def _ids(what: str, mine: Any, theirs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Numbers the labels of both sides alike."""
    ids, classes = encode_labels(mine)
    if theirs is None:
        return ids, ids
    other_ids, other_classes = encode_labels(theirs)
    kinds = [_kind(names) for names in (classes, other_classes)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"The {what} of queries and gallery must be of one kind. Received: {kinds[0]} and "
            f"{kinds[1]}, which are never equal. Turn both into strings, or into integers."
        )
    if {"i", "u"} == {names.dtype.kind for names in (classes, other_classes)}:
        # NumPy makes floats of both, which cannot hold all ids.
        classes, other_classes = classes.astype(object), other_classes.astype(object)
    both = np.unique(np.concatenate([classes, other_classes]), return_inverse=True)[1]
    return both[: len(classes)][ids], both[len(classes) :][other_ids]


def _kind(names: np.ndarray) -> str:
    if names.dtype.kind in "US":
        return "strings"
    return "integers" if names.dtype.kind in "iub" else str(names.dtype)
