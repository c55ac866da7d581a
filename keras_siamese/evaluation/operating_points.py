"""Thresholds on a distance, and how often each takes pairs for what they are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import true_accept_rate

FALSE_MATCH_RATES = (0.1, 0.01, 0.001, 0.0001)
# With fewer such pairs a rate is that of a handful of them.
_LEAST_PAIRS = 10


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold: pairs as close as it, or closer, are taken for one class.

    Attributes:
        name: What it was chosen for.
        threshold: A distance.
        false_match_rate: Share of the pairs of two classes that are taken for one.
        false_non_match_rate: Share of the pairs of one class that are taken for two.
    """

    name: str
    threshold: float
    false_match_rate: float
    false_non_match_rate: float


def find_operating_points(
    pairs: PairCounts, rates: Sequence[float] = FALSE_MATCH_RATES
) -> list[OperatingPoint]:
    """Finds the largest threshold at which the false-match rate is within each of some rates.

    Args:
        pairs: Pairs of both kinds.
        rates: Between 0 and 1. Left out are those that stand for fewer than 10 pairs.

    Returns: The points, in the order of `rates`. Left out are also those that would take no pair
        for one class.
    """
    resolved = [rate for rate in rates if rate * pairs.num_negatives >= _LEAST_PAIRS]
    thresholds = {point_name(rate): true_accept_rate(pairs, rate).threshold for rate in resolved}
    least = pairs.thresholds[0]
    return points_at(pairs, {name: at for name, at in thresholds.items() if at >= least})


def points_at(pairs: PairCounts, thresholds: Mapping[str, float]) -> list[OperatingPoint]:
    """Returns how thresholds do that were chosen elsewhere.

    Args:
        pairs: Pairs of both kinds.
        thresholds: Name -> distance.
    """
    points = []
    for name, threshold in thresholds.items():
        place = np.searchsorted(pairs.thresholds, threshold, "right")
        accepted = [
            float(np.append(0, within)[place] / total)
            for within, total in (
                (pairs.negatives_within, pairs.num_negatives),
                (pairs.positives_within, pairs.num_positives),
            )
        ]
        points.append(OperatingPoint(name, threshold, accepted[0], 1.0 - accepted[1]))
    return points


def point_name(rate: float) -> str:
    """Returns what the point of a false-match rate is called."""
    return f"FMR {100 * rate:g}%"
