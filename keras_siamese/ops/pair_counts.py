"""How many pairs of one class, and of two, lie within each distance."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_siamese.ops.pair_bins import PairBins, mean_and_std
from keras_siamese.ops.pair_histogram import PairHistogram
from keras_siamese.ops.set_pairs import SetPairs
from keras_siamese.ops.sorted_pairs import SortedPairs

# Up to here each distance is a threshold.
MAX_LISTED_PAIRS = 2**20
# Up to here all distances are sorted: all pairs of 11,585 items, 256 MiB.
MAX_SORTED_PAIRS = 2**26
# Beyond, the area under the ROC curve is at least this close to the exact one.
AREA_TOLERANCE = 1e-6
_MAX_THRESHOLDS = 2**21


@dataclass(frozen=True)
class PairCounts:
    """How many pairs of one class, and of two, lie within each distance.

    This is all that figures of verification need: see `keras_siamese.ops.verification`.

    Attributes:
        thresholds: Ascending distances, the last of which no pair exceeds, shape `(T,)`, float64.
        beyond: The next larger distance that may occur after each threshold, shape `(T,)`: up to
            it, the same pairs are accepted. At the last threshold, the same again.
        positives_within: Number of pairs of one class as close as each threshold or closer, shape
            `(T,)`; of weighted pairs, the sum of their weights.
        negatives_within: The same for pairs of two classes.
        num_positives: Number of pairs of one class, or the sum of their weights.
        num_negatives: The same for pairs of two classes.
        positive_mean: Mean distance of pairs of one class; NaN if there is none.
        positive_std: Their standard deviation: the root of the mean squared deviation.
        negative_mean: Mean distance of pairs of two classes; NaN if there is none.
        negative_std: Their standard deviation.
        area: Area under the ROC curve, `P(positive < negative) + P(positive = negative) / 2`; NaN
            without both kinds of pairs.
        area_error_bound: By how much `area` may be off; 0 where it is exact.
    """

    thresholds: np.ndarray
    beyond: np.ndarray
    positives_within: np.ndarray
    negatives_within: np.ndarray
    num_positives: float
    num_negatives: float
    positive_mean: float
    positive_std: float
    negative_mean: float
    negative_std: float
    area: float
    area_error_bound: float = 0.0

    @classmethod
    def of_pairs(
        cls, same: np.ndarray, distances: np.ndarray, weights: np.ndarray | None = None
    ) -> "PairCounts":
        """Counts given pairs, exactly: each distance that occurs is a threshold.

        Args:
            same: 1 for a match, 0 for a mismatch, shape `(num_pairs,)`, not empty.
            distances: Finite floats, shape `(num_pairs,)`.
            weights: For how much each pair counts, shape `(num_pairs,)`, not negative. Defaults to
                1 each.
        """
        same, distances = np.asarray(same).astype(bool), np.asarray(distances)
        weights = np.ones(len(same), np.int64) if weights is None else np.asarray(weights)
        order = np.argsort(distances)
        ascending, same, weights = distances[order], same[order], weights[order]
        first = np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))
        positives, negatives = (
            np.add.reduceat(np.where(kind, weights, 0), first) for kind in (same, ~same)
        )
        values = ascending[first].astype(np.float64)
        bins = PairBins(values, values, positives, negatives, np.ones(len(values), bool))
        return cls._of_bins(bins, bins.area())

    @classmethod
    def of_set(cls, data: Any) -> "PairCounts":
        """Counts all unordered pairs of a set; both orders, if the distance is not symmetric.

        Pairs of identical embeddings are all equally far apart, and identical embeddings are
        exactly as far as each other from any third one.

        - Up to 2**20 pairs, each distance is a threshold, and all figures are exact.
        - Up to 2**26 pairs (11,585 items), distances are sorted. The area is exact, and means and
          standard deviations are to the digits of float32. At most 2**-14 of the pairs of a kind
          lie between two thresholds.
        - Beyond, distances are counted in 2**21 equal bins, up to 2**21 of whose ends are
          thresholds. Bins
          that hold too many pairs of both kinds are divided, and counted anew, until the area is
          within 1e-6 and means are within 1e-6 of the mean absolute distance, whatever the data.

        Beside two copies of the embeddings, it takes 4 bytes a pair, or about 170 MiB beyond 2**26.

        Args:
            data: A `LabelledSet` of 2 items or more.

        Raises: ValueError: If a distance is not finite.
        """
        pairs = SetPairs(data.labels, data.embeddings, data.distance)
        num_pairs = pairs.num_positives + pairs.num_negatives
        if num_pairs <= MAX_LISTED_PAIRS:
            return cls.of_pairs(*pairs.all())
        if num_pairs <= MAX_SORTED_PAIRS:
            ascending = SortedPairs(pairs)
            moments = ascending.moments()
            return cls._of_bins(ascending.bins(), ascending.area(), moments=moments)
        bins = PairHistogram(pairs, AREA_TOLERANCE).bins()
        return cls._of_bins(bins, bins.area(), float(bins.area_errors().sum()))

    @classmethod
    def _of_bins(
        cls,
        bins: PairBins,
        area: float,
        area_error_bound: float = 0.0,
        moments: "list[tuple[float, float]] | None" = None,
    ) -> "PairCounts":
        within = [np.cumsum(bins.positives), np.cumsum(bins.negatives)]
        num_positives, num_negatives = (of_kind[-1].item() for of_kind in within)
        middle = 0.5 * (bins.least + bins.greatest)
        if moments is None:
            moments = [mean_and_std(middle, counts) for counts in (bins.positives, bins.negatives)]
        step = -(-len(middle) // _MAX_THRESHOLDS)
        kept = slice((len(middle) - 1) % step, None, step)
        return cls(
            bins.greatest[kept],
            np.append(bins.least[1:], bins.greatest[-1:])[kept],
            within[0][kept],
            within[1][kept],
            num_positives,
            num_negatives,
            *moments[0],
            *moments[1],
            area=area,
            area_error_bound=area_error_bound,
        )
