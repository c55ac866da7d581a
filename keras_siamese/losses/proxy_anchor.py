"""Proxy-Anchor loss."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.losses.metric_loss import LossResult
from keras_siamese.losses.proxy_loss import ProxyLoss, nan_if_unknown
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.checks import check_positive, check_same_batch
from keras_siamese.ops.numerics import masked_logsumexp
from keras_siamese.ops.positives import Classes


@keras.saving.register_keras_serializable(package="keras_siamese")
class ProxyAnchorLoss(ProxyLoss):
    """Proxy-Anchor loss: the proxies are the anchors, the items of the batch their pairs.

    For a proxy `p`, the items `x` of the batch with weights `w` (1 each, by default), margin `m`
    and `alpha`: `pull(p) = log(1 + sum over x of p's class of w exp(-alpha (cos(x, p) - m)))` and
    `push(p) = log(1 + sum over x of other classes of w exp(alpha (cos(x, p) + m)))`. The loss is
    the mean of `pull` over the proxies whose class is in the batch plus the mean of `push` over all
    proxies.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        margin: Positive float in units of the cosine, below 2. Defaults to 0.1.
        alpha: Positive float. Defaults to 32.0.
        reduction: `"mean"` as above, `"mean_nonzero"`: both means over terms above 0, or `"sum"` of
            all terms. There is no loss of each item. Defaults to `"mean"`.
        **kwargs: `learning_rate_multiplier` (in the paper 100), `seed`, `embedding_regularizer`,
            `name`: see `ProxyLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item, shape `(batch_size,)`: an item of weight 2 counts as two
            equal ones, one of weight 0 as none. It changes no divisor.

    Returns: Scalar, float32.

    Raises: ValueError: If an argument is not positive, `margin` is out of reach, or a label is out
        of range.

    Example: Cosines 1 to the own proxy and 0 to the other: `log(1 + exp(-2 * 0.5)) = 0.3133` over
        one present class, and `(0 + log(1 + exp(2 * 0.5))) / 2 = 0.6566`.

        >>> loss = ProxyAnchorLoss(num_classes=2, margin=0.5, alpha=2.0)
        >>> loss.build(embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[3.0, 0.0]])), 4)
        0.9699

    Formula: `mean_(p in batch) log(1 + sum_(x of p) exp(-alpha (cos(x, p) - m)))
        + mean_p log(1 + sum_(x not of p) exp(alpha (cos(x, p) + m)))`

    Cost: O(B C D) time, O(B C) memory, for C classes.

    Reference: [Kim et al., 2020](https://arxiv.org/abs/2003.13911), equation 4.

    Elsewhere: pytorch-metric-learning `ProxyAnchorLoss`.
    """

    reductions: ClassVar[tuple[str, ...]] = ("mean", "mean_nonzero", "sum")

    def __init__(
        self,
        num_classes: int,
        *,
        margin: float = 0.1,
        alpha: float = 32.0,
        reduction: str = "mean",
        **kwargs: Any,
    ) -> None:
        margin = check_positive("margin", margin)
        super().__init__(num_classes, margin=margin, reduction=reduction, **kwargs)
        self.alpha = check_positive("alpha", alpha)

    def tuple_losses(
        self, tuples: Any, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`: row `i` holds `pull` and `push` of proxy `i`."""
        ids, weight = tuples
        cosines, is_own = self.compare(ids, anchors)
        counts = weight > 0
        log_weight = ops.log(ops.where(counts, weight, ops.ones_like(weight)))
        pull, push = (
            ops.softplus(masked_logsumexp(exponent + log_weight, mask, axis=0))
            for exponent, mask in (
                (self.alpha * (self.margin - cosines), ops.logical_and(is_own, counts)),
                (
                    self.alpha * (self.margin + cosines),
                    ops.logical_and(ops.logical_not(is_own), counts),
                ),
            )
        )
        is_present = ops.any(is_own, axis=0)
        return losses_of(
            nan_if_unknown(ops.stack([pull, push], axis=1), ids),
            ops.stack([is_present, ops.ones_like(is_present)], axis=1),
        )

    def reduce(self, losses: TupleLosses, tuples: Any) -> Any:
        """See `TupleLoss.reduce`: the means of `pull` and of `push` are added up."""
        if self.reduction == "sum":
            return ops.sum(losses.values)
        count = losses.active if self.reduction == "mean_nonzero" else losses.count
        total, count = ops.sum(losses.values, axis=0), ops.sum(count, axis=0)
        return ops.sum(total / ops.cast(ops.maximum(count, 1), total.dtype))

    def _run(
        self,
        inputs: tuple[Any, ...],
        sample_weight: Any | None,
        classes: Classes | None = None,
        tuples: Any | None = None,
    ) -> LossResult:
        # A proxy has one loss for all of its items, so their weights belong inside of it.
        x = inputs[0]
        if sample_weight is None:
            weight = ops.ones_like(x[:, :1])
        else:
            weight = ops.cast(ops.reshape(sample_weight, (-1, 1)), x.dtype)
            check_same_batch(weight, x, "weight")
        return super()._run(inputs, None, tuples=(tuples, weight))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "alpha": self.alpha}
