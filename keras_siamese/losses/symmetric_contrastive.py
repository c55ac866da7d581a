"""The softmax loss of two towers, from both sides."""

import math
from typing import Any

import keras
from keras import ops

from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.losses.two_tower import TwoTowerLoss
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_logsumexp

_MAX_SCALE = 100.0


@keras.saving.register_keras_serializable(package="keras_siamese")
class SymmetricContrastiveLoss(TwoTowerLoss):
    """Cross-entropy of finding each item's match in the other set, from both sides (CLIP).

    For cosine `s` and scale `t = 1 / temperature`, the loss of a matching pair of row `i` is the
    mean of `-log softmax_j(t s(i, j))` at `j = i` over the candidates and the same over the
    anchors. `t` is trained with the encoder, as `exp` of a weight.

    Labels may give an anchor several positives: from each side, the target is then uniform over
    them, and all of them stay in the denominator. The loss is half the mean over the anchors with a
    positive plus half the mean over the candidates with one; with `reduction="none"`, a candidate's
    part belongs in equal shares to the anchors that match it. In a batch of equal embeddings the
    loss is `log N` for `N` candidates and as many anchors.

    Args:
        temperature: Float of at least 0.01: where the temperature begins. Defaults to 0.07.
        trainable_temperature: Whether it is trained. An optimizer of Keras then keeps `t` at 100 or
            less. Defaults to True.
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings of any norm, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `temperature` is less than 0.01.

    Example: Two items with logits 1 for the match and 0 for the other: `log(1 + exp(-1))`.

        >>> loss = SymmetricContrastiveLoss(temperature=1.0, trainable_temperature=False)
        >>> x = [[1.0, 0.0], [0.0, 1.0]]
        >>> round(float(loss.on_views(x, x).value), 4)
        0.3133

    Formula: `-(log softmax_j(t s(i, j))[i] + log softmax_i(t s(i, j))[j]) / 2` at `j = i`

    Cost: `O(B^2 D)` time, `O(B^2)` memory

    Reference: [Radford et al., 2021](https://arxiv.org/abs/2103.00020), figure 3 and section 2.5.
    """

    def __init__(
        self, temperature: float = 0.07, trainable_temperature: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.temperature = check_positive("temperature", temperature)
        if self.temperature < 1 / _MAX_SCALE:
            raise ValueError(
                f"`temperature` must be at least {1 / _MAX_SCALE:g}. Received: {temperature!r}. "
                "0.07 is usual."
            )
        self.trainable_temperature = trainable_temperature
        self.log_scale: Any = -math.log(self.temperature)

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""
        if self.trainable_temperature:
            self.log_scale = self.add_weight(
                "log_scale",
                (),
                initializer=keras.initializers.Constant(self.log_scale),
                constraint=_clip_log_scale,
            )

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        logits = x * ops.exp(ops.convert_to_tensor(self.log_scale, dtype=x.dtype))
        compared = ops.logical_or(positive, negative)
        from_anchors = masked_logsumexp(logits, compared, axis=1, keepdims=True)
        from_candidates = masked_logsumexp(logits, compared, axis=0, keepdims=True)
        matches = ops.cast(positive, x.dtype)
        by_anchor = ops.sum(matches, axis=1, keepdims=True)
        by_candidate = ops.sum(matches, axis=0, keepdims=True)
        # The means over anchors and over candidates, as one mean over anchors.
        num_anchors = ops.sum(ops.cast(by_anchor > 0, x.dtype))
        num_candidates = ops.sum(ops.cast(by_candidate > 0, x.dtype))
        share = num_anchors / ops.maximum(num_candidates, 1)
        values = (from_anchors - logits) / ops.maximum(by_anchor, 1)
        values += share * (from_candidates - logits) / ops.maximum(by_candidate, 1)
        values = ops.where(positive, values, ops.zeros_like(values))
        return losses_of(0.5 * ops.sum(values, axis=1, keepdims=True), by_anchor > 0)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "trainable_temperature": self.trainable_temperature,
        }


def _clip_log_scale(log_scale: Any) -> Any:
    return ops.minimum(log_scale, math.log(_MAX_SCALE))
