"""The probability that a pair is a match, as a function of its distance."""

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from keras_siamese.ops.pair_counts import PairCounts

_MAX_POINTS = 2**14


@dataclass(frozen=True)
class IsotonicProbability:
    """Probabilities at some distances, straight in between, level beyond.

    Attributes:
        distances: Ascending.
        probabilities: In [0, 1], none larger than the one before.
    """

    distances: tuple[float, ...]
    probabilities: tuple[float, ...]

    def of(self, distances: np.ndarray) -> np.ndarray:
        """The probability that pairs at these distances match."""
        return np.interp(distances, self.distances, self.probabilities)


@dataclass(frozen=True)
class LogisticProbability:
    """`1 / (1 + exp(slope * distance + offset))`.

    Attributes:
        slope: Positive where matches are closer.
        offset: Any number.
    """

    slope: float
    offset: float

    def of(self, distances: np.ndarray) -> np.ndarray:
        """The probability that pairs at these distances match."""
        logits = self.slope * np.asarray(distances, np.float64) + self.offset
        return 0.5 - 0.5 * np.tanh(0.5 * logits)


def fit_isotonic(pairs: PairCounts, match_share: float) -> IsotonicProbability:
    """Fits the best curve that never rises, by isotonic regression.

    Args:
        pairs: Pairs of both kinds; beyond 16,384 thresholds, groups of pairs at similar distances.
        match_share: Share of the matches among the pairs that probabilities are for.

    Reference: [Zadrozny and Elkan, 2002](https://doi.org/10.1145/775047.775151).
    """
    distances, matches, others = _weighted(pairs, match_share)
    weights = matches + others
    curve = IsotonicRegression(increasing=False, y_min=0.0, y_max=1.0)
    curve.fit(distances, matches / weights, sample_weight=weights)
    points = curve.X_thresholds_, curve.y_thresholds_
    return IsotonicProbability(*(tuple(map(float, values)) for values in points))


def fit_logistic(pairs: PairCounts, match_share: float) -> LogisticProbability:
    """Fits a logistic curve, with the targets `(P + 1) / (P + 2)` and `1 / (N + 2)` of Platt.

    Args:
        pairs: As for `fit_isotonic`.
        match_share: As for `fit_isotonic`.

    Reference: Platt, 1999, "Probabilistic outputs for support vector machines", section 2.2.
    """
    distances, matches, others = _weighted(pairs, match_share)
    yes = (pairs.num_positives + 1) / (pairs.num_positives + 2)
    no = 1 / (pairs.num_negatives + 2)
    weights = [matches * yes + others * no, matches * (1 - yes) + others * (1 - no)]
    centre, scale = distances.mean(), distances.std() or 1.0
    curve = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    curve.fit(
        np.tile((distances - centre) / scale, 2)[:, None],
        np.repeat([1, 0], len(distances)),
        sample_weight=np.concatenate(weights) * len(distances),
    )
    slope = -float(curve.coef_[0, 0]) / float(scale)
    return LogisticProbability(slope, -float(curve.intercept_[0]) - slope * float(centre))


def _weighted(pairs: PairCounts, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns distances, and the weights there of matches and of other pairs: 1 in all."""
    matches = pairs.positives_within / pairs.num_positives
    others = pairs.negatives_within / pairs.num_negatives
    last = len(matches) - 1
    kept = np.arange(last + 1)
    if last >= _MAX_POINTS:
        kept = np.searchsorted(matches + others, np.linspace(0, 2, _MAX_POINTS + 1)[1:])
        kept = np.unique(np.append(np.minimum(kept, last), last))
    weights = (
        share * np.diff(matches[kept], prepend=0),
        (1 - share) * np.diff(others[kept], prepend=0),
    )
    filled = weights[0] + weights[1] > 0
    return pairs.thresholds[kept][filled], weights[0][filled], weights[1][filled]
