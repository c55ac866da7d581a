"""ROC-AUC over pairs: is a pair of one class closer than a pair of two?"""

import warnings

from typing import Any

import keras

from keras_siamese.metrics.embedding_metric import EmbeddingMetric
from keras_siamese.ops.auc import BinnedAuc, SortedAuc
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.distance_blocks import DistanceBlock
from keras_siamese.ops.distance_blocks import DistanceBlocks as LabelledSet

# 256 MiB of float32 distances: all pairs of 11,585 items.
MAX_SORTED_PAIRS = 2**26
_WARN_ABOVE = 1e-4


@keras.saving.register_keras_serializable(package="keras_siamese")
class PairAUC(EmbeddingMetric):
    """Probability that a pair of one class is closer than a pair of two classes.

    This is the area under the ROC curve of "same class?" by distance, over all unordered pairs of
    the set: the Mann-Whitney statistic with midranks, so a tie counts one half. 0.5 is guessing.

    Exact up to 2**26 pairs (11,585 items), which are sorted. Beyond, distances are counted in 2**20
    equal bins between the least and the greatest distance of a sample. The error is at most half of
    the share of (positive, negative) combinations that fall in one bin, about 1e-6 and usually far
    less; a warning gives the bound should it exceed 1e-4.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `pair_auc`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of one class, or without one of two.

    Example:
        >>> metric = keras_siamese.metrics.PairAUC()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> float(metric.result())  # 1 and 2 against 3, 5, 2, 4: seven wins and a tie in eight
        0.9375

    Reference: [Hanley & McNeil, 1982](https://doi.org/10.1148/radiology.143.1.7063747).
    """

    default_name = "pair_auc"
    _direction = "up"

    def start(self, data: LabelledSet | GivenPairs) -> Any:
        """See `EmbeddingMetric.start`."""
        if not (data.num_positive_pairs and data.num_negative_pairs):
            raise ValueError(
                f"`{self.name}` needs pairs of one class and pairs of two. Received: "
                f"{data.num_positive_pairs} of one and {data.num_negative_pairs} of two. Evaluate "
                "on a set with 2 classes or more, and 2 items or more in one of them."
            )
        return _Auc(data)


class _Auc:
    def __init__(self, data: LabelledSet | GivenPairs) -> None:
        numbers = data.num_positive_pairs, data.num_negative_pairs
        self._area: SortedAuc | BinnedAuc
        if sum(numbers) <= MAX_SORTED_PAIRS:
            self._area = SortedAuc(*numbers)
        else:
            self._area = BinnedAuc(*data.distance_range())

    def add(self, block: DistanceBlock | GivenPairs) -> None:
        self._area.add(block.positive_pairs, block.negative_pairs)

    def result(self) -> float:
        if isinstance(self._area, BinnedAuc) and self._area.error_bound() > _WARN_ABOVE:
            warnings.warn(
                f"The pair AUC may be off by up to {self._area.error_bound():.1g}: many distances "
                "are equal, or a few are so large that the others share few of the 2**20 bins.",
                stacklevel=2,
            )
        return self._area.result()
