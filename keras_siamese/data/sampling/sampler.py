"""The state of P x K batches that a training loop may set between epochs."""

from typing import Any

import numpy as np
import tensorflow as tf


class Sampler:
    """State of the batches that `pk_batches` makes: which epoch comes next, and who is alike.

    Both are read when an iteration over the dataset begins, and at no other time.

    Args:
        classes_per_batch: P.
        classes: Ids of the classes that the batches are made of, shape `(num_classes,)`.

    Attributes:
        classes_per_batch: P.
        classes: Ids of the classes that the batches are made of, shape `(num_classes,)`.
        epoch_counter: An int64 `tf.Variable`. The order of an epoch depends on the seed and on its
            value alone; each iteration takes the value and adds 1. Its purpose is that a training
            loop sets it at the start of an epoch, so that a resumed run sees the batches that the
            uninterrupted one would have seen.
        alike: An int64 `tf.Variable`, shape `(num_classes, m)`: see `keep_together`.
    """

    def __init__(self, classes_per_batch: int, classes: np.ndarray) -> None:
        self.classes_per_batch = classes_per_batch
        self.classes = classes
        with tf.device("CPU:0"):
            self.epoch_counter = tf.Variable(
                0, trainable=False, dtype=tf.int64, name="epoch_counter"
            )
            self.alike = tf.Variable(
                np.empty((len(classes), 0), np.int64),
                trainable=False,
                shape=(len(classes), None),
                name="alike",
            )

    def keep_together(self, alike: dict[int, list[int]]) -> None:
        """Puts classes that are hard to tell apart into the same batches, from the next epoch on.

        An epoch stays as even as it was: only the order of the classes within a round changes.

        Args:
            alike: For a class id, the ids of those to share a batch with, the most wanted first.
                Classes that are not named go with any; ids that the batches do not have are
                ignored. An empty dict undoes it.
        """
        places = {label: place for place, label in enumerate(self.classes.tolist())}
        width = max(map(len, alike.values()), default=0)
        table = np.full((len(places), width), -1, np.int64)
        for label, others in alike.items():
            if label in places:
                found = [places[other] for other in others if other in places]
                table[places[label], : len(found)] = found
        self.alike.assign(table)


def find_sampler(dataset: Any) -> Sampler | None:
    """Returns the state of the P x K batches that `dataset` is derived from.

    Args:
        dataset: What `pk_batches` returned, or what `.map`, `.prefetch`, ... made of it.

    Returns: The `Sampler`, or `None` if there are no such batches.
    """
    if hasattr(dataset, "sampler"):
        return dataset.sampler
    # tf.data has no public way from a dataset to those that it was made of.
    inputs = dataset._inputs() if isinstance(dataset, tf.data.Dataset) else ()
    samplers = (find_sampler(source) for source in inputs)
    return next((sampler for sampler in samplers if sampler is not None), None)
