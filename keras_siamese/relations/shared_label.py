"""Items that share labels, of several that each may have."""

from typing import Any

import keras
from keras import ops

from keras_siamese.ops.checks import as_label_table, check_count
from keras_siamese.relations.relation import Relation


@keras.saving.register_keras_serializable(package="keras_siamese")
class SharedLabel(Relation):
    """Items match that have at least `least` labels in common.

    Labels are multi-hot integers, shape `(batch_size, num_labels)`: 0 where an item does not have
    the label, anything else where it has. An item with fewer than `least` labels matches none but
    itself. Matching does not carry over from a common neighbour: there are no classes, so metrics
    over whole sets are refused.

    Args:
        least: How many. Defaults to 1.

    Example: The first and the second item are both red, the second and the third both round:

        >>> labels = keras.ops.array([[1, 0], [1, 1], [0, 1]])
        >>> relation = SharedLabel()
        >>> relation.matches(labels, labels).numpy().astype(int).tolist()
        [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    """

    def __init__(self, least: int = 1) -> None:
        self.least = check_count("least", least)

    def as_labels(self, labels: Any) -> Any:
        """See `Relation.as_labels`."""
        return as_label_table(labels, "(batch_size, num_labels), multi-hot", self.least)

    def matches(self, labels: Any, other_labels: Any) -> Any:
        """See `Relation.matches`."""
        # Counts up to 2**24 are exact, and there is a fast matrix product of floats alone.
        labels, other_labels = (ops.cast(x != 0, "float32") for x in (labels, other_labels))
        return ops.matmul(labels, ops.transpose(other_labels)) >= self.least

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal object."""
        return {"least": self.least}
