"""Smooth average precision."""

from typing import Any

import keras

from keras_siamese.losses.rank_loss import RankLoss
from keras_siamese.ops.numerics import masked_mean
from keras_siamese.ops.soft_ranks import soft_ranks


@keras.saving.register_keras_serializable(package="keras_siamese")
class SmoothAPLoss(RankLoss):
    """One minus the average precision of each anchor's ranking, with sigmoids for the steps.

    For anchor `a`, positive `p` and cosine `s`: `rank(p) = 1 + sum over j != p of sigmoid((s(a, j)
    - s(a, p)) / temperature)` over all candidates `j`, and `positive_rank(p)` likewise over the
    positives alone. The loss of `a` is 1 less the mean of `positive_rank(p) / rank(p)` over its
    positives. Anchors without a positive have no loss. In a batch of equal embeddings an anchor
    with `P` positives among `N` candidates has the loss `1 - (P + 1) / (N + 1)`.

    Args:
        temperature: Positive float: the width of the sigmoid, in units of the cosine. Smaller is
            closer to the average precision, with a gradient from fewer pairs. Defaults to 0.01.
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings of any norm, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `temperature` is not positive.

    Example: Of the two anchors with a positive, one finds it first, one second: `(0 + 1 / 2) / 2`.

        >>> loss = SmoothAPLoss()
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]])), 4)
        0.25

    Formula: `1 - mean_p (positive_rank(p) / rank(p))`

    Cost: `O(B^2 (D + K))` time, `O(B^2)` memory

    Reference: [Brown et al., 2020](https://arxiv.org/abs/2007.12163), section 4. Deviation: the
        anchor is not in its own ranking (in the authors' code it is its own best positive), and
        classes may differ in size.

    Elsewhere: pytorch-metric-learning `SmoothAPLoss`.
    """

    def __init__(self, temperature: float = 0.01, **kwargs: Any) -> None:
        super().__init__(temperature=temperature, **kwargs)

    def rank_losses(self, ranks: Any, s_ap: Any, mask: Any) -> Any:
        """See `RankLoss.rank_losses`."""
        positive_ranks = soft_ranks(s_ap, mask, s_ap, self.temperature)
        return 1 - masked_mean(positive_ranks / ranks, mask, axis=1)
