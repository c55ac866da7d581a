"""Which candidates are the positives of each anchor, as a table with one row an anchor.

A P x K batch needs `K - 1` columns. `K` is read off the labels, never asked for: the number of columns
is a shape that the compiled functions are made for. Labels may come in any order and any number a class.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_siamese.ops.compiled import inside_xla


class Classes(NamedTuple):
    """Class ids of two sets, and how many positives an anchor may have.

    Attributes:
        anchors: Ids, shape `(num_anchors,)`.
        candidates: Ids, shape `(num_candidates,)`.
        counts: Candidates of each id, shape `(num_classes,)`, when the ids are `0..num_classes - 1`;
            None when shapes must not depend on the labels' values and the ids are the labels.
        slots: `0..num_slots - 1`; its length carries the number of columns. None as above.
    """

    anchors: Any
    candidates: Any
    counts: Any
    slots: Any


class Positives(NamedTuple):
    """The positives of each anchor.

    Attributes:
        candidate: Index of a candidate, shape `(num_anchors, num_slots)`.
        mask: Whether that place of the table is in use, the same shape.
    """

    candidate: Any
    mask: Any


def find_classes(anchor_labels: Any, candidate_labels: Any | None = None) -> Classes:
    """Reads class ids and the number of positives off the labels.

    Args:
        anchor_labels: Integers, shape `(num_anchors,)`.
        candidate_labels: Integers, shape `(num_candidates,)`. None: the anchors are the candidates.
    """
    same_set = candidate_labels is None
    candidate_labels = anchor_labels if same_set else candidate_labels
    if not _values_are_known(anchor_labels):
        return Classes(anchor_labels, candidate_labels, None, None)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        every = candidate_labels if same_set else tf.concat([candidate_labels, anchor_labels], 0)
        _, ids, counts = tf.unique_with_counts(every)
        num_candidates = tf.shape(candidate_labels)[0]
        if not same_set:
            counts = tf.math.bincount(ids[:num_candidates], minlength=tf.size(counts))
        largest = tf.reduce_max(counts)
        most = largest - 1 if same_set else largest
        # Each number of columns is compiled for: few different ones when the classes are uneven.
        num_slots = tf.maximum(tf.where(most > 8, (most + 7) // 8 * 8, most), 1)
        return Classes(
            ids if same_set else ids[num_candidates:],
            ids[:num_candidates],
            counts,
            tf.range(num_slots),
        )
    candidates = ops.convert_to_numpy(candidate_labels)
    anchors = ops.convert_to_numpy(anchor_labels)
    _, ids = np.unique(np.concatenate([candidates, anchors]), return_inverse=True)
    ids = ids.astype("int32")
    counts = np.bincount(ids[: len(candidates)], minlength=ids.max(initial=0) + 1).astype("int32")
    most = counts.max(initial=0) - same_set
    return Classes(
        *(ops.convert_to_tensor(x) for x in (ids[len(candidates) :], ids[: len(candidates)], counts)),
        ops.arange(max(int(most), 1), dtype="int32"),
    )


def find_positives(classes: Classes, same_set: bool) -> Positives:
    """Makes the table of positives. Pure: to be called inside of what is compiled.

    Args:
        classes: As `find_classes` gives them.
        same_set: Whether anchors and candidates are the same items; an item is no positive of itself.
    """
    num_candidates = ops.shape(classes.candidates)[0]
    index = ops.arange(num_candidates, dtype="int32")
    if classes.slots is None:  # Every candidate has a column.
        mask = classes.anchors[:, None] == classes.candidates[None, :]
        if same_set:
            mask = ops.logical_and(mask, index[:, None] != index[None, :])
        return Positives(ops.broadcast_to(index[None, :], ops.shape(mask)), mask)
    by_class = ops.cast(ops.argsort(classes.candidates), "int32")
    start = ops.cumsum(classes.counts) - classes.counts
    start = ops.take(start, classes.anchors)[:, None]
    count = ops.take(classes.counts, classes.anchors)[:, None]
    slots = classes.slots[None, :]
    if not same_set:
        place, mask = slots, slots < count
    else:  # From the place after the anchor's own, around to the one before.
        own = ops.scatter(by_class[:, None], index, (num_candidates,))[:, None] - start
        place, mask = ops.mod(own + 1 + slots, ops.maximum(count, 1)), slots < count - 1
    place = ops.where(mask, start + place, ops.zeros_like(place))
    return Positives(ops.take(by_class, place), mask)


def _values_are_known(labels: Any) -> bool:
    """Whether shapes may depend on the values of `labels` here: eagerly, or in a TensorFlow graph."""
    if keras.backend.backend() == "tensorflow":
        return not inside_xla()
    if keras.backend.backend() == "jax":
        import jax

        return not isinstance(labels, jax.core.Tracer)
    return True
