"""Supervised contrastive loss."""

from typing import Any

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import has_both
from keras_siamese.losses.softmax_loss import SoftmaxLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.numerics import masked_logsumexp, masked_mean


@keras.saving.register_keras_serializable(package="keras_siamese")
class SupConLoss(SoftmaxLoss):
    """Supervised contrastive loss, the paper's `L_out`: mean over the positives of their log-odds.

    For anchor `a`, its positives `p`, all its pairs `j` (positives and negatives), similarity `s`
    and temperature `t`: `loss(a) = -mean_p log(exp(s(a, p) / t) / sum_j exp(s(a, j) / t))`. An
    anchor without a positive or without a negative has no loss. Collapsed embeddings give
    `log(number of pairs)`, and so does a class that is perfectly compact and infinitely far from
    the others, with its number of positives: the loss does not reach 0 with more than one positive.

    Args:
        temperature: Positive float, in units of the similarity. Defaults to 0.1, the paper's.
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

    Example: Three equal embeddings and one at cosine 0: `log(2 e + 1) - 1` for each of the three,
        and nothing for the last, which has no positive.

        >>> loss = SupConLoss(temperature=1.0)
        >>> points = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
        >>> round(float(loss([0, 0, 0, 1], points)), 4)
        0.862

    Formula: `mean_p log(sum_j exp((s(a, j) - s(a, p)) / t))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Khosla et al., 2020](https://arxiv.org/abs/2004.11362), equation 2 (`L_out`).
        Deviation: the mean over the anchors that have a positive and a negative, where the paper
        has a sum over all.

    Elsewhere: pytorch-metric-learning `SupConLoss`.
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
        pairs = ops.logical_or(positive, negative)
        values = masked_logsumexp(x, pairs, axis=1) - masked_mean(x, positive, axis=1)
        return losses_of(values[:, None], has_both(positive, negative))
