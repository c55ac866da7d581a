"""What `tf.distribute` needs: one batch of those of all replicas, one value of those of all."""

from dataclasses import replace
from typing import Any

import tensorflow as tf
from keras import ops

from keras_siamese.inputs import Batch


def gather_replicas(batch: Batch, embeddings: Any) -> tuple[Batch, Any]:
    """Under `tf.distribute`, makes one batch of those of all replicas: negatives come from all.

    Of the items themselves, `batch.parts`, nothing is gathered.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return batch, embeddings

    def gather(x: Any) -> Any:
        if x is None:
            return None
        gathered = context.all_gather(x, axis=0)
        # Gathering forgets the static shape; weights of the loss are made for that of embeddings.
        gathered.set_shape([None, *x.shape[1:]])
        return gathered

    parts = [gather(part) for part in batch.split(embeddings)]
    batch = replace(batch, y=gather(batch.y), sample_weight=gather(batch.sample_weight))
    return batch, ops.concatenate(parts, axis=0)


def mean_of_replicas(strategy: tf.distribute.Strategy, value: Any) -> Any:
    """Mean of the values that the replicas hold; `value` itself where there is one alone."""
    if isinstance(value, tf.distribute.DistributedValues):
        return strategy.reduce("MEAN", value, axis=None)
    return value
