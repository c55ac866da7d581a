"""Accuracy by the protocol of Labeled Faces in the Wild: thresholds from other folds."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_siamese.evaluation.validation_pairs import read_distances
from keras_siamese.ops.checks import check_count, check_same_length
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import best_accuracy


@dataclass(frozen=True)
class FoldAccuracy:
    """What `lfw_accuracy` found.

    Attributes:
        accuracy: Mean over the folds of the share of pairs told rightly.
        standard_error: Standard deviation over the folds, over the root of their number.
        of_folds: The accuracy on each fold.
        thresholds: The threshold for each fold, found on the others.
    """

    accuracy: float
    standard_error: float
    of_folds: tuple[float, ...]
    thresholds: tuple[float, ...]


def lfw_accuracy(distances: Any, same: Any, folds: Any = 10) -> FoldAccuracy:
    """Verification accuracy, each fold by the best threshold of all others.

    A threshold lies half-way between two distances that occur; of several that are best, it is the
    smallest. A pair is taken for a match if its distance is not larger.

    Args:
        distances: Finite floats, shape `(num_pairs,)`, smaller is closer.
        same: 1 for a match, 0 for none, shape `(num_pairs,)`.
        folds: Number of folds, 2 or more, of contiguous pairs as equally many as can be; or the
            fold of each pair, integers, shape `(num_pairs,)`. Defaults to 10. The accuracy is a
            plain one: let each fold hold as many matches as others, as LFW's do.

    Returns: A `FoldAccuracy`.

    Raises: ValueError: If there are fewer than 2 folds, an empty one, or one without which there
        are not both kinds of pairs.

    Example:
        >>> lfw_accuracy([0.1, 0.9, 0.2, 0.8], [1, 0, 1, 0], folds=2).accuracy
        1.0

    Reference: [Huang et al., 2007](https://vis-www.cs.umass.edu/lfw/lfw.pdf), section IV.
    """
    distances, same = read_distances(distances, same)
    fold_of = _read_folds(folds, len(same))
    accuracies, thresholds = [], []
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        known = same[~held_out]
        if known.all() or not known.any():
            raise ValueError(
                "A threshold takes pairs of both kinds. Received: one kind only outside of fold "
                f"{fold}. Mix both kinds into each fold."
            )
        threshold = best_accuracy(PairCounts.of_pairs(known, distances[~held_out])).threshold
        accuracies.append(float(np.mean((distances[held_out] <= threshold) == same[held_out])))
        thresholds.append(threshold)
    return FoldAccuracy(
        accuracy=float(np.mean(accuracies)),
        standard_error=float(np.std(accuracies, ddof=1) / math.sqrt(len(accuracies))),
        of_folds=tuple(accuracies),
        thresholds=tuple(thresholds),
    )


def _read_folds(folds: Any, num_pairs: int) -> np.ndarray:
    if np.ndim(folds) == 0:
        num_folds = check_count("folds", folds, least=2)
        if num_folds > num_pairs:
            raise ValueError(
                f"`folds` must be at most the number of pairs. Received: {num_folds} folds of "
                f"{num_pairs} pairs."
            )
        return np.arange(num_pairs) * num_folds // num_pairs
    fold_of = np.asarray(folds)
    check_same_length(pairs=np.empty(num_pairs), folds=fold_of)
    if fold_of.ndim != 1 or fold_of.dtype.kind not in "iu" or len(np.unique(fold_of)) < 2:
        raise ValueError(
            "`folds` must be a number, or the fold of each pair: integers, 2 different ones or "
            f"more. Received: {fold_of.dtype}, shape {fold_of.shape}."
        )
    return fold_of
