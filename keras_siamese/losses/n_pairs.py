"""Multi-class N-pair loss."""

from typing import Any, ClassVar

import keras

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import AnchorLoss
from keras_siamese.losses.softmax_loss import against_negatives
from keras_siamese.losses.tuple_loss import TupleLosses


@keras.saving.register_keras_serializable(package="keras_siamese")
class NPairsLoss(AnchorLoss):
    """Multi-class N-pair loss: each positive against all negatives, by inner products.

    For anchor `a`, positive `p` and the anchor's negatives `n`:
    `loss(a, p) = log(1 + sum_n exp(x_a.x_n - x_a.x_p))`. An anchor without a positive or without a
    negative has no loss. Collapsed embeddings give `log(1 + number of negatives)`. It is
    `NTXentLoss` without a temperature, so the length of the embeddings matters: leave them
    unnormalised, and keep them short by `embedding_regularizer=keras.regularizers.L2(0.002)`, which
    adds 0.002 times their mean squared norm.

    The paper's batch of `N` pairs of `N` classes is
    `on_batch(ids, anchors, candidate_labels=ids, candidates=positives)`, where each anchor has the
    positives of the `N - 1` other pairs for negatives.

    Args:
        distance: Name or object: see `keras_siamese.distances`. The loss compares the inner product
            for `"inner_product"`, the cosine for `"cosine"`, and `-d` for others. Defaults to
            `"inner_product"`.
        **kwargs: `miner`: see `PairLoss`; `reduction`, `relation`, `embedding_regularizer`, `name`:
            see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `distance` is unknown.

    Example: Products 2 to the positive, 0 and 1 to the negative:
        `(log(1 + exp(0 - 2)) + log(1 + exp(1 - 2))) / 2`.

        >>> loss = NPairsLoss()
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [2.0, 1.0], [0.0, 1.0]])), 4)
        0.2201

    Formula: `log(1 + sum_n exp(x_a.x_n - x_a.x_p))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Sohn, 2016](https://papers.nips.cc/paper/6200), section 3.2. Deviation: in a
        labelled batch, every item is an anchor, with each of its positives, and all items of other
        classes are its negatives; so also with two items a class, where the paper's anchors are one
        item of each and its negatives the other.

    Elsewhere: pytorch-metric-learning `NPairsLoss` (one pair of each class, drawn at random, and
        normalised by default); tensorflow-addons `NpairsLoss` (given the products of anchors and
        positives, as in the paper).
    """

    compares: ClassVar[str] = "similarity"
    fixed_arguments: ClassVar[dict[str, Any]] = {"margin": None}

    def __init__(self, distance: str | Distance = "inner_product", **kwargs: Any) -> None:
        super().__init__(distance=distance, **kwargs)

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        return against_negatives(x, x, positive, negative)
