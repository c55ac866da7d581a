"""The threshold that reaches a false match rate, a precision, a recall, or the best F1."""

import math

import numpy as np

from keras_siamese.evaluation.calibrated import CalibratedPoint
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import check_resolution, halfway, roc_curve

TARGETS = ("fmr", "precision", "recall", "f1")


def find_point(
    pairs: PairCounts, target: str, at: float | None, match_share: float
) -> CalibratedPoint:
    """Finds the threshold that reaches a target on some pairs.

    Args:
        pairs: Pairs of both kinds.
        target: One of `TARGETS`: see `keras_siamese.evaluation.calibrate`.
        at: The rate to reach.
        match_share: Share of matches for which precision is told.

    Raises: ValueError: If `at` is no rate, there are too few pairs to tell it, or it is out of
        reach.
    """
    false_rates, recalls, _ = roc_curve(pairs)
    accepted = match_share * recalls + (1 - match_share) * false_rates
    # Accepting nothing makes no mistake.
    precisions = np.divide(
        match_share * recalls, accepted, out=np.ones_like(accepted), where=accepted > 0
    )
    f1s = 2 * precisions * recalls / np.maximum(precisions + recalls, 1e-300)
    if target == "f1":
        place = int(np.argmax(f1s))
    else:
        at = check_positive("at", float("nan") if at is None else at, below=1.0)
        if target == "fmr":
            check_resolution(pairs.num_negatives, at)
            place = int(np.searchsorted(false_rates, at * (1 + 1e-12), side="right")) - 1
        elif target == "recall":
            _check_matches(pairs.num_positives, "recall", at, 1 / (1 - at))
            place = int(np.searchsorted(recalls, at * (1 - 1e-12), side="left"))
        else:
            _check_matches(pairs.num_positives, "precision", at, at / (1 - at))
            reached = np.flatnonzero(precisions[1:] >= at * (1 - 1e-12)) + 1
            if not len(reached):
                raise ValueError(
                    f"No threshold has a precision of {at:g} where {match_share:.3g} of the pairs "
                    f"match. The best is {precisions[1:].max():.4g}. Ask for less, train a better "
                    "model, or give the `match_share` of the pairs that will be met."
                )
            place = int(reached[-1])
    return CalibratedPoint(
        threshold=halfway(pairs, place - 1),
        false_match_rate=float(false_rates[place]),
        recall=float(recalls[place]),
        precision=float(precisions[place]),
        f1=float(f1s[place]),
    )


def unknown_threshold(nearest: np.ndarray, rate: float) -> float:
    """Finds the largest threshold within which at most a share of distances lies.

    Args:
        nearest: Distance of each item to the nearest one of another class, shape `(num_items,)`.
        rate: The share, above 0 and below 1.

    Returns: A threshold half-way to the next distance.

    Raises: ValueError: If there are fewer than `1 / rate` items.
    """
    rate = check_positive("fpir", rate, below=1.0)
    number = int(len(nearest) * rate * (1 + 1e-12))
    if number < 1:
        raise ValueError(
            f"A false positive identification rate of {rate:g} cannot be told from {len(nearest)} "
            f"items. Expected {math.ceil(1 / rate - 1e-6)} at least, and ten times as many for a "
            "rate to rely on."
        )
    ascending = np.sort(nearest)
    # Of equal distances, all are within the threshold or none.
    number = int(np.searchsorted(ascending, ascending[min(number, len(nearest) - 1)]))
    if number == 0:
        return float(np.nextafter(ascending[0], -np.inf))
    return float(0.5 * (ascending[number - 1] + ascending[number]))


def _check_matches(num_positives: float, what: str, at: float, least: float) -> None:
    if num_positives * (1 + 1e-9) < least:
        raise ValueError(
            f"A {what} of {at:g} cannot be told from {num_positives:g} pairs of one class: one "
            f"mistake is more. Expected {math.ceil(least - 1e-6)} pairs at least, and ten times as "
            "many for a rate to rely on. Use more validation items."
        )
