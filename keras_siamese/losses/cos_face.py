"""CosFace loss."""

from typing import Any

import keras
from keras import ops

from keras_siamese.losses.proxy_loss import ProxySoftmaxLoss
from keras_siamese.ops.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_siamese")
class CosFaceLoss(ProxySoftmaxLoss):
    """CosFace loss: a softmax in which the cosine to the own proxy must win by a margin.

    For anchor `a` of class `y`, proxies `p`, scale `s` and margin `m`: the logits are
    `s (cos(a, p_y) - m)` for the own class and `s cos(a, p_c)` for the others, and `loss(a)` is
    their cross-entropy. Equal proxies, or an embedding of zeros, give
    `log(1 + (num_classes - 1) exp(s m))`.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        margin: Positive float in units of the cosine, below 2. Defaults to 0.35.
        scale: Positive float. Defaults to 64.0.
        **kwargs: `learning_rate_multiplier`, `seed`, `reduction`, `embedding_regularizer`, `name`:
            see `ProxyLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item, shape `(batch_size,)`.

    Returns: Scalar, float32; with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If an argument is not positive, `margin` is out of reach, or a label is out
        of range.

    Example: Cosines 1 and 0, so logits `2 (1 - 0.5) = 1` and 0: `log(1 + exp(-1))`.

        >>> loss = CosFaceLoss(num_classes=2, margin=0.5, scale=2.0)
        >>> loss.build(embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[3.0, 0.0]])), 4)
        0.3133

    Formula: `log(1 + sum_(c != y) exp(s (cos(a, p_c) - cos(a, p_y) + m)))`

    Cost: O(B C D) time, O(B C) memory, for C classes.

    Reference: [Wang et al., 2018](https://arxiv.org/abs/1801.09414), equation 4.

    Elsewhere: pytorch-metric-learning `CosFaceLoss`.
    """

    def __init__(
        self, num_classes: int, *, margin: float = 0.35, scale: float = 64.0, **kwargs: Any
    ) -> None:
        margin = check_positive("margin", margin)
        super().__init__(num_classes, margin=margin, **kwargs)
        self.scale = check_positive("scale", scale)

    def logits(self, cosines: Any, is_own: Any) -> Any:
        """See `ProxySoftmaxLoss.logits`."""
        return self.scale * ops.where(is_own, cosines - self.margin, cosines)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "scale": self.scale}
