"""A callback that evaluates retrieval on whole sets, for those that stop, save and search by it."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese import distances
from keras_siamese.callbacks.log_callback import LogCallback
from keras_siamese.callbacks.points import check_one_output
from keras_siamese.data import Source, from_dataset
from keras_siamese.data.sources.arrays import as_source
from keras_siamese.distances import Distance
from keras_siamese.evaluation import evaluate_embeddings, evaluate_retrieval
from keras_siamese.metrics import EmbeddingMetric, MAPAtR, RankingMetric, RecallAtK
from keras_siamese.metrics.collection import check_metrics
from keras_siamese.model import distance_of
from keras_siamese.ops.checks import check_count


class RetrievalEvaluation(LogCallback):
    """Evaluates retrieval on whole sets, exactly, queries and gallery apart, and logs the figures.

    After the first epoch of a training, after each n-th one, and after the last, all items are
    embedded as in inference and the figures computed. They are put into the epoch's `logs` as
    `retrieval_recall_at_1`, ...: `name`, then the name of the metric. So `History`, the progress
    bar, and the callbacks that stand *behind this one* in the list (`EarlyStopping`,
    `ModelCheckpoint`, `ReduceLROnPlateau`), as well as KerasTuner, see them. Give those
    `mode="max"`, for Keras does not know the names; Keras leaves them out of the `logs` that
    callbacks get at the end of training.

    In the epochs in between, the figures of the last evaluation stand in `logs`: they are no
    improvement, so a patience of 3 evaluations is one of `3 * every_n_epochs` epochs. An epoch at
    whose end a callback behind this one stops the training may be such an epoch, too.

    TensorBoard shows the figures of the epochs that were evaluated as `retrieval/recall_at_1`, ...,
    in the run `name`: those of several evaluations, each with a name of its own, in one chart.

    Args:
        queries: A `Source`, from which items are read anew each time, `(x, y)`, or a finite
            `tf.data.Dataset` of batches of them, which is read into memory. `x`: what the model
            takes. `y`: integers or names, shape `(N,)` or `(N, 1)`.
        gallery: What they are searched in, likewise, with labels of the same kind. Defaults to
            None: each query is searched in all other ones.
        metrics: Metrics of different names: `RankingMetric`s; with neither `gallery` nor `ignore`
            any `EmbeddingMetric`s. Defaults to `RecallAtK(1)`, `RecallAtK(5)` and `MAPAtR()`.
        every_n_epochs: Evaluate after each n-th epoch. Defaults to 1.
        name: Of the figures in `logs`, and the run's directory below `log_dir`. Defaults to
            `"retrieval"`.
        log_dir: The directory that TensorBoard is started with, local. Defaults to None: nothing is
            written.
        distance: Name or `keras_siamese.distances.Distance`. Defaults to None: that of a
            `SiameseModel`, and Euclidean for other models.
        ignore: What a query does not rank: `"same_class_and_group"` or `"same_group"`, by the
            groups of the sources: see `keras_siamese.evaluation.evaluate_retrieval`. Defaults to
            None: only itself.
        batch_size: Items embedded at a time. Defaults to 256.

    Raises: ValueError: If a set is empty, labels of queries and gallery are of two kinds, no query
        has anything to find, metrics are of the wrong kind, or sources lack the groups to ignore;
        and, while training, if embeddings are not finite, a metric is undefined for the set, or
        another callback has the same `name`.

    Example:
        >>> callbacks = [
        ...     keras_siamese.callbacks.RetrievalEvaluation((x_val, y_val), every_n_epochs=2),
        ...     keras.callbacks.EarlyStopping("retrieval_recall_at_1", mode="max", patience=6),
        ... ]
        >>> model.fit(batches, epochs=50, callbacks=callbacks)
    """

    def __init__(
        self,
        queries: Any,
        gallery: Any = None,
        *,
        metrics: Sequence[EmbeddingMetric] | None = None,
        every_n_epochs: int = 1,
        name: str = "retrieval",
        log_dir: str | os.PathLike[str] | None = None,
        distance: "str | Distance | None" = None,
        ignore: str | None = None,
        batch_size: int = 256,
    ) -> None:
        super().__init__(log_dir, name, check_count("every_n_epochs", every_n_epochs))
        self.distance = None if distance is None else distances.get(distance)
        self.ignore = ignore
        self.batch_size = check_count("batch_size", batch_size)
        self._queries = _as_source(queries)
        self._gallery = None if gallery is None else _as_source(gallery)
        if metrics is None:
            metrics = [RecallAtK(1), RecallAtK(5), MAPAtR()]
        is_of_one_set = gallery is None and ignore is None
        check_metrics(
            metrics,
            EmbeddingMetric if is_of_one_set else RankingMetric,
            "" if is_of_one_set else "Others are for a set without `gallery` and `ignore`.",
        )
        if not metrics:
            raise ValueError("There is nothing to evaluate. Expected a metric. Received: [].")
        self.metrics = list(metrics)
        self._check_sets()
        self._figures: dict[str, float] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> LogCallback:
        """Returns a callback of the same sets, which never change, and may be large."""
        memo |= {id(source): source for source in (self._queries, self._gallery)}
        return super().__deepcopy__(memo)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets the figures of the fit before."""
        super().on_train_begin(logs)
        self._figures = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Puts the figures into `logs`, computed anew if it is time to."""
        is_last = self.model.stop_training or epoch + 1 == self.params.get("epochs")
        if self.is_due(epoch) or is_last or not self._figures:
            self._figures = self._evaluate(epoch)
            scalars = {f"retrieval/{name}": value for name, value in self._figures.items()}
            self.write_summaries(epoch, scalars=scalars)
        if logs is not None:
            figures = {f"{self.name}_{name}": value for name, value in self._figures.items()}
            if taken := sorted(figures.keys() & logs):
                raise ValueError(
                    f"The logs hold {taken} already: {type(self).__name__} needs a `name` of its "
                    f"own. Received: {self.name!r}, in two callbacks of one training."
                )
            logs |= figures

    def _evaluate(self, epoch: int) -> dict[str, float]:
        sources = [self._queries] if self._gallery is None else [self._queries, self._gallery]
        embeddings = [
            check_one_output(self.model.predict(source.batches(self.batch_size), verbose=0))
            for source in sources
        ]
        distance = distance_of(self.model, self.distance)
        try:
            if self._gallery is None and self.ignore is None:
                report = evaluate_embeddings(
                    embeddings[0], self._queries.labels, metrics=self.metrics, distance=distance
                )
                return dict(report)
            return self._retrieve(embeddings, self.metrics, distance)
        except ValueError as error:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} cannot evaluate epoch {epoch + 1}: {error}"
            ) from error

    def _retrieve(
        self, embeddings: Sequence[Any], metrics: Sequence[Any], distance: "str | Distance"
    ) -> dict[str, float]:
        """Returns the figures of given embeddings of queries and, if there is one, the gallery."""
        options: dict[str, Any] = {}
        if self.ignore is not None:
            options = {"query_groups": self._queries.groups, "ignore": self.ignore}
        if self._gallery is not None:
            options |= {"gallery": embeddings[1], "gallery_labels": self._gallery.labels}
            if self.ignore is not None:
                options["gallery_groups"] = self._gallery.groups
        return evaluate_retrieval(
            embeddings[0], self._queries.labels, metrics=metrics, distance=distance, **options
        ).figures

    def _check_sets(self) -> None:
        """Checks, before any training, that there is something to be found."""
        for name, source in (("queries", self._queries), ("gallery", self._gallery)):
            if self.ignore is not None and source is not None and source.groups is None:
                raise ValueError(
                    f"`ignore` needs groups. Received: `{name}` without. Give it as a source with "
                    "groups, such as `keras_siamese.data.from_arrays(x, y, groups=cameras)`."
                )
        ranking = [metric for metric in self.metrics if isinstance(metric, RankingMetric)]
        if ranking:
            # As of a model that has collapsed, which costs next to nothing. The distance of a
            # metric may be for embeddings of one size only.
            metrics = [metric for metric in ranking if metric.distance is None] or [RecallAtK(1)]
            sources = [self._queries, *([] if self._gallery is None else [self._gallery])]
            self._retrieve([np.zeros((len(x), 1)) for x in sources], metrics, "euclidean")


def _as_source(data: Any) -> Source:
    if isinstance(data, tf.data.Dataset):
        return from_dataset(data)
    if isinstance(data, tuple | list) and len(data) == 2:
        return as_source(*data)
    return as_source(data)
