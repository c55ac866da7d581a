"""The sigmoid loss of two towers."""

import math
from typing import Any

import keras
from keras import ops

from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.losses.two_tower import TwoTowerLoss
from keras_siamese.ops.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_siamese")
class SigmoidContrastiveLoss(TwoTowerLoss):
    """Whether each pair of two sets matches, pair by pair, by a sigmoid (SigLIP).

    For cosine `s`, scale `t = 1 / temperature` and bias `b`, the loss of anchor `i` is the sum of
    `-log sigmoid(z (t s(i, j) + b))` over all candidates `j`, with `z` = 1 for a match and -1 for
    none. `t`, as `exp` of a weight, and `b` are trained with the encoder. Labels may give an anchor
    several positives. In a batch of equal embeddings an anchor with `P` positives and `N` negatives
    has the loss `P softplus(-t - b) + N softplus(t + b)`.

    Args:
        temperature: Positive float: where the temperature begins. Defaults to 0.1.
        bias: Float: where the bias begins. Most pairs do not match: with the default, all are at
            first taken for such. Defaults to -10.0.
        trainable_temperature: Whether temperature and bias are trained. Defaults to True.
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings of any norm, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32: the mean over the anchors of their sums.

    Raises: ValueError: If `temperature` is not positive.

    Example: Each of two items has logit 1 for the match and 0 for the other: `log(1 + exp(-1)) +
        log(2)`.

        >>> loss = SigmoidContrastiveLoss(temperature=1.0, bias=0.0, trainable_temperature=False)
        >>> x = [[1.0, 0.0], [0.0, 1.0]]
        >>> round(float(loss.on_views(x, x).value), 4)
        1.0064

    Formula: `sum_j log(1 + exp(-z (t s(i, j) + b)))`, `z` = 1 if `i` and `j` match, else -1

    Cost: `O(B^2 D)` time, `O(B^2)` memory

    Reference: [Zhai et al., 2023](https://arxiv.org/abs/2303.15343), algorithm 1.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        bias: float = -10.0,
        trainable_temperature: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.temperature = check_positive("temperature", temperature)
        self.bias = float(bias)
        self.trainable_temperature = trainable_temperature
        self.scale_and_bias: Any = (-math.log(self.temperature), self.bias)

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""
        if self.trainable_temperature:
            self.scale_and_bias = tuple(
                self.add_weight(name, (), initializer=keras.initializers.Constant(value))
                for name, value in zip(("log_scale", "bias"), self.scale_and_bias, strict=True)
            )

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        log_scale, bias = (ops.convert_to_tensor(w, dtype=x.dtype) for w in self.scale_and_bias)
        logits = x * ops.exp(log_scale) + bias
        compared = ops.logical_or(positive, negative)
        values = ops.softplus(ops.where(positive, -logits, logits))
        values = ops.sum(ops.where(compared, values, 0), axis=1, keepdims=True)
        return losses_of(values, ops.any(compared, axis=1, keepdims=True))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "bias": self.bias,
            "trainable_temperature": self.trainable_temperature,
        }
