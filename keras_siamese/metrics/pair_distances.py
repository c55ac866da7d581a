"""Distances of pairs of one class and of pairs of two: means, ratio, gap and separation."""

import math

import keras

from keras_siamese.metrics.pair_metric import PairMetric
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import d_prime


@keras.saving.register_keras_serializable(package="keras_siamese")
class MeanPositiveDistance(PairMetric):
    """Mean distance over all unordered pairs of one class. Smaller is better, at a given spread.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `mean_positive_distance`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of one class.

    Example:
        >>> metric = keras_siamese.metrics.MeanPositiveDistance()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> float(metric.result())
        1.5
    """

    default_name = "mean_positive_distance"
    _direction = "down"
    needs_negatives = False

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return pairs.positive_mean


@keras.saving.register_keras_serializable(package="keras_siamese")
class MeanNegativeDistance(PairMetric):
    """Mean distance over all unordered pairs of two classes. Larger is better, at a given scale.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `mean_negative_distance`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of two classes.

    Example:
        >>> metric = keras_siamese.metrics.MeanNegativeDistance()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> float(metric.result())  # 3, 5, 2 and 4
        3.5
    """

    default_name = "mean_negative_distance"
    _direction = "up"
    needs_positives = False

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return pairs.negative_mean


@keras.saving.register_keras_serializable(package="keras_siamese")
class DistanceRatio(PairMetric):
    """Mean distance of pairs of two classes, over that of pairs of one. Larger is better.

    1 means no separation, and is also the value where both means are 0, which is total collapse. If
    only the pairs of one class are at 0, it is infinite.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: One that is never negative. See `EmbeddingMetric`.
        name: Defaults to `distance_ratio`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of one class, without one of two, or if a mean
        distance is negative, as inner products can be.

    Example:
        >>> metric = keras_siamese.metrics.DistanceRatio()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> round(float(metric.result()), 4)  # 3.5 / 1.5
        2.3333
    """

    default_name = "distance_ratio"
    _direction = "up"

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        positive, negative = pairs.positive_mean, pairs.negative_mean
        if positive < 0 or negative < 0:
            raise ValueError(
                "A ratio of distances needs distances that are never negative. Received: means of "
                f"{positive:.3g} (positives) and {negative:.3g} (negatives). Use another "
                "`distance`, such as 'cosine', for this metric, or `DistanceGap`."
            )
        if positive == 0:
            return 1.0 if negative == 0 else math.inf
        return negative / positive


@keras.saving.register_keras_serializable(package="keras_siamese")
class DistanceGap(PairMetric):
    """Mean distance of pairs of two classes, less that of pairs of one. Larger is better.

    It has the unit of the distance: compare it between models of one scale, such as those with unit
    embeddings. 0 means no separation.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `distance_gap`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of one class, or without one of two.

    Example:
        >>> metric = keras_siamese.metrics.DistanceGap()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> float(metric.result())  # 3.5 - 1.5
        2.0
    """

    default_name = "distance_gap"
    _direction = "up"

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return pairs.negative_mean - pairs.positive_mean


@keras.saving.register_keras_serializable(package="keras_siamese")
class DPrime(PairMetric):
    """Gap between the mean distances of both kinds of pairs, in units of their spread.

    `(mean of two classes - mean of one) / sqrt((variance of two + variance of one) / 2)`: how far
    the two histograms stand apart, whatever the scale. 0 means no separation, and is the value of a
    collapsed set, too. If the means differ and no distance within a kind does, it is infinite.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `d_prime`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of one class, or without one of two.

    Example:
        >>> metric = keras_siamese.metrics.DPrime()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> round(float(metric.result()), 4)  # 2 / sqrt((1.25 + 0.25) / 2)
        2.3094

    Reference: [Daugman, 2000](https://www.cl.cam.ac.uk/techreports/UCAM-CL-TR-482.pdf), equation 1.
    """

    default_name = "d_prime"
    _direction = "up"

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return d_prime(pairs)
