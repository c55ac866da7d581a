"""The skeleton of losses by the ranks of an anchor's positives."""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

from keras import ops

from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses, losses_of
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.positives import Classes, find_positives
from keras_siamese.ops.soft_ranks import soft_ranks


class RankedTuples(NamedTuple):
    """The positives of each anchor, and what they are ranked among.

    Attributes:
        positive: Index of each positive, int32, shape `(num_anchors, num_slots)`.
        mask: Whether that place is in use, bool, the same shape.
        other: Which candidates are not the anchor itself, `(num_anchors or 1, num_candidates)`.
    """

    positive: Any
    mask: Any
    other: Any


class RankLoss(TupleLoss):
    """Base of the losses by the smooth ranks of positives: a subclass is one formula.

    Embeddings are compared by their cosines, all candidates but the anchor itself are ranked, and
    each anchor with a positive has one loss.

    Args:
        temperature: Positive float: the width of the sigmoid in place of a step, in units of the
            cosine.
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.
    """

    fixed_arguments: ClassVar[dict[str, Any]] = {
        "margin": None,
        "miner": None,
        "distance": "cosine",
    }

    def __init__(self, temperature: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.temperature = check_positive("temperature", temperature)

    @abstractmethod
    def rank_losses(self, ranks: Any, s_ap: Any, mask: Any) -> Any:
        """The formula: the loss of each anchor, shape `(num_anchors,)`.

        Args:
            ranks: Smooth rank of each positive among all others, 1 is the best, shape
                `(num_anchors, num_slots)`.
            s_ap: Cosine of anchor and positive, the same shape.
            mask: Which places hold a positive, bool, the same shape.
        """

    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> RankedTuples:
        """See `TupleLoss.find_tuples`."""
        return RankedTuples(*find_positives(classes), classes.is_other)

    def tuple_losses(
        self, tuples: RankedTuples, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        s = self.distance.pairwise_similarity(anchors, candidates)
        s_ap = ops.take_along_axis(s, tuples.positive, axis=1)
        ranks = soft_ranks(s, tuples.other, s_ap, self.temperature)
        losses = self.rank_losses(ranks, s_ap, tuples.mask)
        return losses_of(losses[:, None], ops.any(tuples.mask, axis=1, keepdims=True))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {**super().get_config(), "temperature": self.temperature}
