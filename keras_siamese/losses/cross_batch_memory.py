"""A memory of the last batches, which a loss compares the current one with."""

from typing import Any

import keras
from keras import ops

from keras_siamese.losses.metric_loss import LossResult, MetricLoss
from keras_siamese.losses.weighted_sum import get_loss
from keras_siamese.ops.checks import as_embeddings, assert_in_graph, check_count, check_same_batch
from keras_siamese.relations import SameClass
from keras_siamese.weights import WeightOwner


@keras.saving.register_keras_serializable(package="keras_siamese")
class CrossBatchMemory(MetricLoss):
    """A queue of the last embeddings, which the wrapped loss takes positives and negatives from.

    In a training step (`on_batch(..., training=True)`, as in `SiameseModel.fit`) the batch goes
    into the queue and the oldest items leave it. The anchors are the batch, the candidates the
    whole queue: the batch itself, through which gradients flow as ever, and the copies kept from
    earlier batches, through which none do. No item is compared with itself. A memory the size of
    the batch is the plain loss, in value and gradient.

    Until the queue is full and `warm_up` batches have passed, and in evaluation (`training=False`,
    also `loss(labels, embeddings)`), the value is that of the plain loss; evaluation leaves the
    queue as it is. The queue is saved with the model, and a second `fit` goes on with it.

    Two views of a batch go into the queue as classes of their own, never met before. (A loss of two
    towers compares them otherwise, so it takes none here.)

    Args:
        loss: The loss, one that can compare a batch with a second set. Its relation must be the
            default, `SameClass()`.
        memory_size: Number of embeddings kept, at least the batch size.
        warm_up: Number of training batches before the memory is used: embeddings that change fast
            are soon out of date. Defaults to 0; the paper waits 1,000.
        name: Name of the loss.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32; of a loss with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If the loss has no second set to compare with or another relation, the sizes
        are no counts, or a batch is larger than the memory.

    Example: The first batch does not fill the memory. The others are compared with the item
        before them, 0.5 and 0.25 away: `0.5^2 / 2` and `0.25^2 / 2`.

        >>> loss = CrossBatchMemory(ContrastiveLoss(), memory_size=2)
        >>> float(loss.on_batch([7], [[0.0]], training=True).value)
        0.0
        >>> float(loss.on_batch([7], [[0.5]], training=True).value)
        0.125
        >>> float(loss.on_batch([7], [[0.25]], training=True).value)
        0.03125

    Formula: That of the loss, over pairs of the batch and the queue.

    Cost: That of the loss on `B` anchors and `M = memory_size` candidates, mostly O(B M D) time and
        O(B M + M D) memory.

    Reference: [Wang et al., 2020](https://arxiv.org/abs/1912.06798), algorithm 1. Deviation: the
        loss of the batch is not added to that over the queue, which holds the batch; a queue that
        is not full is not used.

    Elsewhere: pytorch-metric-learning `CrossBatchMemory`; TF Similarity `XBM`.
    """

    takes_two_sets = False

    def __init__(
        self,
        loss: MetricLoss,
        memory_size: int,
        warm_up: int = 0,
        name: str | None = None,
    ) -> None:
        self.loss = get_loss(loss)
        if not self.loss.takes_two_sets:
            raise ValueError(
                f"{type(self.loss).__name__} does not compare a batch with a second set, which the "
                "memory is. Use a loss over pairs or triplets of items."
            )
        if type(self.loss.relation) is not SameClass:
            raise ValueError(
                "The memory holds one class id of each item. Received: a loss with the relation "
                f"{type(self.loss.relation).__name__}. Expected `SameClass`."
            )
        super().__init__(self.loss.distance, reduction="sum", name=name)
        self.reduction = self.loss.reduction
        self.memory_size = check_count("memory_size", memory_size)
        self.warm_up = check_count("warm_up", warm_up, least=0)

    @property
    def owners(self) -> list[WeightOwner]:
        """See `WeightOwner.owners`."""
        return [self.loss]

    @property
    def part_names(self) -> list[str]:
        """See `MetricLoss.part_names`."""
        return self.loss.part_names

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""

        def state(name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
            # Under `tf.distribute` each replica sees the global batch, and does the same.
            return self.add_weight(
                name,
                shape,
                initializer="zeros",
                dtype=dtype,
                trainable=False,
                aggregation="only_first_replica",
            )

        self._embeddings = state("embeddings", (self.memory_size, embedding_dim), "float32")
        self._labels = state("labels", (self.memory_size,), "int64")
        self._num_items = state("num_items", (), "int64")
        self._num_batches = state("num_batches", (), "int64")

    def on_batch(
        self,
        labels: Any,
        embeddings: Any,
        sample_weight: Any | None = None,
        *,
        candidate_labels: Any | None = None,
        candidates: Any | None = None,
        own: Any | None = None,
        training: bool = False,
    ) -> LossResult:
        """See `MetricLoss.on_batch`. The second set is the memory: no other can be given."""
        if candidates is not None or candidate_labels is not None:
            raise ValueError("The second set is the memory. Received: `candidates` too.")
        labels, embeddings = self.relation.as_labels(labels), as_embeddings(embeddings)
        check_same_batch(labels, embeddings)
        self.build(embeddings.shape[-1])
        if not training:
            return self.loss.on_batch(labels, embeddings, sample_weight)
        return self._on_training_batch(ops.cast(labels, "int64"), embeddings, sample_weight)

    def _on_training_batch(
        self, labels: Any, embeddings: Any, sample_weight: Any | None
    ) -> LossResult:
        if (embeddings.shape[0] or 0) > self.memory_size:
            raise ValueError(
                f"A batch is larger than the memory. Received: a batch of {embeddings.shape[0]}, "
                f"memory_size={self.memory_size}. Expected a memory of several batches."
            )
        size = ops.shape(embeddings)[0]
        if embeddings.shape[0] is None:
            message = (
                f"A batch is larger than the memory, memory_size={self.memory_size}. Received:"
            )
            assert_in_graph(size <= self.memory_size, message, size)
        kept = self.memory_size - size
        # Newest first, and always of this shape.
        candidates = ops.reshape(
            ops.concatenate(
                [embeddings, ops.cast(self._embeddings[:kept], embeddings.dtype)], axis=0
            ),
            self._embeddings.shape,
        )
        candidate_labels = ops.reshape(
            ops.concatenate([labels, self._labels[:kept]], axis=0), self._labels.shape
        )
        num_items = self._num_items + ops.cast(size, "int64")
        is_used = ops.logical_and(num_items >= self.memory_size, self._num_batches >= self.warm_up)
        self._embeddings.assign(ops.stop_gradient(candidates))
        self._labels.assign(candidate_labels)
        self._num_items.assign(num_items)
        self._num_batches.assign(self._num_batches + 1)

        def with_memory() -> tuple[Any, ...]:
            return self.loss.on_batch(
                labels,
                embeddings,
                sample_weight,
                candidate_labels=candidate_labels,
                candidates=candidates,
                own=ops.arange(size, dtype="int32"),
                training=True,
            )

        def plain() -> tuple[Any, ...]:
            return self.loss.on_batch(labels, embeddings, sample_weight, training=True)

        return LossResult(*ops.cond(is_used, with_memory, plain))

    def view_labels(self, x1: Any) -> Any:
        """See `MetricLoss.view_labels`: none that is in the memory."""
        self.build(x1.shape[-1])
        return ops.cast(self.loss.view_labels(x1), "int64") + self._num_items

    def check_margin(self, unit_norm: bool) -> None:
        """See `MetricLoss.check_margin`."""
        self.loss.check_margin(unit_norm)

    def set_epoch(self, epoch: int) -> bool:
        """See `MetricLoss.set_epoch`."""
        return self.loss.set_epoch(epoch)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "memory_size": self.memory_size,
            "warm_up": self.warm_up,
            "name": self.name,
        }
