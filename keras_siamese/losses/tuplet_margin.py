"""Tuplet margin loss."""

import math
from typing import Any, ClassVar

import keras

from keras_siamese.losses.pair_loss import AnchorLoss
from keras_siamese.losses.softmax_loss import against_negatives
from keras_siamese.losses.tuple_loss import TupleLosses
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import safe_sqrt


@keras.saving.register_keras_serializable(package="keras_siamese")
class TupletMarginLoss(AnchorLoss):
    """Tuplet margin loss: a scaled softmax over angles, with a slack angle for the positive.

    For anchor `a`, positive `p`, the anchor's negatives `n` and angles `theta`:
    `loss(a, p) = log(1 + sum_n exp(scale * (cos(theta_an) - cos(theta_ap - beta))))`. An anchor
    without a positive or without a negative has no loss. The slack leaves positives within `beta`
    alone: the loss is least where `theta_ap = beta`, not at 0, so that a class keeps some width.
    Collapsed embeddings give `log(1 + number of negatives * exp(scale * (1 - cos(beta))))`.

    Args:
        scale: Positive float that the cosines are multiplied by. Defaults to 64.0.
        beta: Slack angle in degrees, above 0 and below 90. Defaults to 5.73 (0.1 radians).
        **kwargs: `miner`: see `PairLoss`; `reduction`, `relation`, `embedding_regularizer`, `name`:
            see `MetricLoss`. The distance is always the cosine.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `scale` or `beta` is out of range.

    Example: The positive at 60 degrees less a slack of 30, a negative at 90 and at 150:
        `(log(1 + exp(cos 90 - cos 30)) + log(1 + exp(cos 150 - cos 30))) / 2`.

        >>> loss = TupletMarginLoss(scale=1.0, beta=30.0)
        >>> points = [[1.0, 0.0], [0.5, 0.75**0.5], [0.0, -1.0]]
        >>> round(float(loss([0, 0, 1], points)), 4)
        0.257

    Formula: `log(1 + sum_n exp(scale * (cos(theta_an) - cos(theta_ap - beta))))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Yu and Tao, 2019](https://doi.org/10.1109/ICCV.2019.00659), section 3. Deviation:
        the paper's second term, the intra-pair variance loss, is not part of it.

    Elsewhere: pytorch-metric-learning `TupletMarginLoss`.
    """

    compares: ClassVar[str] = "similarity"
    fixed_arguments: ClassVar[dict[str, Any]] = {"margin": None, "distance": "cosine"}

    def __init__(self, scale: float = 64.0, beta: float = 5.73, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = check_positive("scale", scale)
        self.beta = check_positive("beta", beta, below=90.0)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        beta = math.radians(self.beta)
        # cos(theta - beta), with no arccosine, whose gradient is infinite at both ends.
        sine = safe_sqrt((1 - x) * (1 + x))
        slack = x * math.cos(beta) + sine * math.sin(beta)
        return against_negatives(self.scale * slack, self.scale * x, positive, negative)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "scale": self.scale, "beta": self.beta}
