"""The label of a query, by the votes of its neighbours."""

from typing import Any

import numpy as np

from keras_siamese.index.labels import NAMES, LabelColumn

UNKNOWN_NAME, UNKNOWN_INTEGER = "unknown", -1


def vote(
    labels: np.ndarray, distances: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the label that most of the neighbours within a distance have.

    Of labels with as many votes, that of the nearest neighbour wins.

    Args:
        labels: Labels of the neighbours, nearest first, shape `(num_queries, k)`.
        distances: Their distances, shape `(num_queries, k)`.
        threshold: Neighbours farther away have no vote.

    Returns: `(winners, is_known)`, shapes `(num_queries,)`: the rank of the nearest neighbour with
        the label that won, and whether any neighbour had a vote.
    """
    has_vote = distances <= threshold
    votes = np.zeros(labels.shape, np.int64)
    for rank in range(labels.shape[1]):
        votes += (labels == labels[:, rank, None]) & has_vote[:, rank, None]
    winners = np.where(has_vote, votes, 0).argmax(axis=1)
    return winners, np.asarray(has_vote.any(axis=1))


def as_unknown_label(unknown_label: Any, labels: LabelColumn) -> Any:
    """Returns the label of queries that are nothing in the index.

    Args:
        unknown_label: What the user gave; None: `"unknown"` among names, -1 among integers.
        labels: The labels in the index.

    Raises: ValueError: If the index has no labels, the label is of another kind, or one of them.
    """
    if labels.kind is None:
        raise ValueError("The items of the index have no labels. Give `y` to `add` to predict any.")
    is_names = labels.kind == NAMES
    if unknown_label is None:
        unknown_label = UNKNOWN_NAME if is_names else UNKNOWN_INTEGER
    is_right = isinstance(unknown_label, str if is_names else int | np.integer)
    if not is_names and is_right:
        is_right = not isinstance(unknown_label, bool) and -(2**63) <= unknown_label < 2**63
    if not is_right:
        raise ValueError(
            f"`unknown_label` must be of the kind of the labels, {labels.kind}. "
            f"Received: {unknown_label!r}."
        )
    if unknown_label in labels:
        raise ValueError(
            f"`unknown_label` must be no label of the index. Received: {unknown_label!r}, which is "
            "one. Give another."
        )
    return unknown_label
