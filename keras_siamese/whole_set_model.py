"""A model whose `evaluate` gives metrics exactly over the whole set, not as means over batches."""

from abc import abstractmethod
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from keras_siamese.arguments import bind_data
from keras_siamese.distances import Distance
from keras_siamese.distribution import mean_of_replicas
from keras_siamese.metrics import EmbeddingCollection, EmbeddingMetric
from keras_siamese.metrics.batch_figures import BatchFigures


class WholeSetModel(keras.Model):
    """Base of `SiameseModel`: collects what is evaluated on the host, and computes metrics once.

    Args:
        name: Name of the model.
        dtype: Dtype policy.

    Attributes:
        encoder: What embeds the items of a batch.
    """

    encoder: keras.Model
    test_function: Any

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._collection = EmbeddingCollection()
        self._is_evaluating = False

    @property
    @abstractmethod
    def distance_function(self) -> Distance:
        """The distance that the metrics compare embeddings by."""

    @abstractmethod
    def _evaluate_batch(self, data: Any) -> tuple[dict[str, Any], dict[str, tuple[Any, Any]]]:
        """Gives the logs, and what whole-set metrics need of the batch, kept on the host."""

    @property
    def _whole_set_metrics(self) -> list[EmbeddingMetric]:
        # Keras's container knows its metrics once it has seen a batch.
        metrics = [] if self._compile_metrics is None else self._compile_metrics.metrics
        return [metric for metric in metrics if isinstance(metric, EmbeddingMetric)]

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates the model: see `keras.Model.evaluate`, whose arguments it takes.

        Returns: The loss, and the metrics exactly over the whole set: a list, or with
            `return_dict=True` a dict by name.

        Raises: ValueError: If the data set is empty, an embedding is not finite, or a metric is
            undefined for the set.
        """
        call = bind_data(super().evaluate, args, kwargs, self.encoder)
        self._is_evaluating = True
        try:
            return super().evaluate(*call.args, **call.kwargs)
        finally:
            self._is_evaluating = False
            self._collection.clear()

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluates one batch: the loss and the metrics that are means over batches."""
        return self._evaluate_batch(data)[0]

    def get_metrics_result(self) -> dict[str, Any]:
        """The loss and the metrics that are means over batches, by name."""
        hidden = {*BatchFigures.NAMES, *(metric.name for metric in self._whole_set_metrics)}
        results = super().get_metrics_result()
        return {name: value for name, value in results.items() if name not in hidden}

    def reset_metrics(self) -> None:
        """Resets all metrics and forgets the items collected for those over whole sets."""
        super().reset_metrics()
        self._collection.clear()

    def make_test_function(self, force: bool = False) -> None:
        """Makes the function that evaluates batches and collects their embeddings on the host."""
        if self.test_function is not None and not force:
            return
        strategy = self.distribute_strategy

        def evaluate_batch(data: Any) -> Any:
            logs, kept = strategy.run(self._evaluate_batch, args=(data,))
            return tree.map_structure(lambda x: mean_of_replicas(strategy, x), logs), kept

        if not self.run_eagerly:
            evaluate_batch = tf.function(
                evaluate_batch, autograph=False, reduce_retracing=True, jit_compile=self.jit_compile
            )

        def test_function(iterator: Any) -> dict[str, Any]:
            logs = None
            for _ in range(self.steps_per_execution):
                try:
                    data = next(iterator)
                except (StopIteration, tf.errors.OutOfRangeError):
                    break
                # Keras wraps the parts of a batch that are None.
                data = tree.map_structure(
                    lambda x: None if isinstance(x, tf.experimental.Optional) else x, data
                )
                logs, kept = evaluate_batch(data)
                self._collect(kept)
            if logs is None:
                raise StopIteration
            return logs

        self.test_function = test_function

    def _collect(self, kept: dict[str, tuple[Any, Any]]) -> None:
        if not self._is_evaluating:
            return
        add = {"items": self._collection.add_items, "pairs": self._collection.add_pairs}
        local = self.distribute_strategy.experimental_local_results
        for kind, scores in kept.items():
            for of_replica in zip(*map(local, scores), strict=True):
                add[kind](*of_replica)

    def _get_metrics_result_or_logs(self, logs: dict[str, Any]) -> dict[str, Any]:
        # Keras calls this once after the last batch, with the last batch's logs.
        if not logs:
            raise ValueError("The data set is empty. Expected at least one batch.")
        logs = super()._get_metrics_result_or_logs(logs)
        if self._collection.is_empty:
            return logs
        figures = self._collection.evaluate(self._whole_set_metrics, self.distance_function)
        self._collection.clear()
        return {**logs, **figures}
