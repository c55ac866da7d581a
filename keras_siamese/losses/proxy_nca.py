"""Proxy-NCA and Proxy-NCA++ losses."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.losses.proxy_loss import ProxySoftmaxLoss
from keras_siamese.ops.checks import check_choice, check_positive


@keras.saving.register_keras_serializable(package="keras_siamese")
class ProxyNCALoss(ProxySoftmaxLoss):
    """Proxy-NCA++ loss, and with two arguments its forerunner Proxy-NCA.

    For anchor `a` of class `y`, proxies `p`, temperature `t` and the squared Euclidean distance of
    unit vectors, `d = 2 - 2 cos`:
    `loss(a) = -log(exp(-d(a, p_y) / t) / sum over c of exp(-d(a, p_c) / t))`. Proxy-NCA++ sums over
    all classes; Proxy-NCA, `ProxyNCALoss(num_classes, temperature=1, denominator="others")`, over
    all but `y`, so that its loss may be negative. Equal proxies, or an embedding of zeros, give the
    logarithm of the number of classes summed over.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        temperature: Positive float. Defaults to 1/9.
        denominator: `"all"` classes, or the `"others"`. Defaults to `"all"`.
        **kwargs: `learning_rate_multiplier`, `seed`, `reduction`, `embedding_regularizer`, `name`:
            see `ProxyLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item, shape `(batch_size,)`.

    Returns: Scalar, float32; with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If an argument is not positive, `denominator` is unknown, or a label is out
        of range.

    Example: Squared distances 0 and 2: `log(1 + exp(-2))` with both in the denominator; with the
        other alone `0 - 2`.

        >>> for denominator in ("all", "others"):
        ...     loss = ProxyNCALoss(num_classes=2, temperature=1.0, denominator=denominator)
        ...     loss.build(embedding_dim=2)
        ...     _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        ...     print(round(float(loss([0], [[3.0, 0.0]])), 4))
        0.1269
        -2.0

    Formula: `log(sum_c exp(2 cos(a, p_c) / t)) - 2 cos(a, p_y) / t`

    Cost: O(B C D) time, O(B C) memory, for C classes.

    Reference: [Teh et al., 2020](https://arxiv.org/abs/2004.01113), section 4 (Proxy-NCA++);
        [Movshovitz-Attias et al., 2017](https://arxiv.org/abs/1703.07464), section 3 (Proxy-NCA).
        Deviation: in place of max pooling, layer normalisation and balanced batches, which belong
        to the encoder and the data, the loss alone.

    Elsewhere: pytorch-metric-learning `ProxyNCALoss` (`softmax_scale` is `1 / temperature`, there
        1).
    """

    fixed_arguments: ClassVar[dict[str, Any]] = {
        **ProxySoftmaxLoss.fixed_arguments,
        "margin": None,
    }

    def __init__(
        self,
        num_classes: int,
        *,
        temperature: float = 1 / 9,
        denominator: str = "all",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        self.temperature = check_positive("temperature", temperature)
        self.denominator = check_choice("denominator", denominator, ("all", "others"))

    def logits(self, cosines: Any, is_own: Any) -> Any:
        """See `ProxySoftmaxLoss.logits`: without the -2, which all of them share."""
        return cosines * (2 / self.temperature)

    def log_denominator(self, logits: Any, is_own: Any) -> Any:
        """See `ProxySoftmaxLoss.log_denominator`."""
        if self.denominator == "others":
            logits = ops.where(is_own, -float("inf"), logits)
        return super().log_denominator(logits, is_own)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "denominator": self.denominator,
        }
