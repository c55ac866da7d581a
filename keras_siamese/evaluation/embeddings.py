"""Exact figures of a set of embeddings, given as arrays."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance
from keras_siamese.metrics import (
    DistanceRatio,
    EmbeddingCollection,
    EmbeddingMetric,
    MAPAtR,
    PairAUC,
    RecallAtK,
)
from keras_siamese.ops.checks import check_same_length


def evaluate_embeddings(
    embeddings: Any,
    labels: Any,
    *,
    metrics: Sequence[EmbeddingMetric] | None = None,
    distance: "str | Distance" = "euclidean",
) -> dict[str, float]:
    """Computes metrics over a whole set, each item against all others.

    Args:
        embeddings: Finite numbers, shape `(N, ...)`. Further axes are flattened, so that images
            serve as a baseline of raw pixels.
        labels: Class labels: integers or names, shape `(N,)` or `(N, 1)`.
        metrics: Which. Defaults to `RecallAtK(1)`, `RecallAtK(5)`, `MAPAtR()`, `PairAUC()` and
            `DistanceRatio()`.
        distance: Name or `keras_siamese.distances.Distance`, for the metrics that have none of
            their own.

    Returns: The value of each metric under its name.

    Raises: ValueError: If the lengths differ or are 0, labels are floats or missing, an embedding
        is not finite, or a metric is undefined for this set (see each metric); the message says
        why.

    Example:
        >>> evaluate_embeddings([[0.0], [1.0], [3.0], [9.0]], [0, 0, 1, 1], metrics=[RecallAtK(1)])
        {'recall_at_1': 0.75}
    """
    embeddings = ops.convert_to_numpy(embeddings)
    ids, _ = encode_labels(labels)
    num_items = check_same_length(embeddings=embeddings, labels=ids)
    if metrics is None:
        metrics = [RecallAtK(1), RecallAtK(5), MAPAtR(), PairAUC(), DistanceRatio()]
    collection = EmbeddingCollection()
    collection.add_items(ids, embeddings.reshape(num_items, -1))
    return collection.evaluate(metrics, distance)
