"""SoftTriple loss."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.losses.proxy_loss import ProxySoftmaxLoss
from keras_siamese.losses.tuple_loss import TupleLosses
from keras_siamese.ops.checks import check_count, check_positive
from keras_siamese.ops.numerics import l2_normalize, safe_sqrt, squared_norm


@keras.saving.register_keras_serializable(package="keras_siamese")
class SoftTripleLoss(ProxySoftmaxLoss):
    """SoftTriple loss: a softmax over classes of several centers each, softly assigned.

    For anchor `a` of class `y`, the centers `p_c1 .. p_cK` of class `c`, scale `s`, margin `m` and
    the softmax over the centers of a class at temperature `gamma`:
    `S_c = sum over j of softmax_j(cos(a, p_cj) / gamma) cos(a, p_cj)`. The logits are `s (S_y - m)`
    for the own class and `s S_c` for the others; `loss(a)` is their cross-entropy plus `tau R`,
    where `R`, the sum over all pairs of centers of a class of `|p_ci - p_cj|` between unit vectors,
    divided by `num_classes K (K - 1)`, makes superfluous centers meet. Equal centers, or an
    embedding of zeros, give `log(1 + (num_classes - 1) exp(s m))`, plus `tau R`.

    Args:
        num_classes: Number of classes. Labels are `0..num_classes - 1`.
        centers_per_class: Number of centers of each class, 2 or more. Defaults to 10.
        scale: Positive float, `lambda` in the paper and `la` in its code. Defaults to 20.0.
        gamma: Positive float: the lower, the more the nearest center alone counts. Defaults to 0.1.
        margin: Positive float in units of the cosine, below 2. Defaults to 0.01.
        tau: Positive weight of `R`, or None: without `R`. Defaults to 0.2.
        **kwargs: `learning_rate_multiplier` (in the paper 100), `seed`, `reduction`,
            `embedding_regularizer`, `name`: see `ProxyLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item, shape `(batch_size,)`.

    Returns: Scalar, float32; with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If an argument is out of range, or a label is.

    Example: Both classes have two equal centers, so `R = 0`: cosines 1 and 0, logits
        `2 (1 - 0.5) = 1` and 0: `log(1 + exp(-1))`.

        >>> loss = SoftTripleLoss(2, centers_per_class=2, scale=2.0, margin=0.5)
        >>> loss.build(embedding_dim=2)
        >>> _ = loss.proxies.assign([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
        >>> round(float(loss([0], [[3.0, 0.0]])), 4)
        0.3133

    Formula: `log(1 + sum_(c != y) exp(s (S_c - S_y + m))) + tau R`

    Cost: O(B K C D + K^2 C D) time, O(B K C + K C D) memory, for C classes of K centers.

    Reference: [Qian et al., 2019](https://arxiv.org/abs/1909.05235), section 3. Deviation: `R` has
        gradient 0 where two centers are equal.

    Elsewhere: pytorch-metric-learning `SoftTripleLoss` (there `R` is the weight regularizer
        `SparseCentersRegularizer`).
    """

    has_centers: ClassVar[bool] = True

    def __init__(
        self,
        num_classes: int,
        *,
        centers_per_class: int = 10,
        scale: float = 20.0,
        gamma: float = 0.1,
        margin: float = 0.01,
        tau: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        margin = check_positive("margin", margin)
        check_count(
            "centers_per_class", centers_per_class, least=2, fix="With one it is `CosFaceLoss`."
        )
        super().__init__(num_classes, centers_per_class=centers_per_class, margin=margin, **kwargs)
        self.scale = check_positive("scale", scale)
        self.gamma = check_positive("gamma", gamma)
        self.tau = None if tau is None else check_positive("tau", tau)

    def logits(self, cosines: Any, is_own: Any) -> Any:
        """See `ProxySoftmaxLoss.logits`."""
        cosines = self.per_class(cosines)
        share = ops.softmax(cosines / self.gamma, axis=1)
        similarities = ops.sum(share * cosines, axis=1)
        return self.scale * ops.where(is_own, similarities - self.margin, similarities)

    def tuple_losses(
        self, tuples: Any, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        losses = super().tuple_losses(tuples, anchors, candidates, exhaustive)
        if self.tau is None:
            return losses
        spread = ops.cast(self._spread_of_centers(), losses.values.dtype)
        return losses._replace(values=losses.values + self.tau * spread)

    def _spread_of_centers(self) -> Any:
        """`R` of the docstring."""
        shape = (self.centers_per_class, self.num_classes, -1)
        centers = ops.reshape(l2_normalize(ops.convert_to_tensor(self.proxies)), shape)
        # Rolled by 1 to K - 1 places, every pair is met twice. No Gram matrix: differences keep
        # their precision where centers nearly meet.
        total = sum(
            ops.sum(safe_sqrt(squared_norm(centers - ops.roll(centers, places, axis=0))))
            for places in range(1, self.centers_per_class)
        )
        k = self.centers_per_class
        return total / (2 * self.num_classes * k * (k - 1))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "centers_per_class": self.centers_per_class,
            "scale": self.scale,
            "gamma": self.gamma,
            "tau": self.tau,
        }
