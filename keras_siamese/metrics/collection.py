"""The items of a whole evaluation set, collected batch by batch, and metrics computed over them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

import keras
import numpy as np
from keras import ops

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.ops.checks import as_embeddings, as_labels, check_finite, check_same_batch
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import LabelledSet


class WholeSetMetric(Protocol):
    """What `EmbeddingCollection.evaluate` asks of a metric. See `EmbeddingMetric`."""

    name: str
    distance: Distance | None

    @property
    def kind(self) -> Any:
        """The class that computes it, with others of its kind."""


Metric = TypeVar("Metric", bound=WholeSetMetric)


class EmbeddingCollection:
    """Host-side collection of labelled embeddings, or of pairs with their distances.

    It grows with the set, 4 bytes a float32; nothing is computed before `evaluate`.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._labels: list[np.ndarray] = []
        self._embeddings: list[np.ndarray] = []
        self._same: list[np.ndarray] = []
        self._distances: list[np.ndarray] = []

    @property
    def is_empty(self) -> bool:
        """Whether neither an item nor a pair was added."""
        return not any(map(len, [*self._labels, *self._same]))

    def add_items(self, labels: Any, embeddings: Any) -> None:
        """Adds a batch of labelled embeddings.

        Args:
            labels: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
            embeddings: Finite floats, shape `(batch_size, embedding_dim)`.

        Raises: ValueError: If the labels are no integers, the shapes do not fit to each other or to
            the batches before, or types of labels do not, or an embedding is NaN or infinite.
        """
        labels, embeddings = as_labels(labels), as_embeddings(embeddings)
        check_same_batch(labels, embeddings)
        labels, embeddings = ops.convert_to_numpy(labels), ops.convert_to_numpy(embeddings)
        if self._embeddings and embeddings.shape[1] != self._embeddings[0].shape[1]:
            raise ValueError(
                f"All embeddings must have the same size. Received: {embeddings.shape[1]} after "
                f"{self._embeddings[0].shape[1]}. Clear the collection to start another set."
            )
        if self._labels and np.result_type(labels, self._labels[0]).kind == "f":
            raise ValueError(
                f"Labels must have one integer type. Received: {labels.dtype} after "
                f"{self._labels[0].dtype}, which only floats hold both. Cast them to int64."
            )
        check_finite("Embeddings", embeddings)
        self._labels.append(labels)
        self._embeddings.append(embeddings)

    def add_pairs(self, same: Any, distances: Any) -> None:
        """Adds a batch of pairs.

        Args:
            same: 1 for a match, 0 for a mismatch, shape `(batch_size,)` or `(batch_size, 1)`.
            distances: Finite floats, shape `(batch_size,)`.

        Raises: ValueError: If `same` has other values, the lengths differ, or a distance is NaN or
            infinite.
        """
        same, distances = _as_flat(same), _as_flat(distances)
        if len(same) != len(distances):
            raise ValueError(
                "Expected one `same` for each distance. "
                f"Received: {len(same)} and {len(distances)}."
            )
        if not np.isin(same, (0, 1)).all():
            raise ValueError(
                "`same` must be 1 for a match and 0 for a mismatch. "
                f"Received: {np.unique(same)[:5].tolist()}."
            )
        check_finite("Distances", distances)
        self._same.append(same)
        self._distances.append(distances)

    def evaluate(
        self, metrics: Sequence[WholeSetMetric], distance: "str | Distance" = "euclidean"
    ) -> dict[str, float]:
        """Computes metrics over everything that was added, in one pass for each distance.

        Memory does not grow with the square of the set: distances exist a tile at a time.

        Args:
            metrics: `EmbeddingMetric`s of different names.
            distance: For the metrics that have none of their own. For pairs, the one that their
                distances were computed by.

        Returns: The value of each metric under its name, in the order of `metrics`.

        Raises: ValueError: If nothing was added, both items and pairs were, two metrics share a
            name, or a metric is undefined for this set; the message says why.
        """
        _check_names(metrics)
        if self.is_empty:
            raise ValueError(
                "There is nothing to evaluate: no item was added. Check that the evaluation data "
                "is not empty."
            )
        if self._labels and self._same:
            raise ValueError(
                "Both labelled items and pairs were added. Expected one kind; clear the collection "
                "in between."
            )
        distance = distances.get(distance)
        values: dict[str, float] = {}
        for (_, kind), (shared, group) in grouped(metrics, distance).items():
            results = kind.evaluate_together(group, self._data(shared, distance))
            values.update({metric.name: float(x) for metric, x in zip(group, results, strict=True)})
        return {metric.name: values[metric.name] for metric in metrics}

    def _data(self, distance: Distance, given: Distance) -> LabelledSet | GivenPairs:
        if self._labels:
            if len(self._labels) > 1:
                self._labels = [np.concatenate(self._labels)]
                self._embeddings = [np.concatenate(self._embeddings)]
            return LabelledSet(self._labels[0], self._embeddings[0], distance)
        if _identity(distance) != _identity(given):
            raise ValueError(
                f"A metric asks for {distance}, but these pairs came with their distances by "
                f"{given}. Leave out the metric's `distance`, or evaluate on labelled items."
            )
        return GivenPairs(np.concatenate(self._same), np.concatenate(self._distances))


def grouped(
    metrics: Iterable[Metric], default: Distance
) -> dict[tuple[Any, Any], tuple[Distance, list[Metric]]]:
    """Puts together what is computed in one pass.

    Args:
        metrics: Metrics.
        default: The distance of those that have none of their own.

    Returns: `(distance, kind)` -> the distance, and the metrics of both.
    """
    groups: dict[tuple[Any, Any], tuple[Distance, list[Metric]]] = {}
    for metric in metrics:
        distance = metric.distance or default
        # One that has learned nothing yet stands for the default one of its kind, which may have.
        if not distance.layers and _config(distance) == _config(default):
            distance = default
        groups.setdefault((_identity(distance), metric.kind), (distance, []))[1].append(metric)
    return groups


def check_metrics(metrics: Any, kind: type, instead: str = "") -> None:
    """Checks that metrics are of one kind, and of different names.

    Args:
        metrics: A list or tuple of them.
        kind: The class that all must be of.
        instead: What to do about others.

    Raises: ValueError: If they are not.
    """
    if not isinstance(metrics, list | tuple) or not all(isinstance(m, kind) for m in metrics):
        raise ValueError(
            f"`metrics` must be a list of `{kind.__name__}`s, such as "
            f"`[keras_siamese.metrics.RecallAtK(1)]`. Received: {metrics!r}. {instead}".rstrip()
        )
    _check_names(metrics)


def _check_names(metrics: Iterable[WholeSetMetric]) -> None:
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Two metrics share a name. Received: {names}. Give one of them another `name`."
        )


def _config(distance: Distance) -> str:
    return json.dumps(keras.saving.serialize_keras_object(distance), sort_keys=True)


def _identity(distance: Distance) -> Any:
    """What two distances share that are the same: arguments, or weights."""
    return id(distance) if distance.layers else _config(distance)


def _as_flat(values: Any) -> np.ndarray:
    values = ops.convert_to_numpy(values)
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else np.atleast_1d(values)
