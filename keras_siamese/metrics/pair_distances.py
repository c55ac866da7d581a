"""Mean distances of pairs of one class and of pairs of two, and their ratio."""

import math
from collections.abc import Callable

from typing import Any

import keras

from keras_siamese.metrics.embedding_metric import EmbeddingMetric
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.distance_blocks import DistanceBlock
from keras_siamese.ops.distance_blocks import DistanceBlocks as LabelledSet


@keras.saving.register_keras_serializable(package="keras_siamese")
class MeanPositiveDistance(EmbeddingMetric):
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

    def start(self, data: LabelledSet | GivenPairs) -> Any:
        """See `EmbeddingMetric.start`."""
        _check_positive_pairs(self.name, data)
        return _PairMeans(data, lambda positive, negative: positive)


@keras.saving.register_keras_serializable(package="keras_siamese")
class MeanNegativeDistance(EmbeddingMetric):
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

    def start(self, data: LabelledSet | GivenPairs) -> Any:
        """See `EmbeddingMetric.start`."""
        _check_negative_pairs(self.name, data)
        return _PairMeans(data, lambda positive, negative: negative)


@keras.saving.register_keras_serializable(package="keras_siamese")
class DistanceRatio(EmbeddingMetric):
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

    def start(self, data: LabelledSet | GivenPairs) -> Any:
        """See `EmbeddingMetric.start`."""
        _check_positive_pairs(self.name, data)
        _check_negative_pairs(self.name, data)
        return _PairMeans(data, _ratio)


class _PairMeans:
    def __init__(
        self, data: LabelledSet | GivenPairs, figure: Callable[[float, float], float]
    ) -> None:
        self._data, self._figure = data, figure
        self._positive_sum, self._negative_sum = 0.0, 0.0

    def add(self, block: DistanceBlock | GivenPairs) -> None:
        self._positive_sum += block.positive_sum
        self._negative_sum += block.negative_sum

    def result(self) -> float:
        # A count of 0 belongs to a mean that the figure does not use.
        return self._figure(
            self._positive_sum / max(1, self._data.num_positive_pairs),
            self._negative_sum / max(1, self._data.num_negative_pairs),
        )


def _ratio(positive: float, negative: float) -> float:
    if positive < 0 or negative < 0:
        raise ValueError(
            "A ratio of distances needs distances that are never negative. Received: means of "
            f"{positive:.3g} (positives) and {negative:.3g} (negatives). Use another `distance`, "
            "such as 'cosine', for this metric."
        )
    if positive == 0:
        return 1.0 if negative == 0 else math.inf
    return negative / positive


def _check_positive_pairs(name: str, data: LabelledSet | GivenPairs) -> None:
    if not data.num_positive_pairs:
        raise ValueError(
            f"`{name}` needs pairs of one class. Received: none. Evaluate on a set with 2 items or "
            "more in one class."
        )


def _check_negative_pairs(name: str, data: LabelledSet | GivenPairs) -> None:
    if not data.num_negative_pairs:
        raise ValueError(
            f"`{name}` needs pairs of two classes. Received: none. Evaluate on a set with 2 "
            "classes or more."
        )
