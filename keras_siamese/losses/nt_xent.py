"""Normalised, temperature-scaled cross-entropy loss (NT-Xent, InfoNCE)."""

from typing import Any

import keras

from keras_siamese.distances import Distance
from keras_siamese.losses.softmax_loss import SoftmaxLoss, against_negatives
from keras_siamese.losses.tuple_loss import TupleLosses


@keras.saving.register_keras_serializable(package="keras_siamese")
class NTXentLoss(SoftmaxLoss):
    """Cross-entropy of each positive against all negatives of its anchor: NT-Xent, or InfoNCE.

    For anchor `a`, positive `p`, its negatives `n`, similarity `s` and temperature `t`:
    `loss(a, p) = -log(exp(s(a, p) / t) / (exp(s(a, p) / t) + sum_n exp(s(a, n) / t)))`. Other
    positives of the anchor are left out of the sum. An anchor without a positive or without a
    negative has no loss. Collapsed embeddings give `log(1 + number of negatives)`.

    On two views of each item (`on_views`) it is SimCLR's loss; on anchors and candidates of two
    encoders (`on_batch` with `candidates`) it is InfoNCE with their similarity as the critic.

    Args:
        temperature: Positive float, in units of the similarity. SimCLR found 0.1 best on ImageNet
            and 0.5 on CIFAR-10; values down to 0.05 are in use. Defaults to 0.1.
        distance: Name or object: see `keras_siamese.distances`. `s` is the cosine for `"cosine"`,
            the inner product for `"inner_product"`, and `-d` for others. Defaults to `"cosine"`.
        **kwargs: `miner`: see `PairLoss`; `reduction`, `relation`, `embedding_regularizer`, `name`:
            see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `temperature` is not positive.

    Example: Cosines 0.8 to the positive and 0 and 0.6 to the negative:
        `(log(1 + exp(0 - 0.8)) + log(1 + exp(0.6 - 0.8))) / 2`.

        >>> loss = NTXentLoss(temperature=1.0)
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])), 4)
        0.4846

    Formula: `log(1 + sum_n exp((s(a, n) - s(a, p)) / t))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Chen et al., 2020](https://arxiv.org/abs/2002.05709), equation 1; InfoNCE:
        [van den Oord et al., 2018](https://arxiv.org/abs/1807.03748), equation 4.

    Elsewhere: pytorch-metric-learning `NTXentLoss`; TF Similarity `SimCLRLoss`.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        distance: str | Distance = "cosine",
        **kwargs: Any,
    ) -> None:
        super().__init__(temperature=temperature, distance=distance, **kwargs)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`: `x` are the logits."""
        return against_negatives(x, x, positive, negative)
