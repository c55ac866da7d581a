"""What it means for two items to match."""

from abc import ABC, abstractmethod
from typing import Any

import keras
from keras import ops

from keras_siamese.ops.checks import as_labels
from keras_siamese.ops.positives import Classes, find_classes


class Relation(ABC):
    """Base of what says, by their labels, which items match.

    A subclass gives `as_labels` and `matches`. Register it with
    `@keras.saving.register_keras_serializable(package="keras_siamese")`.
    """

    @abstractmethod
    def as_labels(self, labels: Any) -> Any:
        """Returns labels as `matches` takes them, `(batch_size, ...)`.

        Raises: ValueError: If they are no integers, or of a wrong shape.
        """

    @abstractmethod
    def matches(self, labels: Any, other_labels: Any) -> Any:
        """Which items match by their labels, bool, shape `(N, M)`, symmetric.

        Args:
            labels: Labels of N items.
            other_labels: Labels of M items.
        """

    def find_classes(
        self, labels: Any, candidate_labels: Any | None = None, own: Any | None = None
    ) -> Classes:
        """What miners and losses need to know: see `keras_siamese.ops.positives`.

        Args:
            labels: Labels of the anchors.
            candidate_labels: Labels of a second set. None: the anchors are the candidates.
            own: Place of each anchor in the second set. None: no anchor is there.
        """
        index = ops.arange(ops.shape(labels)[0], dtype="int32")
        if candidate_labels is None:
            candidate_labels, own = labels, index
        same = self.matches(labels, candidate_labels)
        places = ops.arange(ops.shape(same)[1], dtype="int32")
        if own is not None:  # What is no negative of itself: one without any label, too.
            same = ops.logical_or(same, own[:, None] == places[None, :])
        return Classes(index, places, own, same=same)

    def as_classes(self, labels: Any) -> Any:
        """Class ids for metrics over whole sets, where matching is to have the same id.

        Args:
            labels: Labels, as `as_labels` gives them.

        Raises: ValueError: If there are none.
        """
        raise ValueError(
            "Metrics over whole sets need one class id of each item. Received: labels for "
            f"`{type(self).__name__}`. Leave the metrics out of `compile`, and give class ids to "
            "`keras_siamese.evaluation.evaluate_embeddings(model.predict(x), class_ids)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal object."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Relation":
        """Makes the object that `get_config` described."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_siamese")
class SameClass(Relation):
    """Items match that have the same class id. Labels: `(batch_size,)` or `(batch_size, 1)`."""

    def as_labels(self, labels: Any) -> Any:
        """See `Relation.as_labels`."""
        return as_labels(labels)

    def matches(self, labels: Any, other_labels: Any) -> Any:
        """See `Relation.matches`."""
        return labels[:, None] == other_labels[None, :]

    def find_classes(
        self, labels: Any, candidate_labels: Any | None = None, own: Any | None = None
    ) -> Classes:
        """See `Relation.find_classes`."""
        return find_classes(labels, candidate_labels, own)

    def as_classes(self, labels: Any) -> Any:
        """See `Relation.as_classes`."""
        return labels


def get_relation(identifier: Any) -> Relation:
    """Returns the relation that an object or a serialised config stands for.

    Args:
        identifier: A `Relation`, what `keras.saving.serialize_keras_object` made of one, or None:
            `SameClass()`.

    Raises: ValueError: If it is none of these.
    """
    if identifier is None:
        return SameClass()
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Relation):
        return identifier
    raise ValueError(
        f"`relation` must be a relation. Received: {identifier!r}. "
        "Use for instance `keras_siamese.relations.SameClass()`."
    )
