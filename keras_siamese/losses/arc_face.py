"""ArcFace loss."""

import math
from typing import Any

import keras
from keras import ops

from keras_siamese.losses.proxy_loss import ProxySoftmaxLoss, own_value
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import safe_sqrt


@keras.saving.register_keras_serializable(package="keras_siamese")
class ArcFaceLoss(ProxySoftmaxLoss):
    """ArcFace loss: a softmax in which the angle to the own proxy must win by a margin.

    For anchor `a` of class `y`, proxies `p`, `theta_c` the angle between `a` and `p_c`, scale `s`
    and margin `m`: the logits are `s cos(theta_y + m)` for the own class and `s cos(theta_c)` for
    the others, and `loss(a)` is their cross-entropy. Beyond `theta_y = pi - m`, where
    `cos(theta_y + m)` would rise again, the own logit is `s (cos(theta_y) - m sin(m))`, which keeps
    it falling. Value and gradient are finite at all angles; 0 and pi included, where the gradient
    is 0. Embeddings of zeros count as orthogonal to all proxies: they give
    `log(1 + (num_classes - 1) exp(s sin(m)))`.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        margin: Angle in radians, above 0 and at most pi / 2. Defaults to 0.5, 28.6 degrees.
        scale: Positive float. Defaults to 64.0.
        **kwargs: `learning_rate_multiplier`, `seed`, `reduction`, `embedding_regularizer`, `name`:
            see `ProxyLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item, shape `(batch_size,)`.

    Returns: Scalar, float32; with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If an argument is not positive, `margin` is above pi / 2, or a label is out
        of range.

    Example: Angles 0 and pi / 2, so logits `2 cos(0 + pi / 3) = 1` and 0: `log(1 + exp(-1))`.

        >>> loss = ArcFaceLoss(num_classes=2, margin=3.14159265 / 3, scale=2.0)
        >>> loss.build(embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[3.0, 0.0]])), 4)
        0.3133

    Formula: `log(1 + sum_(c != y) exp(s (cos(theta_c) - cos(theta_y + m))))`

    Cost: O(B C D) time, O(B C) memory, for C classes.

    Reference: [Deng et al., 2019](https://arxiv.org/abs/1801.07698), equation 3. Deviation: the
        fallback beyond `pi - m`, of which the paper says nothing, is that of its authors' code.

    Elsewhere: pytorch-metric-learning `ArcFaceLoss` (its `margin` is in degrees).
    """

    margin: float

    def __init__(
        self, num_classes: int, *, margin: float = 0.5, scale: float = 64.0, **kwargs: Any
    ) -> None:
        margin = check_positive("margin", margin)
        if margin > math.pi / 2:
            raise ValueError(
                "`margin` is an angle in radians, at most pi / 2. "
                f"Received: margin={margin:g}. Expected for instance 0.5, which is 28.6 degrees."
            )
        super().__init__(num_classes, margin=margin, **kwargs)
        self.scale = check_positive("scale", scale)

    def logits(self, cosines: Any, is_own: Any) -> Any:
        """See `ProxySoftmaxLoss.logits`."""
        own = own_value(cosines, is_own)
        # cos(theta + m) without the angle, whose gradient is infinite at 0 and pi.
        sine = safe_sqrt(1 - ops.square(own))
        turned = own * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = own < -math.cos(self.margin)
        own = ops.where(beyond, own - self.margin * math.sin(self.margin), turned)
        return self.scale * ops.where(is_own, own, cosines)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "scale": self.scale}
