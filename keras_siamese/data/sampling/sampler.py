"""The state of random batches that a training loop may set between epochs."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.data.sampling.planner import PKOptions


class Sampler:
    """State of batches that are drawn anew each epoch: which epoch comes next.

    It is read when an iteration over the dataset begins, and at no other time. A deep copy is the
    sampler itself: a copy would rule no dataset.

    Args:
        options: What P x K batches are to be; `None` (the default) for batches of another kind.

    Attributes:
        options: See above.
        epoch_counter: An int64 `tf.Variable`. The order of an epoch depends on the seed and on its
            value alone; each iteration takes the value and adds 1. Its purpose is that a training
            loop sets it at the start of an epoch, so that a resumed run sees the batches that the
            uninterrupted one would have seen.
    """

    def __init__(self, options: PKOptions | None = None) -> None:
        self.options = options
        with tf.device("CPU:0"):
            self.epoch_counter = tf.Variable(
                0, trainable=False, dtype=tf.int64, name="epoch_counter"
            )

    def take_epoch(self) -> tf.Tensor:
        """Returns the number of the epoch that begins, and counts on: within a `tf.data` graph."""
        return self.epoch_counter.assign_add(1) - 1

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sampler":
        return self


class PKSampler(Sampler):
    """State of the batches that `pk_batches` makes: which epoch comes next, and who is alike.

    Both are read when an iteration over the dataset begins, and at no other time.

    Args:
        options: What the batches are to be.
        classes: Ids of the classes that the batches are made of, ascending, shape `(num_classes,)`.

    Attributes:
        options: See above.
        classes: See above.
        epoch_counter: See `Sampler`.
        alike: An int64 `tf.Variable`, shape `(num_classes, m)`: see `keep_together`.
    """

    options: PKOptions

    def __init__(self, options: PKOptions, classes: np.ndarray) -> None:
        super().__init__(options)
        self.classes = classes
        with tf.device("CPU:0"):
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

        Raises: ValueError: If the batches are made of super-classes, which say who meets whom, or
            have none of the classes.
        """
        if self.options.super_classes_per_batch is not None:
            raise ValueError(
                "In batches of super-classes these say which classes meet. Expected batches "
                "without. Received: "
                f"`super_classes_per_batch={self.options.super_classes_per_batch}`. Leave it out "
                "of `pk_batches`."
            )
        places = {label: place for place, label in enumerate(self.classes.tolist())}
        if alike and not places.keys() & alike.keys():
            raise ValueError(
                "Expected ids of classes in the batches: those of `source.class_ids`, also of "
                f"classes with names. Received: none of them, but {list(alike)[:3]}."
            )
        width = max(map(len, alike.values()), default=0)
        table = np.full((len(places), width), -1, np.int64)
        for label, others in alike.items():
            if label in places:
                found = [places[other] for other in others if other in places]
                table[places[label], : len(found)] = found
        self.alike.assign(table)


def find_sampler(dataset: Any) -> Sampler | None:
    """Returns the state of the random batches that `dataset` is derived from.

    Args:
        dataset: What `pk_batches`, `pair_batches` or `triplet_batches` returned, or what `.map`,
            `.prefetch`, ... made of it.

    Returns: The `Sampler`, of P x K batches a `PKSampler`; or `None` if there are no such batches.
    """
    if hasattr(dataset, "sampler"):
        return dataset.sampler
    # tf.data has no public way from a dataset to those that it was made of.
    inputs = dataset._inputs() if isinstance(dataset, tf.data.Dataset) else ()
    samplers = (find_sampler(source) for source in inputs)
    return next((sampler for sampler in samplers if sampler is not None), None)
