"""Triplet loss."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses, losses_of, tuple_distances
from keras_siamese.miners import SemiHardMiner, TripletMiner, Triplets, get_miner
from keras_siamese.ops.positives import Classes


@keras.saving.register_keras_serializable(package="keras_siamese")
class TripletLoss(TupleLoss):
    """Triplet loss over triplets mined inside the batch, or over given ones.

    For anchor `a`, positive `p`, negative `n` and distance `d`, with a margin:
    `loss(a, p, n) = max(0, d(a, p) - d(a, n) + margin)`; with `margin="soft"`:
    `loss(a, p, n) = log(1 + exp(d(a, p) - d(a, n)))`. A batch with no positive or no negative gives
    0 and a zero gradient.

    Args:
        margin: Positive float in units of `distance`, or `"soft"`. Fair comparisons found 0.05 to
            0.14 best on unit-norm embeddings under the Euclidean distance (Musgrave et al., 2020).
            Defaults to 0.2.
        distance: Name or object: see `keras_siamese.distances`. Defaults to `"euclidean"`.
        miner: Which triplets of a labelled batch. Defaults to `SemiHardMiner()`.
        reduction: `"mean"` over all mined triplets, `"mean_nonzero"` over those with a loss above
            0, `"mean_pairs"`: the sum over the number of anchor-positive pairs, mined or not,
            `"sum"`, or `"none"`: shape `(batch_size,)`, each anchor's mean. Without triplets, 0.
            Defaults to `"mean"`.
        **kwargs: `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If `margin` is neither positive nor `"soft"`, or further than two distances
        can be apart.

    Example: Seven semi-hard triplets, with losses of 0.3 (three times) and 0.5 (four times):

        >>> points = [[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]]
        >>> loss = TripletLoss(margin=0.6, miner=SemiHardMiner(fallback="skip"))
        >>> round(float(loss([0, 0, 0, 1, 1, 1], points)), 4)
        0.4143

    Reference: [Schroff et al., 2015](https://arxiv.org/abs/1503.03832), sections 3.1-3.2 (there, on
        squared distances); soft margin: [Hermans et al., 2017](https://arxiv.org/abs/1703.07737),
        section 2.
    """

    miner: TripletMiner
    reductions: ClassVar[tuple[str, ...]] = (*TupleLoss.reductions, "mean_pairs")

    def __init__(
        self,
        margin: float | str = 0.2,
        distance: str | Distance = "euclidean",
        miner: TripletMiner | None = None,
        reduction: str = "mean",
        **kwargs: Any,
    ) -> None:
        if margin is None or (isinstance(margin, str) and margin != "soft"):
            raise ValueError(f'`margin` must be a positive float or "soft". Received: {margin!r}.')
        hinge = None if isinstance(margin, str) else margin
        miner = get_miner(SemiHardMiner() if miner is None else miner, TripletMiner)
        super().__init__(
            margin=hinge, miner=miner, distance=distance, reduction=reduction, **kwargs
        )

    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> Triplets:
        """See `TupleLoss.find_tuples`."""
        return self.miner.mine(
            anchors, candidates, classes, distance=self.distance, margin=self.margin
        )

    def tuples_of_triplets(self, num_anchors: Any) -> Triplets:
        """See `TupleLoss.tuples_of_triplets`."""
        index = ops.arange(num_anchors, dtype="int32")[:, None]
        mask = ops.ones_like(index, dtype="bool")
        return Triplets(index, index + num_anchors, mask, num_anchors)

    def tuple_losses(
        self, tuples: Triplets, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        # One gather for both, and one scatter in the backward pass.
        index = ops.concatenate([tuples.positive, tuples.negative], axis=1)
        d = tuple_distances(self.distance, anchors, candidates, index, exhaustive)
        d_ap, d_an = ops.split(d, 2, axis=1)
        gap = d_ap - d_an
        values = ops.softplus(gap) if self.margin is None else ops.relu(gap + self.margin)
        return losses_of(values, tuples.mask)

    def reduce(self, losses: TupleLosses, tuples: Triplets) -> Any:
        """See `TupleLoss.reduce`."""
        if self.reduction == "mean_pairs":
            total = ops.sum(losses.values)
            return total / ops.cast(ops.maximum(tuples.num_pairs, 1), total.dtype)
        return super().reduce(losses, tuples)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "margin": "soft" if self.margin is None else self.margin}


@keras.saving.register_keras_serializable(package="keras_siamese")
class TripletSemiHardLoss(TripletLoss):
    """The loss of the same name in tensorflow-addons, value for value.

    For every anchor and positive, the negative with the smallest `d(a, n) > d(a, p)`, else the one
    with the largest `d(a, n)`; the sum of `max(0, d(a, p) - d(a, n) + margin)` over the number of
    pairs. It is `TripletLoss` with `SemiHardMiner("nearest", "farthest")` and `reduction="mean"`,
    here by the name and the default margin that people know.

    Args:
        margin: Positive float in units of `distance`. Defaults to 1.0.
        distance: tensorflow-addons' `"L2"` is `"euclidean"`, `"squared-L2"` is
            `"squared_euclidean"`, `"angular"` is `"cosine"`. Defaults to `"euclidean"`.
        **kwargs: `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.

    Deviation: 0 where a batch has no negative; there, tensorflow-addons takes the anchor itself for
        one.
    """

    def __init__(
        self,
        margin: float = 1.0,
        distance: str | Distance = "euclidean",
        **kwargs: Any,
    ) -> None:
        super().__init__(margin=margin, distance=distance, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        config = super().get_config()
        return {key: config[key] for key in config if key not in ("miner", "reduction")}
