"""Base of the metrics of the space as a whole: geometry and clusters."""

from collections.abc import Sequence
from typing import Self

from keras_siamese.metrics.embedding_metric import EmbeddingMetric
from keras_siamese.ops.embedding_space import EmbeddingSpace
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import LabelledSet


class SpaceMetric(EmbeddingMetric):
    """Base of the metrics that look at all embeddings of a set at once.

    A subclass defines `of_space`.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to that of the figure.
        dtype: Dtype of `result`. Defaults to float32.
    """

    def of_space(self, space: EmbeddingSpace) -> float:
        """The figure of a labelled set.

        Raises: ValueError: If it is undefined for the set.
        """
        raise NotImplementedError

    @classmethod
    def evaluate_together(
        cls, metrics: Sequence[Self], data: LabelledSet | GivenPairs
    ) -> list[float]:
        """Computes several metrics, and once what they have in common.

        Args:
            metrics: Any `SpaceMetric`s.
            data: The set.

        Returns: The figure of each metric.

        Raises: ValueError: If `data` are pairs, or a figure is undefined for the set.
        """
        if isinstance(data, GivenPairs):
            raise ValueError(
                f"`{metrics[0].name}` looks at the embeddings of labelled items; of pairs or "
                "triplets the distances alone are kept. Evaluate on labelled data `(x, y)`."
            )
        space = EmbeddingSpace(data.labels, data.embeddings, data.distance)
        return [float(metric.of_space(space)) for metric in metrics]
