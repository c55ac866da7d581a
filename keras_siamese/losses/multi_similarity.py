"""Multi-similarity loss."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import AnchorLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_logsumexp


@keras.saving.register_keras_serializable(package="keras_siamese")
class MultiSimilarityLoss(AnchorLoss):
    """Multi-similarity loss: soft sums over the positives and over the negatives of each anchor.

    For anchor `a`, positives `p`, negatives `n` and similarity `s`:
    `loss(a) = log(1 + sum_p exp(-alpha (s_ap - base))) / alpha
    + log(1 + sum_n exp(beta (s_an - base))) / beta`. The pairs of the paper are those that
    `miner=MultiSimilarityMiner()` leaves; without a miner, all are taken. An anchor with pairs of
    one kind has that half of the loss. Collapsed embeddings under the cosine, with P positives and
    N negatives each: `log(1 + P exp(-alpha (1 - base))) / alpha + log(1 + N exp(beta (1 - base))) /
    beta`.

    Args:
        alpha: Positive float: how much the farthest positives stand out. Defaults to 2.0.
        beta: Positive float: how much the nearest negatives stand out. Defaults to 50.0.
        base: The similarity that parts positives from negatives, `lambda` in the paper, in units of
            the similarity. Defaults to 0.5.
        distance: Name or object: see `keras_siamese.distances`. The similarity is the cosine for
            `"cosine"`, the product for `"inner_product"`, and the negated distance for others,
            which want a negative `base`. Defaults to `"cosine"`.
        **kwargs: `miner`, `reduction`, `relation`, `embedding_regularizer`, `name`: see `PairLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `alpha` or `beta` is not positive, or `base` not finite.

    Example: Cosine 1 to the positive, 0 to the negative, with both weights 1: of the first two
        anchors `log(1 + exp(-0.5)) + log(1 + exp(-0.5))`, of the last `log(1 + 2 exp(-0.5))`.

        >>> loss = MultiSimilarityLoss(alpha=1.0, beta=1.0, base=0.5)
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), 4)
        0.8969

    Formula: `log(1 + sum_p exp(-alpha (s_ap - base))) / alpha
    + log(1 + sum_n exp(beta (s_an - base))) / beta`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Wang et al., 2019](https://arxiv.org/abs/1904.06627), equation 15. Deviation: the
        mean runs over the anchors that have a pair, not over all, where a miner leaves some
        without.

    Elsewhere: pytorch-metric-learning `MultiSimilarityLoss`; TF Similarity `MultiSimilarityLoss`.
    """

    compares: ClassVar[str] = "similarity"
    fixed_arguments: ClassVar[dict[str, Any]] = {"margin": None}

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        distance: str | Distance = "cosine",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, **kwargs)
        self.alpha = check_positive("alpha", alpha)
        self.beta = check_positive("beta", beta)
        self.base = check_positive("base", base, least=-float("inf"))

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        x = x - self.base
        far = masked_logsumexp(-self.alpha * x, positive, axis=1, keepdims=True)
        near = masked_logsumexp(self.beta * x, negative, axis=1, keepdims=True)
        values = ops.softplus(far) / self.alpha + ops.softplus(near) / self.beta
        has_pair = ops.any(ops.logical_or(positive, negative), axis=1, keepdims=True)
        return losses_of(values, has_pair)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta, "base": self.base}
