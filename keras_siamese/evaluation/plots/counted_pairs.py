"""Pairs of one class and of two, counted, as the plots of verification take them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation import validation_pairs
from keras_siamese.ops.pair_counts import PairCounts


def count_pairs(embeddings: Any, labels: Any, distance: "str | Distance") -> dict[str, PairCounts]:
    """Counts the pairs of one set, or of several with the same labels.

    Args:
        embeddings: Shape `(num_items, ...)`; or distances of given pairs, shape `(num_pairs,)`; or
            several: name -> one of these.
        labels: Class of each item; of given pairs 1 for a match and 0 for none.
        distance: The distance of embeddings.

    Returns: The counts under their names, `""` if there was none.

    Raises: ValueError: If there is nothing, lengths differ, values are not finite, or there are no
        pairs of one of the kinds.
    """
    sets = embeddings if isinstance(embeddings, Mapping) else {"": embeddings}
    if not sets:
        raise ValueError("`embeddings` is empty. Expected {name: embeddings}.")
    measured = distances.get(distance)

    def count(values: Any) -> PairCounts:
        if np.ndim(values) == 1:
            return validation_pairs.count_distances(values, labels)
        return validation_pairs.count_pairs(values, labels, None, measured)[0]

    return {str(name): count(values) for name, values in sets.items()}
