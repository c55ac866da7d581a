"""Base of the metrics over pairs: of one class, and of two."""

from collections.abc import Sequence
from typing import ClassVar, Self

from keras_siamese.metrics.embedding_metric import EmbeddingMetric
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.pair_counts import PairCounts


class PairMetric(EmbeddingMetric):
    """Base of the metrics that see a set as pairs of one class, and pairs of two.

    Of labelled items all unordered pairs are taken, in one pass for all such metrics; each in both
    orders, if the distance depends on the order. Explicit pairs or triplets are taken as they are.

    A subclass defines `of_pairs`, and says which kinds of pairs it needs.

    Args:
        distance: See `EmbeddingMetric`.
        name: Defaults to that of the figure.
        dtype: Dtype of `result`. Defaults to float32.

    Attributes:
        needs_positives: Whether it needs pairs of one class.
        needs_negatives: Whether it needs pairs of two classes.
    """

    needs_positives: ClassVar[bool] = True
    needs_negatives: ClassVar[bool] = True

    def of_pairs(self, pairs: PairCounts) -> float:
        """The figure of counted pairs.

        Raises: ValueError: If it is undefined for them.
        """
        raise NotImplementedError

    @classmethod
    def evaluate_together(
        cls, metrics: Sequence[Self], data: LabelledSet | GivenPairs
    ) -> list[float]:
        """Computes several metrics over pairs that are counted once.

        Args:
            metrics: Any `PairMetric`s.
            data: Items, all pairs of which are taken, or pairs.

        Returns: The figure of each metric.

        Raises: ValueError: If a figure is undefined for the pairs.
        """
        for metric in metrics:
            metric._check_numbers(data.num_positive_pairs, data.num_negative_pairs)
        if isinstance(data, GivenPairs):
            pairs = PairCounts.of_pairs(data.same, data.distances)
        else:
            pairs = PairCounts.of_set(data)
        return [float(metric.of_pairs(pairs)) for metric in metrics]

    def _check_numbers(self, num_positives: int, num_negatives: int) -> None:
        numbers = {"one class": num_positives, "two classes": num_negatives}
        is_needed = self.needs_positives, self.needs_negatives
        missing = [
            f"pairs of {kind}"
            for (kind, number), needed in zip(numbers.items(), is_needed, strict=True)
            if needed and not number
        ]
        if missing:
            raise ValueError(
                f"`{self.name}` needs {' and '.join(missing)}. Received: {num_positives} of one "
                f"and {num_negatives} of two. Evaluate on a set with 2 classes or more, and 2 "
                "items or more in one of them."
            )
