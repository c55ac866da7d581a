"""Neighbourhood components analysis, also known as the soft nearest neighbour loss."""

from typing import Any

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import has_both
from keras_siamese.losses.softmax_loss import SoftmaxLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.numerics import masked_logsumexp


@keras.saving.register_keras_serializable(package="keras_siamese")
class NCALoss(SoftmaxLoss):
    """Neighbourhood components analysis: how likely a random neighbour is of the same class.

    An anchor `a` draws a neighbour `j` with probability proportional to `exp(-d(a, j) / t)`, for
    distance `d` and temperature `t`. The loss is minus the logarithm of the probability that it is
    a positive `p`: `loss(a) = -log(sum_p exp(-d(a, p) / t) / sum_j exp(-d(a, j) / t))`. An anchor
    without a positive or without a negative has no loss. Collapsed embeddings give
    `log(number of pairs / number of positives)`.

    The soft nearest neighbour loss is the same formula. For two items a class, unit vectors and
    the squared Euclidean distance, it equals `SupConLoss` and `NTXentLoss` with temperature
    `t / 2`.

    Args:
        temperature: Positive float in units of `distance`; pytorch-metric-learning's
            `softmax_scale` is its inverse. On unit vectors, 0.05 to 0.2 gives the softmax some
            contrast. Defaults to 1.0.
        distance: Name or object: see `keras_siamese.distances`. With `"cosine"` and
            `"inner_product"`, `-d` is the similarity (up to a constant, which cancels). Defaults to
            `"squared_euclidean"`.
        **kwargs: `miner`: see `PairLoss`; `reduction`, `relation`, `embedding_regularizer`, `name`:
            see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `temperature` is not positive.

    Example: Squared distances 1 to the positive, 9 and 4 to the negative:
        `(log(1 + exp(1 - 9)) + log(1 + exp(1 - 4))) / 2`.

        >>> loss = NCALoss()
        >>> round(float(loss([0, 0, 1], [[0.0], [1.0], [3.0]])), 4)
        0.0245

    Formula: `log(1 + sum_n exp(-d(a, n) / t) / sum_p exp(-d(a, p) / t))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Goldberger et al., 2004](https://papers.nips.cc/paper/2566), section 2, the
        objective of log-probabilities; soft nearest neighbours:
        [Frosst et al., 2019](https://arxiv.org/abs/1902.01889), equation 1.

    Elsewhere: pytorch-metric-learning `NCALoss` (on normalised embeddings by default; anchors whose
        probability underflows are left out there, and count fully here); TF Similarity
        `SoftNearestNeighborLoss`.
    """

    def __init__(
        self,
        temperature: float = 1.0,
        distance: str | Distance = "squared_euclidean",
        **kwargs: Any,
    ) -> None:
        super().__init__(temperature=temperature, distance=distance, **kwargs)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`: `x` are the logits."""
        of_positives, of_negatives = (
            masked_logsumexp(x, mask, axis=1, keepdims=True) for mask in (positive, negative)
        )
        values = ops.softplus(of_negatives - of_positives)
        return losses_of(values, has_both(positive, negative))
