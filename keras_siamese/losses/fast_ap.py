"""Average precision by histograms."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.losses.pair_loss import AnchorLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.checks import check_count


@keras.saving.register_keras_serializable(package="keras_siamese")
class FastAPLoss(AnchorLoss):
    """One minus the average precision of each anchor, of soft histograms of its distances.

    The squared distances of the normalised embeddings, 0 to 4, are counted in bins around `0, w,
    2 w, ..., 4` with `w = 4 / num_bins`; a distance between two centres counts for both in
    proportion. With `h+(l)` positives in bin `l`, and `H+(l)` positives and `H(l)` items up to it:
    `loss(a) = 1 - (1 / P) sum over l of h+(l) H+(l) / H(l)`, where `P` is the number of positives.
    Anchors without a positive have no loss. In a batch of equal embeddings an anchor with `P`
    positives among `N` candidates has the loss `1 - P / N`.

    Args:
        num_bins: Number of bins less one, an integer of at least 1. Defaults to 10.
        **kwargs: `miner`, `reduction`, `relation`, `embedding_regularizer`, `name`: see `PairLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings of any norm, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `num_bins` is no positive integer.

    Example: Squared distances of the two anchors with a positive: 2 (positive) and 4, then 2 and 2.
        The first ranking is right, the second has both in one bin: `(0 + 1 / 2) / 2`.

        >>> loss = FastAPLoss(num_bins=2)
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])), 4)
        0.25

    Formula: `1 - sum_l h+(l) H+(l) / H(l) / P`

    Cost: `O(B^2 (D + num_bins))` time, `O(B^2)` memory

    Reference: [Cakir et al., 2019](https://doi.org/10.1109/CVPR.2019.00196).

    Elsewhere: pytorch-metric-learning `FastAPLoss`.
    """

    fixed_arguments: ClassVar[dict[str, Any]] = {"margin": None, "distance": "cosine"}

    def __init__(self, num_bins: int = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_bins = check_count("num_bins", num_bins)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        place = x * (self.num_bins / 2)  # in bins: the squared distance is twice the cosine one
        other = ops.logical_or(positive, negative)
        precision, before = 0, 0
        for centre in range(self.num_bins + 1):
            # The share of a pair in this bin and those before.
            share = ops.clip(centre + 1 - place, 0, 1)
            num_positives = _masked_sum(share, positive)
            num_others = _masked_sum(share, other)
            none = num_others <= 0
            ratio = ops.where(none, 0, num_positives) / ops.where(none, 1, num_others)
            precision += (num_positives - before) * ratio
            before = num_positives
        found = ops.any(positive, axis=1, keepdims=True)
        total = ops.sum(ops.cast(positive, x.dtype), axis=1, keepdims=True)
        return losses_of(1 - precision / ops.maximum(total, 1), found)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "num_bins": self.num_bins}


def _masked_sum(values: Any, mask: Any) -> Any:
    return ops.sum(ops.where(mask, values, 0), axis=1, keepdims=True)
