"""A probe in the training step: the latest batch, as it was, for who looks at it now and then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.distances import Distance
from keras_siamese.inputs import Batch
from keras_siamese.ops.checks import as_embeddings


@dataclass(frozen=True)
class ProbedBatch:
    """What was seen of a batch.

    Attributes:
        embeddings: Of the first items, float32, shape `(num_items, embedding_dim)`.
        distances: Between them, float32, shape `(num_items, num_items)`.
        comparisons: What they are to each other, of the same shape: see `Batch.sample`.
        gradient_norm: Euclidean norm of the gradient by all trainable weights; NaN if it was not
            finite or there was none.
    """

    embeddings: np.ndarray
    distances: np.ndarray
    comparisons: np.ndarray
    gradient_norm: float


class BatchProbe:
    """Keeps the first items of the latest batch, and the norm of its gradient, while it is on.

    It is set as `SiameseModel.probe`. What is kept is looked at outside of the training step, which
    stays as it is.

    Args:
        most_items: How many items to keep at most.
    """

    def __init__(self, most_items: int = 128) -> None:
        self.most_items = most_items
        self._is_on = _variable(np.bool_(True))
        self._embeddings: Any = None
        self._distances = _variable(np.zeros((most_items, most_items), np.float32))
        self._comparisons = _variable(np.zeros((most_items, most_items), np.int8))
        self._num_items = _variable(np.int32(0))
        self._gradient_norm = _variable(np.float32("nan"))

    def turn(self, on: bool) -> None:
        """Turns it on, as it is at first, or off: steps then cost nothing, and nothing is kept.

        Args:
            on: Whether the next steps are to keep their batches.
        """
        self._is_on.assign(on)

    def record_batch(self, batch: Batch, embeddings: Any, distance: Distance) -> None:
        """Keeps a batch: in a training step.

        Args:
            batch: The batch.
            embeddings: Those of its items, shape `(batch_size, embedding_dim)`.
            distance: What they are compared by.
        """
        embeddings = as_embeddings(embeddings)
        if self._embeddings is None:
            with tf.init_scope():
                shape = (self.most_items, embeddings.shape[-1])
                self._embeddings = _variable(np.zeros(shape, embeddings.dtype.as_numpy_dtype))

        def record() -> None:
            items, comparisons = batch.sample(embeddings, self.most_items)
            num_items = tf.shape(items)[0]
            missing = [0, self.most_items - num_items]
            self._num_items.assign(num_items)
            self._embeddings.assign(tf.pad(items, [missing, [0, 0]]))
            pairwise = tf.cast(distance.pairwise(items, items), tf.float32)
            self._distances.assign(tf.pad(pairwise, [missing, missing]))
            self._comparisons.assign(tf.pad(comparisons, [missing, missing]))

        self._if_on(record)

    def record_gradients(self, gradients: Sequence[Any], scale: Any) -> None:
        """Keeps the norm of the gradients: in a training step.

        Args:
            gradients: Those of all trainable weights, or of this replica's share of the loss.
            scale: What they were multiplied by.
        """
        present = [gradient for gradient in gradients if gradient is not None]

        def dense() -> list[Any]:
            # A gradient of a few rows of a table may name a row more than once; squares of float16
            # overflow.
            return [tf.cast(tf.convert_to_tensor(gradient), tf.float32) for gradient in present]

        def record(gradients: list[Any]) -> None:
            norm = tf.linalg.global_norm(gradients) / tf.cast(scale, tf.float32)
            self._gradient_norm.assign(norm)

        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            # Replicas cannot wait for each other within a condition.
            record(context.all_reduce(tf.distribute.ReduceOp.SUM, dense()))
        else:
            self._if_on(lambda: record(dense()))

    def read(self) -> ProbedBatch | None:
        """What was kept; None before the first step, or if an embedding is not finite."""
        num_items = int(self._num_items.numpy())
        if not num_items:
            return None
        embeddings = self._embeddings.numpy()[:num_items]
        if not np.isfinite(embeddings).all():
            return None
        distances, comparisons = (
            pairs.numpy()[:num_items, :num_items] for pairs in (self._distances, self._comparisons)
        )
        return ProbedBatch(embeddings, distances, comparisons, float(self._gradient_norm.numpy()))

    def _if_on(self, record: Callable[[], None]) -> None:
        def recorded() -> tf.Tensor:
            record()
            return tf.constant(True)

        tf.cond(self._is_on, recorded, lambda: tf.constant(False))


def _variable(value: Any) -> tf.Variable:
    # Each replica keeps what it sees, which is the same, and that of the first is read.
    return tf.Variable(
        value,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
