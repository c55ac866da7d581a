"""Normalised softmax loss."""

from typing import Any, ClassVar

import keras

from keras_siamese.losses.proxy_loss import ProxySoftmaxLoss
from keras_siamese.ops.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_siamese")
class NormalizedSoftmaxLoss(ProxySoftmaxLoss):
    """Normalised softmax loss: classification by the cosines to one proxy a class.

    For anchor `a` of class `y`, proxies `p` and temperature `t`:
    `loss(a) = -log(exp(cos(a, p_y) / t) / sum over c of exp(cos(a, p_c) / t))`. Equal proxies, or
    an embedding of zeros, give `log(num_classes)`.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        temperature: Positive float. Defaults to 0.05.
        **kwargs: `learning_rate_multiplier`, `seed`, `reduction`, `embedding_regularizer`, `name`:
            see `ProxyLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item, shape `(batch_size,)`.

    Returns: Scalar, float32; with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If an argument is not positive, or a label is out of range.

    Example: Cosines 1 and 0, so logits 2 and 0: `log(1 + exp(-2))`.

        >>> loss = NormalizedSoftmaxLoss(num_classes=2, temperature=0.5)
        >>> loss.build(embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[3.0, 0.0]])), 4)
        0.1269

    Formula: `log(sum_c exp(cos(a, p_c) / t)) - cos(a, p_y) / t`

    Cost: O(B C D) time, O(B C) memory, for C classes.

    Reference: [Zhai and Wu, 2019](https://arxiv.org/abs/1811.12649), section 3.

    Elsewhere: pytorch-metric-learning `NormalizedSoftmaxLoss`.
    """

    fixed_arguments: ClassVar[dict[str, Any]] = {
        **ProxySoftmaxLoss.fixed_arguments,
        "margin": None,
    }

    def __init__(self, num_classes: int, *, temperature: float = 0.05, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self.temperature = check_positive("temperature", temperature)

    def logits(self, cosines: Any, is_own: Any) -> Any:
        """See `ProxySoftmaxLoss.logits`."""
        return cosines / self.temperature

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "temperature": self.temperature}
