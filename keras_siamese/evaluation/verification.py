"""Verification: are two items of one class? Error rates over all pairs, or over given ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_siamese import distances as distances_module
from keras_siamese.distances import Distance
from keras_siamese.evaluation.validation_pairs import count_distances, count_pairs
from keras_siamese.ops.checks import check_count, check_positive
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import (
    DistanceHistogram,
    RateAtThreshold,
    RocCurve,
    best_accuracy,
    d_prime,
    distance_histogram,
    equal_error_rate,
    pr_auc,
    roc_auc,
    roc_curve,
    true_accept_rate,
)

FALSE_ACCEPT_RATES = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class VerificationResult:
    """What `evaluate_verification` found. Thresholds accept a pair at that distance, or closer.

    They are those of the pairs that were evaluated: see `calibrate` for thresholds to use.

    Attributes:
        num_positives: Number of pairs of one class.
        num_negatives: Number of pairs of two classes.
        roc_auc: Probability that a pair of one class is closer than a pair of two, ties one half.
        roc_auc_error_bound: By how much it may be off: 0 up to 2**26 pairs, at most 1e-6 beyond.
        pr_auc: Average precision of finding the pairs of one class.
        equal_error_rate: Rate, with its threshold, at which false accepts are as frequent as false
            rejects.
        true_accept_rates: False accept rate -> share of the pairs of one class accepted there, with
            the threshold. `1 - rate` is the false non-match rate at that false match rate.
        d_prime: Gap between the mean distances in units of their spread.
        balanced_accuracy: Mean of the shares of both kinds that are told rightly, with the best
            threshold. Plain accuracy means nothing where most pairs are of two classes.
        mean_positive_distance: Mean distance of pairs of one class.
        mean_negative_distance: Mean distance of pairs of two classes.
        roc: The ROC curve, in a bounded number of points.
        histogram: Distances of both kinds of pairs, in 100 bins.
    """

    num_positives: int
    num_negatives: int
    roc_auc: float
    roc_auc_error_bound: float
    pr_auc: float
    equal_error_rate: RateAtThreshold
    true_accept_rates: Mapping[float, RateAtThreshold]
    d_prime: float
    balanced_accuracy: RateAtThreshold
    mean_positive_distance: float
    mean_negative_distance: float
    roc: RocCurve = field(repr=False)
    histogram: DistanceHistogram = field(repr=False)

    @property
    def figures(self) -> dict[str, float]:
        """Name -> figure, as the metrics of `keras_siamese.metrics` name them."""
        return {
            "pair_auc": self.roc_auc,
            "pair_pr_auc": self.pr_auc,
            "equal_error_rate": self.equal_error_rate.rate,
            **{
                f"true_accept_rate_at_far_{far:g}": accepted.rate
                for far, accepted in self.true_accept_rates.items()
            },
            "d_prime": self.d_prime,
            "balanced_accuracy": self.balanced_accuracy.rate,
            "mean_positive_distance": self.mean_positive_distance,
            "mean_negative_distance": self.mean_negative_distance,
            "distance_gap": self.mean_negative_distance - self.mean_positive_distance,
        }


def evaluate_verification(
    embeddings: Any,
    labels: Any,
    *,
    pairs: Any = None,
    distance: "str | Distance" = "euclidean",
    fars: Sequence[float] | None = None,
    max_points: int = 1000,
) -> VerificationResult:
    """Evaluates "are these two of one class?" over all pairs of a set, or over given ones.

    Time grows with the square of the set, memory does not beyond 2**26 pairs: 60,000 items have
    1.8 billion pairs and take about as long as two of their matrix products.

    Args:
        embeddings: Finite numbers, shape `(num_items, ...)`. Further axes are flattened.
        labels: Class labels: integers or names, shape `(num_items,)`.
        pairs: Which pairs: `keras_siamese.data.VerificationPairs`, or places of the first and of
            the second items, two arrays of integers. Defaults to all unordered pairs (in both
            orders, if the distance depends on the order).
        distance: Name or `keras_siamese.distances.Distance`.
        fars: False accept rates at which to tell the true one. Defaults to those of 0.1, 0.01 and
            0.001 for which there are pairs enough, 10 to be accepted.
        max_points: Points of the ROC curve, at most. Defaults to 1000.

    Returns: A `VerificationResult`.

    Raises: ValueError: If there are not both kinds of pairs, or too few for one of `fars` (the
        message says how many it takes), lengths differ, labels are floats or missing, or an
        embedding is not finite.

    Example:
        >>> result = evaluate_verification([[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1])
        >>> result.roc_auc
        0.9375
    """
    counts, _ = count_pairs(embeddings, labels, pairs, distances_module.get(distance))
    return _evaluate(counts, fars, max_points)


def evaluate_pair_distances(
    distances: Any, same: Any, *, fars: Sequence[float] | None = None, max_points: int = 1000
) -> VerificationResult:
    """Evaluates verification of pairs that are given by their distance.

    Args:
        distances: Finite floats, shape `(num_pairs,)`, smaller is closer. Of similarities, give
            the negated ones.
        same: 1 for a match, 0 for none, shape `(num_pairs,)`.
        fars: See `evaluate_verification`.
        max_points: See `evaluate_verification`.

    Returns: A `VerificationResult`.

    Raises: ValueError: If there are not both kinds of pairs, or too few for one of `fars`, lengths
        differ, or a distance is not finite.

    Example:
        >>> evaluate_pair_distances([0.1, 0.4, 0.4, 0.9], [1, 1, 0, 0]).roc_auc
        0.875
    """
    return _evaluate(count_distances(distances, same), fars, max_points)


def _evaluate(
    counts: PairCounts, fars: Sequence[float] | None, max_points: int
) -> VerificationResult:
    check_count("max_points", max_points, least=3)
    if fars is None:
        fars = [far for far in FALSE_ACCEPT_RATES if far * counts.num_negatives >= 10]
    fars = [check_positive("fars", far, below=1.0) for far in fars]
    return VerificationResult(
        num_positives=int(counts.num_positives),
        num_negatives=int(counts.num_negatives),
        roc_auc=roc_auc(counts),
        roc_auc_error_bound=counts.area_error_bound,
        pr_auc=pr_auc(counts),
        equal_error_rate=equal_error_rate(counts),
        true_accept_rates={far: true_accept_rate(counts, far) for far in fars},
        d_prime=d_prime(counts),
        balanced_accuracy=best_accuracy(counts, balanced=True),
        mean_positive_distance=counts.positive_mean,
        mean_negative_distance=counts.negative_mean,
        roc=roc_curve(counts, max_points),
        histogram=distance_histogram(counts),
    )
