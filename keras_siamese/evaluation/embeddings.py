"""Exact figures of a set of embeddings, given as arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.calibrated import Calibration
from keras_siamese.evaluation.confidence import Interval
from keras_siamese.evaluation.labelled_space import LabelledSpace, read_space
from keras_siamese.evaluation.replicates import Resampling, replicate_queries
from keras_siamese.evaluation.report import EvaluationReport, summarize
from keras_siamese.evaluation.retrieval import RetrievalResult, evaluate_retrieval
from keras_siamese.metrics import (
    DistanceRatio,
    EmbeddingCollection,
    EmbeddingMetric,
    MAPAtR,
    PairAUC,
    RecallAtK,
)
from keras_siamese.metrics.collection import check_metrics
from keras_siamese.ops.bootstrap import percentile_interval


def evaluate_embeddings(
    embeddings: Any,
    labels: Any,
    *,
    gallery: tuple[Any, Any] | None = None,
    metrics: Sequence[EmbeddingMetric] | None = None,
    distance: "str | Distance" = "euclidean",
    seen_classes: bool | None = None,
    calibration: Calibration | None = None,
) -> EvaluationReport:
    """Computes metrics over a whole set, each item against all others, or against a gallery.

    Args:
        embeddings: Finite numbers, shape `(N, ...)`. Further axes are flattened, so that images
            serve as a baseline of raw pixels.
        labels: Class labels: integers or names, shape `(N,)` or `(N, 1)`.
        gallery: `(embeddings, labels)` of a set to search in. Then metrics must be of retrieval.
            Defaults to `None`: the set itself.
        metrics: Which. Defaults to `RecallAtK(1)`, `RecallAtK(5)`, `MAPAtR()` and, without a
            gallery, `PairAUC()` and `DistanceRatio()`.
        distance: Name or `keras_siamese.distances.Distance`, for the metrics that have none of
            their own.
        seen_classes: Whether training saw these classes, to be named in the report; of classes that
            it never saw, intervals are those over classes. Defaults to `None`: not told.
        calibration: Thresholds that `calibrate` chose on other data: the report says what they give
            on this set. Not with a gallery.

    Returns: An `EvaluationReport`: a mapping, the value of each metric under its name; besides a
        table (`print`), JSON and an HTML page. It keeps the embeddings.

    Raises: ValueError: If the lengths differ or are 0, labels are floats or missing, an embedding
        is not finite, a metric is undefined for this set (see each metric), or the calibration is
        for another distance; the message says why.

    Example:
        >>> embeddings, labels = [[0.0], [1.0], [3.0], [9.0]], ["a", "a", "b", "b"]
        >>> evaluate_embeddings(embeddings, labels, metrics=[RecallAtK(1)])
        EvaluationReport({'recall_at_1': 0.75})
    """
    measured = distances.get(distance)
    space = read_space(embeddings, labels)
    thresholds = None
    if calibration is not None:
        calibration.check_distance(measured)
        thresholds = {name: point.threshold for name, point in calibration.operating_points.items()}
    if gallery is not None:
        if calibration is not None:
            raise ValueError(
                "Thresholds are for pairs of one set. Received: a `calibration` and a `gallery`. "
                "Leave one of them out."
            )
        if not isinstance(gallery, tuple | list) or len(gallery) != 2:
            raise ValueError(
                "`gallery` must be `(embeddings, labels)`. Received: "
                f"{type(gallery).__name__}. Give both, as a tuple."
            )
        return _evaluate_queries(space, read_space(*gallery), metrics, measured, seen_classes)
    if metrics is None:
        metrics = [RecallAtK(1), RecallAtK(5), MAPAtR(), PairAUC(), DistanceRatio()]
    check_metrics(metrics, EmbeddingMetric)
    collection = EmbeddingCollection()
    collection.add_items(space.class_ids, space.embeddings)
    return EvaluationReport(
        collection.evaluate(metrics, measured),
        summarize(space, measured, seen_classes),
        space=space,
        metrics=metrics,
        distance=measured,
        thresholds=thresholds,
    )


def _evaluate_queries(
    space: LabelledSpace,
    gallery: LabelledSpace,
    metrics: Sequence[Any] | None,
    distance: Distance,
    seen_classes: bool | None,
) -> EvaluationReport:
    if metrics is None:
        metrics = [RecallAtK(1), RecallAtK(5), MAPAtR()]
    result = evaluate_retrieval(
        space.embeddings,
        space.labels,
        gallery.embeddings,
        gallery.labels,
        metrics=metrics,
        distance=distance,
    )
    return EvaluationReport(
        result.figures,
        summarize(space, distance, seen_classes, gallery),
        intervals=_intervals(metrics, result, space.class_ids, seen_classes),
        space=space,
        gallery=gallery,
        distance=distance,
    )


def _intervals(
    metrics: Sequence[Any],
    result: RetrievalResult,
    class_ids: np.ndarray,
    seen_classes: bool | None,
) -> dict[str, Interval]:
    over = "classes" if seen_classes is False else "items"
    resampling = Resampling(over, num_resamples=1000, seed=0, max_pairs=1)
    figures = np.stack([result.per_query[metric.name] for metric in metrics], axis=1)
    found = replicate_queries(metrics, figures, class_ids, resampling)
    return {
        metric.name: Interval(
            figure.value, *percentile_interval(figure.resampled, figure.num_units, 0.95)
        )
        for metric, figure in zip(metrics, found, strict=True)
    }
