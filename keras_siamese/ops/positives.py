"""Which candidates are the positives of each anchor, as a table with one row an anchor.

A P x K batch needs `K - 1` columns. `K` is read off the labels, never asked for: the number of
columns is a shape that the compiled functions are made for. Labels may come in any order and any
number a class.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_siamese.ops.compiled import inside_xla, is_concrete

# A program is compiled for each number of columns, so uneven classes must not give too many
# different ones. Those of the usual K (2, 3, 4, 8, 16 ...) are met exactly.
_NUM_SLOTS = sorted({size * 2**power - 1 for size in (2, 3) for power in range(24)} - {0})


class Classes(NamedTuple):
    """Which items of two sets match, and how many positives an anchor may have.

    Attributes:
        anchors: Ids, shape `(num_anchors,)`; with `same`, not used.
        candidates: Ids, shape `(num_candidates,)`; with `same`, not used.
        own: Place of each anchor among the candidates, int32, shape `(num_anchors,)`: an item is
            not compared with itself. None: no anchor is there.
        slots: `0..num_slots - 1`: its length carries the number of columns, and the ids are
            `0..num_classes - 1`. None when no shape may depend on the labels' values; the ids are
            then the labels.
        same: Which pairs match where that is more than equal ids, bool, shape
            `(num_anchors, num_candidates)`; else None.
        labels: Labels of the anchors as they were given, for losses with weights of each class;
            else None.
    """

    anchors: Any
    candidates: Any
    own: Any
    slots: Any = None
    same: Any = None
    labels: Any = None

    @property
    def rows(self) -> Any:
        """What `matches` needs of each anchor, to be split along its first axis."""
        return self.anchors if self.same is None else self.same

    def matches(self, rows: Any) -> Any:
        """Which candidates are of the class of some anchors, `(rows, num_candidates)`.

        Args:
            rows: Some of `rows`. An anchor matches itself.
        """
        return rows[:, None] == self.candidates[None, :] if self.same is None else rows

    def matches_columns(self, rows: Any) -> Any:
        """The same, candidates first: `(num_candidates, rows)`."""
        if self.same is None:
            return self.candidates[:, None] == rows[None, :]
        return ops.transpose(rows)

    @property
    def is_other(self) -> Any:
        """Which candidates are not the anchor itself: `(num_anchors or 1, num_candidates)`."""
        index = ops.arange(ops.shape(self.candidates)[0], dtype="int32")[None, :]
        if self.own is None:
            return ops.ones_like(index, dtype="bool")
        return index != self.own[:, None]


class Positives(NamedTuple):
    """The positives of each anchor.

    Attributes:
        candidate: Index of a candidate, shape `(num_anchors, num_slots)`.
        mask: Whether that place of the table is in use, the same shape.
    """

    candidate: Any
    mask: Any


def find_classes(
    anchor_labels: Any, candidate_labels: Any | None = None, own: Any | None = None
) -> Classes:
    """Reads class ids and the number of positives off the labels.

    Args:
        anchor_labels: Integers, shape `(num_anchors,)`.
        candidate_labels: Integers, shape `(num_candidates,)`. None: the anchors are the candidates.
        own: Place of each anchor among the candidates of a second set. None: no anchor is there.
    """
    same_set = candidate_labels is None
    if candidate_labels is None:
        candidate_labels = anchor_labels
        own = ops.arange(ops.shape(anchor_labels)[0], dtype="int32")
    elif candidate_labels.dtype != anchor_labels.dtype:
        anchor_labels, candidate_labels = (
            ops.cast(labels, "int64") for labels in (anchor_labels, candidate_labels)
        )
    if not _values_are_known(anchor_labels):
        return Classes(anchor_labels, candidate_labels, own)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if same_set:
            _, ids, counts = tf.unique_with_counts(candidate_labels)
            anchor_ids, candidate_ids, most = ids, ids, tf.reduce_max(counts)
        else:
            _, ids = tf.unique(tf.concat([candidate_labels, anchor_labels], 0))
            candidate_ids, anchor_ids = tf.split(
                ids, [tf.shape(candidate_labels)[0], tf.shape(anchor_labels)[0]]
            )
            most = tf.reduce_max(tf.math.bincount(candidate_ids))
        most = most if own is None else most - 1
        slots = tf.range(_round_up_slots(most, candidate_labels))
        return Classes(anchor_ids, candidate_ids, own, slots)
    candidates = ops.convert_to_numpy(candidate_labels)
    anchors = ops.convert_to_numpy(anchor_labels)
    _, ids = np.unique(np.concatenate([candidates, anchors]), return_inverse=True)
    candidate_ids, anchor_ids = np.split(ids.astype("int32"), [len(candidates)])
    most = np.bincount(candidate_ids).max(initial=0) - (own is not None)
    return Classes(
        ops.convert_to_tensor(anchor_ids),
        ops.convert_to_tensor(candidate_ids),
        own,
        ops.arange(max(int(most), 1), dtype="int32"),
    )


def _round_up_slots(most: Any, candidate_labels: Any) -> Any:
    """Least of `_NUM_SLOTS` that is at least `most`, which is no more than there are candidates."""
    import tensorflow as tf

    num_candidates = candidate_labels.shape[0]
    if num_candidates is None:
        return tf.gather(_NUM_SLOTS, tf.searchsorted(_NUM_SLOTS, most[None])[0])
    # A look-up in a table is one operation, which counts in a step of a tenth of a millisecond.
    table = np.array(_NUM_SLOTS)[np.searchsorted(_NUM_SLOTS, np.arange(num_candidates + 1))]
    return tf.gather(tf.constant(table, tf.int32), most)


def find_positives(classes: Classes) -> Positives:
    """Makes the table of positives. Pure: to be called inside of what is compiled.

    Args:
        classes: As `find_classes` gives them.
    """
    num_candidates = ops.shape(classes.candidates)[0]
    index = ops.arange(num_candidates, dtype="int32")
    if classes.slots is None:  # Every candidate has a column.
        mask = ops.logical_and(classes.matches(classes.rows), classes.is_other)
        return Positives(ops.broadcast_to(index[None, :], ops.shape(mask)), mask)
    by_class = ops.cast(ops.argsort(classes.candidates), "int32")
    most_classes = num_candidates + ops.shape(classes.anchors)[0]
    counts = ops.segment_sum(ops.ones_like(index), classes.candidates, most_classes)
    start = ops.take(ops.cumsum(counts) - counts, classes.anchors)[:, None]
    count = ops.take(counts, classes.anchors)[:, None]
    slots = classes.slots[None, :]
    if classes.own is None:
        place, mask = slots, slots < count
    else:  # From the place after the anchor's own, around to the one before.
        place_of = ops.scatter(by_class[:, None], index, (num_candidates,))
        own = ops.take(place_of, classes.own)[:, None] - start
        place, mask = ops.mod(own + 1 + slots, ops.maximum(count, 1)), slots < count - 1
    place = ops.where(mask, start + place, ops.zeros_like(place))
    return Positives(ops.take(by_class, place), mask)


def _values_are_known(labels: Any) -> bool:
    """Whether shapes may depend on the labels' values: eagerly, or in a TensorFlow graph."""
    if keras.backend.backend() == "tensorflow":
        return not inside_xla()
    return is_concrete(labels)
