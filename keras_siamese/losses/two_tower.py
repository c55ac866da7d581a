"""What losses of two encoders, or of two views, have in common."""

from typing import Any, ClassVar

from keras_siamese.losses.metric_loss import LossResult
from keras_siamese.losses.pair_loss import AnchorLoss
from keras_siamese.losses.tuple_loss import TupleLoss
from keras_siamese.miners import Pairs
from keras_siamese.ops.checks import as_embeddings, check_same_batch


class TwoTowerLoss(AnchorLoss):
    """Base of the losses that compare two sets item by item, such as images and their captions.

    Its own road is `on_views(x1, x2)`, where row `i` of both match and nothing else does. On
    labelled batches it takes the labels' word for what matches: of two sets (anchors and
    candidates), or of one set with itself, where no item is compared with itself. Embeddings are
    compared by their cosines.

    Args:
        **kwargs: `reduction`, `relation`, `embedding_regularizer`, `name`: see `MetricLoss`.
    """

    compares: ClassVar[str] = "similarity"
    fixed_arguments: ClassVar[dict[str, Any]] = {
        "margin": None,
        "miner": None,
        "distance": "cosine",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def on_views(
        self, x1: Any, x2: Any, sample_weight: Any | None = None, *, training: bool = False
    ) -> LossResult:
        """See `MetricLoss.on_views`: the first views are compared with the second ones alone."""
        x1, x2 = as_embeddings(x1), as_embeddings(x2)
        check_same_batch(x2, x1, "second view")
        index = super().view_labels(x1)
        return self.on_batch(
            index, x1, sample_weight, candidate_labels=index, candidates=x2, training=training
        )

    def view_labels(self, x1: Any) -> Any:
        """Is refused: see `MetricLoss.view_labels`.

        Raises: ValueError: Always.
        """
        raise ValueError(
            f"{type(self).__name__} compares first views with second ones alone, so two views are "
            "no labelled batch, which a memory wants. Use it without the memory, or `NTXentLoss`."
        )

    def tuples_of_triplets(self, num_anchors: Any) -> Pairs:
        """See `TupleLoss.tuples_of_triplets`: the two sets are compared whole."""
        return TupleLoss.tuples_of_triplets(self, num_anchors)
