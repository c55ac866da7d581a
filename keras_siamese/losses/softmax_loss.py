"""The skeleton of losses by a softmax over the pairs of an anchor, at a temperature."""

from typing import Any, ClassVar

from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import AnchorLoss
from keras_siamese.losses.tuple_loss import TupleLosses, losses_of
from keras_siamese.miners import Pairs
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.numerics import masked_logsumexp


class SoftmaxLoss(AnchorLoss):
    """Base of the losses by a softmax: `pair_losses` takes logits, similarities / temperature.

    Args:
        temperature: Positive float, in units of the similarity.
        distance: Name or object: see `keras_siamese.distances`.
        **kwargs: `miner`: see `PairLoss`; `reduction`, `relation`, `embedding_regularizer`, `name`:
            see `MetricLoss`.

    Raises: ValueError: If `temperature` is not positive.
    """

    compares: ClassVar[str] = "similarity"
    fixed_arguments: ClassVar[dict[str, Any]] = {"margin": None}

    def __init__(self, temperature: float, distance: str | Distance, **kwargs: Any) -> None:
        super().__init__(distance=distance, **kwargs)
        self.temperature = check_positive("temperature", temperature)

    def compare(self, tuples: Pairs, anchors: Any, candidates: Any, exhaustive: bool) -> Any:
        """See `PairLoss.compare`: the logits."""
        return super().compare(tuples, anchors, candidates, exhaustive) / self.temperature

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "temperature": self.temperature}


def against_negatives(s_ap: Any, s_an: Any, positive: Any, negative: Any) -> TupleLosses:
    """Losses `log(1 + sum_n exp(s_an - s_ap))` of each anchor and positive that have a negative.

    Args:
        s_ap: Logits of the positives, shape `(num_anchors, num_slots)`.
        s_an: Logits of the negatives, the same shape.
        positive: Which places hold a positive, bool, the same shape.
        negative: Which places hold a negative, bool, the same shape.
    """
    of_negatives = masked_logsumexp(s_an, negative, axis=1, keepdims=True)
    mask = ops.logical_and(positive, ops.any(negative, axis=1, keepdims=True))
    return losses_of(ops.softplus(of_negatives - s_ap), mask)
