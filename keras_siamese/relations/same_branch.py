"""Items of one branch of a hierarchy of classes."""

from functools import reduce
from typing import Any

import keras
from keras import ops

from keras_siamese.ops.checks import as_label_table, check_count
from keras_siamese.relations.relation import Relation


@keras.saving.register_keras_serializable(package="keras_siamese")
class SameBranch(Relation):
    """Items match that are of one branch, down to a level of a hierarchy.

    Labels are integers, shape `(batch_size, num_levels)`, from coarse to fine: family, genus,
    species. Items match if they are equal at all levels up to `level`, so ids may be used again in
    another branch. A loss at each level, added up by `keras_siamese.losses.WeightedSum`, puts
    siblings nearer than strangers.

    Args:
        level: Column of the finest level that counts, from 0.

    Example: Two of one species, and one of another species of the same genus:

        >>> labels = keras.ops.array([[3, 0], [3, 0], [3, 1]])
        >>> genus, species = SameBranch(0), SameBranch(1)
        >>> genus.matches(labels, labels).numpy().astype(int).tolist()
        [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
        >>> species.matches(labels, labels).numpy().astype(int).tolist()
        [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """

    def __init__(self, level: int) -> None:
        self.level = check_count("level", level, least=0)

    def as_labels(self, labels: Any) -> Any:
        """See `Relation.as_labels`."""
        shape = "(batch_size, num_levels), from coarse to fine"
        return as_label_table(labels, shape, self.level + 1)

    def matches(self, labels: Any, other_labels: Any) -> Any:
        """See `Relation.matches`."""
        labels, other_labels = map(ops.convert_to_tensor, (labels, other_labels))
        at_each_level = (
            labels[:, None, level] == other_labels[None, :, level]
            for level in range(self.level + 1)
        )
        return reduce(ops.logical_and, at_each_level)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal object."""
        return {"level": self.level}
