"""Circle loss."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Cosine, Distance, InnerProduct
from keras_siamese.losses.pair_loss import AnchorLoss, has_both
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_logsumexp


@keras.saving.register_keras_serializable(package="keras_siamese")
class CircleLoss(AnchorLoss):
    """Circle loss over pairs: each similarity weighs as much as it is far from its optimum.

    For anchor `a`, positives `p`, negatives `n`, similarity `s` and relaxation `m`:
    `loss(a) = softplus(logsumexp_n(gamma w_an (s_an - m)) + logsumexp_p(-gamma w_ap (s_ap - 1 +
    m)))` with the weights `w_ap = max(0, 1 + m - s_ap)` and `w_an = max(0, s_an + m)`, which are
    held fixed in the gradient. An anchor without a positive or a negative has no loss. Collapsed
    embeddings, with P positives and N negatives each:
    `softplus(gamma (1 - 2 m^2) + log(P N))`.

    Args:
        m: Positive float below 1: how near to the optimum is near enough. Defaults to 0.25.
        gamma: Positive float: the scale of the similarities. Defaults to 256.0. The paper takes
            0.25 and 256 for faces, 0.25 and 128 for persons, 0.4 and 80 for fine-grained images;
            the last two are the defaults of `keras.losses.Circle` and of pytorch-metric-learning.
        distance: `"cosine"`, or `"inner_product"` if the embeddings are normalised. Defaults to
            `"cosine"`.
        **kwargs: `miner`, `reduction`, `relation`, `embedding_regularizer`, `name`: see `PairLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `m` does not lie between 0 and 1, `gamma` is not positive, or `distance`
        has no similarity of at most 1.

    Example: Similarity 1 to the positive and 0 to the negative of the first two anchors:
        `softplus(-2 * 0.25^2 - 2 * 0.25^2)`; the third one has no positive.

        >>> loss = CircleLoss(m=0.25, gamma=2.0)
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), 4)
        0.5759

    Formula: `softplus(logsumexp_n(gamma w_an (s_an - m)) + logsumexp_p(-gamma w_ap (s_ap - 1 +
        m)))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Sun et al., 2020](https://arxiv.org/abs/2002.10857), equations 6 and 8.

    Elsewhere: pytorch-metric-learning `CircleLoss`; TF Similarity `CircleLoss`.
    """

    compares: ClassVar[str] = "similarity"
    fixed_arguments: ClassVar[dict[str, Any]] = {"margin": None}

    def __init__(
        self,
        m: float = 0.25,
        gamma: float = 256.0,
        distance: str | Distance = "cosine",
        **kwargs: Any,
    ) -> None:
        super().__init__(distance=distance, **kwargs)
        self.m = check_positive("m", m, below=1.0)
        self.gamma = check_positive("gamma", gamma)
        if not isinstance(self.distance, Cosine | InnerProduct):
            raise ValueError(
                '`distance` must have a similarity of at most 1. Expected "cosine", or '
                f'"inner_product" of normalised embeddings. Received: {self.distance!r}.'
            )

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        fixed = ops.stop_gradient(x)
        # From 1 + m down to the positives, and from the negatives down to -m.
        far = ops.relu(1 + self.m - fixed) * (1 - self.m - x)
        near = ops.relu(fixed + self.m) * (x - self.m)
        values = ops.softplus(
            masked_logsumexp(self.gamma * far, positive, axis=1, keepdims=True)
            + masked_logsumexp(self.gamma * near, negative, axis=1, keepdims=True)
        )
        return losses_of(values, has_both(positive, negative))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "m": self.m, "gamma": self.gamma}
