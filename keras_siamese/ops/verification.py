"""Figures of verification, "is this pair of one class?", as functions of `PairCounts`."""

import math
from typing import NamedTuple

import numpy as np

from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.pair_counts import PairCounts


class RateAtThreshold(NamedTuple):
    """A rate, and the threshold that gives it.

    Attributes:
        rate: In [0, 1].
        threshold: Pairs at this distance, and closer ones, are accepted.
    """

    rate: float
    threshold: float


class RocCurve(NamedTuple):
    """Points of a ROC curve, from accepting nothing to accepting everything.

    Attributes:
        false_accept_rates: Share of the pairs of two classes that is accepted, ascending,
            shape `(num_points,)`.
        true_accept_rates: Share of the pairs of one class that is accepted, likewise.
        thresholds: Largest accepted distance of each point; the first one accepts nothing.
    """

    false_accept_rates: np.ndarray
    true_accept_rates: np.ndarray
    thresholds: np.ndarray


def roc_curve(pairs: PairCounts, max_points: int | None = None) -> RocCurve:
    """The ROC curve: false and true accept rate at each threshold.

    Args:
        pairs: Pairs of both kinds.
        max_points: If given, about so many points at most, 3 or more: evenly spread along the
            curve, and over the logarithm of the false accept rate.
    """
    false_rates = np.append(0.0, pairs.negatives_within / pairs.num_negatives)
    true_rates = np.append(0.0, pairs.positives_within / pairs.num_positives)
    thresholds = np.append(_below(pairs), pairs.thresholds)
    curve = RocCurve(false_rates, true_rates, thresholds)
    if max_points is None or len(thresholds) <= max_points:
        return curve
    half = max_points // 2
    along = np.searchsorted(false_rates + true_rates, np.linspace(0, 2, max_points - half))
    least = 1 / pairs.num_negatives
    by_logarithm = np.searchsorted(false_rates, np.geomspace(least, 1, half)) if half else along
    chosen = np.unique(np.minimum(np.append(along, by_logarithm), len(thresholds) - 1))
    chosen[-1] = len(thresholds) - 1
    return RocCurve(*(values[chosen] for values in curve))


def roc_auc(pairs: PairCounts) -> float:
    """Probability that a match is closer than a mismatch, ties counted one half.

    The Mann-Whitney statistic with midranks; see `PairCounts.area_error_bound`.
    """
    return pairs.area


def pr_auc(pairs: PairCounts) -> float:
    """Average precision of finding the matches: `sum of (R_k - R_(k-1)) * P_k`.

    `R_k` and `P_k` are recall and precision at the k-th threshold, at which equal distances are
    accepted together. This is scikit-learn's `average_precision_score`: no interpolation.
    """
    accepted = pairs.positives_within + pairs.negatives_within
    precisions = pairs.positives_within / np.maximum(accepted, 1e-300)
    recalled = np.diff(pairs.positives_within, prepend=0) / pairs.num_positives
    return float(recalled @ precisions)


def equal_error_rate(pairs: PairCounts) -> RateAtThreshold:
    """Where as large a share of the mismatches is accepted as of the matches is rejected.

    The ROC curve is taken as straight between its points; so is the threshold.
    """
    false_rates, true_rates, thresholds = roc_curve(pairs)
    excess = false_rates + true_rates - 1  # Ascending from -1 to 1.
    after = int(np.argmax(excess >= 0))
    before = after - 1
    share = -excess[before] / (excess[after] - excess[before])
    rate = false_rates[before] + share * (false_rates[after] - false_rates[before])
    threshold = thresholds[before] + share * (thresholds[after] - thresholds[before])
    return RateAtThreshold(float(rate), float(threshold))


def true_accept_rate(pairs: PairCounts, far: float) -> RateAtThreshold:
    """Share of the matches accepted at the largest threshold with a false accept rate of `far`.

    Args:
        pairs: Pairs of both kinds.
        far: Largest share of the mismatches to accept, above 0 and below 1.

    Returns: The rate, and the largest threshold with at most `far`. Where none has, nothing is
        accepted: the rate is 0, and the threshold below all distances.

    Raises: ValueError: If there are fewer than `1 / far` mismatches; the message says how many it
        takes.
    """
    far = check_positive("far", far, below=1.0)
    check_resolution(pairs.num_negatives, far)
    # Rates like 3 / 1000 have no exact float.
    largest = far * pairs.num_negatives * (1 + 1e-12)
    accepted = int(np.searchsorted(pairs.negatives_within, largest, side="right"))
    if accepted == 0:
        return RateAtThreshold(0.0, _below(pairs))
    rate = pairs.positives_within[accepted - 1] / pairs.num_positives
    return RateAtThreshold(float(rate), float(pairs.thresholds[accepted - 1]))


def false_non_match_rate(pairs: PairCounts, fmr: float) -> RateAtThreshold:
    """Share of the matches rejected at the largest threshold with a false match rate of `fmr`.

    It is 1 less the `true_accept_rate` there.

    Args:
        pairs: Pairs of both kinds.
        fmr: Largest share of the mismatches to accept, above 0 and below 1.

    Raises: ValueError: If there are fewer than `1 / fmr` mismatches.
    """
    fmr = check_positive("fmr", fmr, below=1.0)
    rate, threshold = true_accept_rate(pairs, fmr)
    return RateAtThreshold(1.0 - rate, threshold)


def check_resolution(num_negatives: float, rate: float) -> None:
    """Checks that so many mismatches can tell whether `rate` of them is accepted.

    Raises: ValueError: If one of them is already more.
    """
    if num_negatives * rate * (1 + 1e-12) < 1:
        raise ValueError(
            f"A rate of {rate:g} cannot be told from {num_negatives:g} pairs of two classes: one "
            f"of them is more. Expected {math.ceil(1 / rate - 1e-6)} pairs at least, and "
            f"{math.ceil(10 / rate - 1e-6)} or more for a rate to rely on. Use more validation "
            "items, or a higher rate."
        )


def d_prime(pairs: PairCounts) -> float:
    """Difference of the mean distances over the root of the mean variance of both kinds.

    0 where the means are equal, infinite where they differ and no distance within a kind does.
    """
    difference = pairs.negative_mean - pairs.positive_mean
    spread = math.sqrt(0.5 * (pairs.positive_std**2 + pairs.negative_std**2))
    if spread == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / spread


def best_accuracy(pairs: PairCounts, balanced: bool = False) -> RateAtThreshold:
    """The largest share of pairs that one threshold tells apart rightly.

    Args:
        pairs: Pairs of both kinds.
        balanced: Whether matches count as much as mismatches, however few there are: the mean of
            the shares of both. All pairs of a set are mostly mismatches, and to reject them all is
            an accuracy near 1.

    Returns: The accuracy, and the threshold: half-way to the next distance, of the best ones the
        smallest.
    """
    false_rates, true_rates, _ = roc_curve(pairs)
    weight = 0.5 if balanced else pairs.num_positives / (pairs.num_positives + pairs.num_negatives)
    accuracies = weight * true_rates + (1 - weight) * (1 - false_rates)
    # Equal but for rounding.
    best = int(np.argmax(accuracies >= accuracies.max() - 1e-12))
    return RateAtThreshold(float(accuracies[best]), halfway(pairs, best - 1))


def halfway(pairs: PairCounts, place: int) -> float:
    """A threshold half-way to the next distance, which accepts the same pairs.

    Args:
        pairs: Pairs of both kinds.
        place: Which threshold; -1 for one that accepts nothing.
    """
    if place < 0:
        return _below(pairs)
    return float(0.5 * (pairs.thresholds[place] + pairs.beyond[place]))


class DistanceHistogram(NamedTuple):
    """Shares of the pairs of each kind in equal bins of their distance.

    Attributes:
        edges: Where the bins begin and end, shape `(num_bins + 1,)`.
        positives: Share of the pairs of one class in each bin, shape `(num_bins,)`.
        negatives: The same for pairs of two classes.
    """

    edges: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray


def distance_histogram(pairs: PairCounts, num_bins: int = 100) -> DistanceHistogram:
    """Counts pairs in equal bins, from the least to the greatest distance.

    Args:
        pairs: Pairs of both kinds.
        num_bins: Number of bins.
    """
    low, high = pairs.thresholds[0], pairs.thresholds[-1]
    edges = np.linspace(low, high if high > low else low + 1, num_bins + 1)
    places = np.searchsorted(pairs.thresholds, edges[1:], side="right") - 1
    places[-1] = len(pairs.thresholds) - 1
    positives = np.diff(pairs.positives_within[places], prepend=0) / pairs.num_positives
    negatives = np.diff(pairs.negatives_within[places], prepend=0) / pairs.num_negatives
    return DistanceHistogram(edges, positives, negatives)


def _below(pairs: PairCounts) -> float:
    return float(np.nextafter(pairs.thresholds[0], -np.inf))
