"""Ranked list loss."""

from numbers import Real
from typing import Any

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import AnchorLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_logsumexp


@keras.saving.register_keras_serializable(package="keras_siamese")
class RankedListLoss(AnchorLoss):
    """Ranked list loss: positives within a sphere around the anchor, negatives beyond a wider one.

    For anchor `a`, its positives `p`, its negatives `n` and distance `d`: `loss(a) =
    (1 - imbalance) * mean_p(d(a, p) - (alpha - margin)) + imbalance * mean_n(alpha - d(a, n))`.
    The means run over the pairs with a loss alone: `d(a, p) > alpha - margin` and
    `d(a, n) < alpha`. Both are weighted, by `exp(positive_temperature * (d(a, p) - (alpha -
    margin)))` and `exp(negative_temperature * (alpha - d(a, n)))`, so that the worst count most;
    the weights are constants to the gradient. An anchor with one kind of pairs alone has that
    kind's part; one without any has none. Collapsed embeddings give `imbalance * alpha`.

    Args:
        margin: Positive float in units of `distance`, the gap between the two spheres. Defaults to
            0.4, the paper's.
        alpha: Radius beyond which the negatives are to be. Defaults to 1.2, the paper's.
        negative_temperature: How much more the nearest negatives count, at least 0 (all the same).
            Defaults to 10.0, the paper's.
        positive_temperature: How much more the farthest positives count, at least 0. Defaults to
            0.0, the paper's simpler form.
        imbalance: Share of the negatives in the loss, above 0 and below 1. Defaults to 0.5.
        distance: Name or object: see `keras_siamese.distances`. The defaults are for unit-norm
            embeddings. Defaults to `"euclidean"`.
        **kwargs: `miner`: see `PairLoss`; `reduction`, `relation`, `embedding_regularizer`, `name`:
            see `MetricLoss`.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If an argument is out of range, or no distance is within `alpha - margin`.

    Example: The positive is 1 away (0.2 too far). The first anchor's negative is 2 away (far
        enough), the second's 1 away (0.2 too near), the last item's negatives 2 and 1 away:
        `(0.1 + (0.1 + 0.1) + 0.1) / 3`.

        >>> loss = RankedListLoss(margin=0.4, alpha=1.2)
        >>> round(float(loss([0, 0, 1], [[0.0], [1.0], [2.0]])), 4)
        0.1333

    Formula: `(1 - c) * mean_p max(0, d(a, p) - (alpha - margin)) + c * mean_n max(0, alpha - d(a,
        n))`

    Cost: O(B^2 D) time, O(B^2) memory.

    Reference: [Wang et al., 2019](https://arxiv.org/abs/1903.03238), section 3.

    Elsewhere: pytorch-metric-learning `RankedListLoss` (there, the gradient runs through the
        weights too, and 1e-5 for each pair is added to their sum).
    """

    margin: float

    def __init__(
        self,
        margin: float = 0.4,
        alpha: float = 1.2,
        negative_temperature: float = 10.0,
        positive_temperature: float = 0.0,
        imbalance: float = 0.5,
        distance: str | Distance = "euclidean",
        **kwargs: Any,
    ) -> None:
        super().__init__(margin=check_positive("margin", margin), distance=distance, **kwargs)
        self.alpha = check_positive("alpha", alpha)
        self.negative_temperature = _check_temperature("negative_temperature", negative_temperature)
        self.positive_temperature = _check_temperature("positive_temperature", positive_temperature)
        self.imbalance = check_positive("imbalance", imbalance, below=1.0)
        if self.alpha - margin < self.distance.bounds()[0]:
            raise ValueError(
                "No positive can be within `alpha - margin`. Received: "
                f"alpha={alpha}, margin={margin}. Use `alpha >= margin`."
            )

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        too_far = _weighted_mean(
            x - (self.alpha - self.margin), positive, self.positive_temperature
        )
        too_near = _weighted_mean(self.alpha - x, negative, self.negative_temperature)
        values = (1 - self.imbalance) * too_far + self.imbalance * too_near
        mask = ops.any(ops.logical_or(positive, negative), axis=1, keepdims=True)
        return losses_of(values, mask)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "negative_temperature": self.negative_temperature,
            "positive_temperature": self.positive_temperature,
            "imbalance": self.imbalance,
        }


def _weighted_mean(excess: Any, mask: Any, temperature: float) -> Any:
    """Mean over a row's excesses above 0, weighted by `exp(temperature * excess)`; else 0."""
    mask = ops.logical_and(mask, excess > 0)
    logits = temperature * ops.stop_gradient(excess)
    total = masked_logsumexp(logits, mask, axis=1, keepdims=True)
    # At most 1 each; outside of the mask the exponential might overflow.
    weights = ops.exp(ops.where(mask, logits - total, -1e30))
    return ops.sum(weights * ops.where(mask, excess, 0.0), axis=1, keepdims=True)


def _check_temperature(argument: str, received: float) -> float:
    if isinstance(received, Real) and 0 <= received < float("inf"):
        return float(received)
    raise ValueError(
        f"`{argument}` must be a finite number of at least 0. Received: {received!r}. "
        "Use 0 for equal weights."
    )
