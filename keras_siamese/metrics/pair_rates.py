"""Error rates of verification: how often is "same class?" answered wrongly?"""

from typing import Any

import keras

from keras_siamese.distances import Distance
from keras_siamese.metrics.pair_metric import PairMetric
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.verification import (
    equal_error_rate,
    false_non_match_rate,
    true_accept_rate,
)


@keras.saving.register_keras_serializable(package="keras_siamese")
class EqualErrorRate(PairMetric):
    """Error rate at the threshold where false accepts are as frequent as false rejects.

    As large a share of the pairs of two classes is accepted there as of the pairs of one class is
    rejected, the ROC curve being straight between its points. 0.5 is guessing.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to `equal_error_rate`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: In evaluation: without a pair of one class, or without one of two.

    Example:
        >>> metric = keras_siamese.metrics.EqualErrorRate()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> round(float(metric.result()), 4)  # from 1/2 rejected to 1/4 accepted
        0.1667
    """

    default_name = "equal_error_rate"
    _direction = "down"

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return equal_error_rate(pairs).rate


@keras.saving.register_keras_serializable(package="keras_siamese")
class TrueAcceptRate(PairMetric):
    """Share of the pairs of one class accepted, where few pairs of two classes are (TAR at FAR).

    The threshold is the largest at which at most a share `far` of the pairs of two classes is
    accepted. It is found on the pairs that are evaluated: for a threshold to use, see
    `keras_siamese.evaluation.calibrate`.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        far: The false accept rate, above 0 and below 1. Defaults to 0.001.
        distance: See `EmbeddingMetric`.
        name: Defaults to `true_accept_rate_at_far_{far}`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If `far` is not between 0 and 1. In evaluation: without a pair of one class,
        or with fewer than `1 / far` pairs of two; take ten times as many for a reliable figure.

    Example:
        >>> metric = keras_siamese.metrics.TrueAcceptRate(far=0.25)
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> float(metric.result())  # accepting all up to 2: one of 3, 5, 2, 4, and both of 1, 2
        1.0
    """

    default_name = "true_accept_rate"
    _direction = "up"

    def __init__(
        self,
        far: float = 1e-3,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.far = check_positive("far", far, below=1.0)
        super().__init__(distance, name or f"{self.default_name}_at_far_{self.far:g}", dtype)

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return true_accept_rate(pairs, self.far).rate

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"far": self.far, **super().get_config()}


@keras.saving.register_keras_serializable(package="keras_siamese")
class FalseNonMatchRate(PairMetric):
    """Share of the pairs of one class rejected, where few pairs of two classes match (FNMR at FMR).

    `1 - TrueAcceptRate(fmr)`, in the terms of biometrics.

    Works for labelled items, and for explicit pairs or triplets.

    Args:
        fmr: The false match rate, above 0 and below 1. Defaults to 0.001.
        distance: See `EmbeddingMetric`.
        name: Defaults to `false_non_match_rate_at_fmr_{fmr}`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If `fmr` is not between 0 and 1. In evaluation: without a pair of one class,
        or with fewer than `1 / fmr` pairs of two; take ten times as many for a reliable figure.

    Example:
        >>> metric = keras_siamese.metrics.FalseNonMatchRate(fmr=0.25)
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [3.0], [5.0]])
        >>> float(metric.result())
        0.0
    """

    default_name = "false_non_match_rate"
    _direction = "down"

    def __init__(
        self,
        fmr: float = 1e-3,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.fmr = check_positive("fmr", fmr, below=1.0)
        super().__init__(distance, name or f"{self.default_name}_at_fmr_{self.fmr:g}", dtype)

    def of_pairs(self, pairs: PairCounts) -> float:
        """See `PairMetric.of_pairs`."""
        return false_non_match_rate(pairs, self.fmr).rate

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"fmr": self.fmr, **super().get_config()}
