"""Pairs of one class and of two, counted, as the plots of verification take them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.evaluation.labelled_space import LabelledSpace, read_space
from keras_siamese.ops.checks import check_finite, check_same_length, check_same_values
from keras_siamese.ops.labelled_set import LabelledSet
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
    return {str(name): _count(values, labels, distance) for name, values in sets.items()}


def count_pairs_of(space: LabelledSpace, distance: Distance) -> PairCounts:
    """Counts all pairs of a set.

    Raises: ValueError: If there are none of one of the kinds.
    """
    data = LabelledSet(space.class_ids, space.embeddings, distance)
    return _checked(PairCounts.of_set(data))


def _count(values: Any, labels: Any, distance: "str | Distance") -> PairCounts:
    if np.ndim(values) != 1:
        return count_pairs_of(read_space(values, labels), distances.get(distance))
    values, same = np.asarray(values), np.asarray(labels).reshape(-1)
    check_same_length(distances=values, same=same)
    check_finite("Distances", values)
    check_same_values(same)
    return _checked(PairCounts.of_pairs(same, values))


def _checked(pairs: PairCounts) -> PairCounts:
    if not (pairs.num_positives and pairs.num_negatives):
        raise ValueError(
            "Expected pairs of one class and pairs of two classes. Received: "
            f"{pairs.num_positives:g} and {pairs.num_negatives:g}. Evaluate on a set of at least 2 "
            "classes, one of them with 2 items or more."
        )
    return pairs
