"""Areas over pairs: is a pair of one class closer than a pair of two?"""

import keras

from keras_siamese.metrics.pair_metric import PairMetric
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import pr_auc, roc_auc


@keras.saving.register_keras_serializable(package="keras_siamese")
class PairAUC(PairMetric):
    """Probability that a pair of one class is closer than a pair of two classes.

    This is the area under the ROC curve of "same class?" by distance, over all unordered pairs of
    the set: the Mann-Whitney statistic with midranks, so a tie counts one half. 0.5 is guessing.

    Exact up to 2**26 pairs (11,585 items). Beyond, it is within 1e-6 of the exact area: distances
    are counted in 2**21 bins, the error is at most half of the share of (positive, negative)
    combinations that fall in one bin, and bins are divided until this is below 1e-6.

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

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return roc_auc(pairs)


@keras.saving.register_keras_serializable(package="keras_siamese")
class PairPRAUC(PairMetric):
    """Average precision of finding the pairs of one class by their distance.

    `sum of (R_k - R_(k-1)) * P_k` over all thresholds, with recall `R_k` and precision `P_k`, as
    scikit-learn's `average_precision_score`: equal distances are accepted together, and nothing is
    interpolated. Guessing gives the share of pairs of one class, which is small where there are
    many classes: compare it only between models on the same set.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `pair_pr_auc`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of one class, or without one of two.

    Example:
        >>> metric = keras_siamese.metrics.PairPRAUC()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> round(float(metric.result()), 4)  # half found with precision 1, half with 2 / 3
        0.8333
    """

    default_name = "pair_pr_auc"
    _direction = "up"

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return pr_auc(pairs)
