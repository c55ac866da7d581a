"""A smooth stand-in for recall at k."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_siamese.losses.rank_loss import RankLoss
from keras_siamese.ops.checks import check_count, check_positive


@keras.saving.register_keras_serializable(package="keras_siamese")
class RecallAtKSurrogateLoss(RankLoss):
    """One minus the recall at several k of each anchor, with two sigmoids for the two steps.

    For anchor `a`, positive `p` and cosine `s`: `rank(p) = 1 + sum over j != p of sigmoid((s(a, j)
    - s(a, p)) / temperature)` over all candidates `j`, and `recall(k) = min(k, sum over p of
    sigmoid((k - rank(p)) / k_temperature)) / min(k, P)` with `P` positives: the share of those that
    could be among the nearest `k`. The loss of `a` is 1 less the mean of `recall(k)` over all `k`.
    Anchors without a positive have no loss. A positive at rank `k` counts one half, so the loss of
    a perfect ranking is not 0. (`RecallAtK`, the metric, asks if *any* positive is among the k.)

    Args:
        k: Integers of at least 1. Defaults to `(1, 2, 4, 8, 16)`.
        temperature: Positive float: the width of the sigmoid that ranks, in units of the cosine.
            Defaults to 0.01.
        k_temperature: Positive float: the width of the sigmoid at `k`, in ranks. Defaults to 1.0.
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings of any norm, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `k` is empty or holds another thing than positive integers, or a
        temperature is not positive.

    Example: The positives have the ranks 1 and 2, so at `k = 1` the recalls are `sigmoid(0) = 0.5`
        and `sigmoid(-1) = 0.2689`.

        >>> loss = RecallAtKSurrogateLoss(k=[1])
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]])), 4)
        0.6155

    Formula: `1 - mean_k (min(k, sum_p sigmoid((k - rank(p)) / k_temperature)) / min(k, P))`

    Cost: `O(B^2 (D + K))` time, `O(B^2)` memory

    Reference: [Patel et al., 2022](https://arxiv.org/abs/2108.11179), section 3. Deviation: as in
        the authors' code, recall is over the positives that `k` places can hold; there the sigmoid
        at `k` also widens with `k`.
    """

    def __init__(
        self,
        k: Sequence[int] = (1, 2, 4, 8, 16),
        temperature: float = 0.01,
        k_temperature: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(temperature=temperature, **kwargs)
        if not isinstance(k, Sequence) or not k:
            raise ValueError(f"`k` must be a list of integers, such as [1, 2]. Received: {k!r}.")
        self.k = [check_count("k", one) for one in k]
        self.k_temperature = check_positive("k_temperature", k_temperature)

    def rank_losses(self, ranks: Any, s_ap: Any, mask: Any) -> Any:
        """See `RankLoss.rank_losses`."""
        num_positives = ops.maximum(ops.sum(ops.cast(mask, ranks.dtype), axis=1), 1)
        recalls = []
        for k in self.k:
            within = ops.sigmoid((k - ranks) / self.k_temperature)
            within = ops.sum(ops.where(mask, within, ops.zeros_like(within)), axis=1)
            recalls.append(ops.minimum(within, k) / ops.minimum(num_positives, k))
        return 1 - sum(recalls) / len(recalls)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "k": self.k, "k_temperature": self.k_temperature}
