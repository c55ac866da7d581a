"""Base of the metrics that are exact over a whole set of embeddings."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import keras
from keras import ops

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.metrics.collection import EmbeddingCollection
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import LabelledSet


class EmbeddingMetric(keras.metrics.Metric):
    """Base of the metrics that compare each item of a set with all others.

    Given to `SiameseModel.compile`, it is computed at the end of `evaluate` and of the validation
    in `fit`, exactly, whatever the batch size. By itself it collects what `update_state` is given,
    and `result` computes the figure over all of it. That works on values, not in a compiled step.

    It keeps no Keras variables. Ties are exact equalities of computed distances. Figures that
    depend on an order take the expected value over all orders of tied items, so that a collapsed
    model scores as guessing does. Identical embeddings always tie.

    A subclass is one of three kinds, whose figures are computed in one pass: `RankingMetric`,
    `PairMetric` or `SpaceMetric`. It defines `default_name`, `_direction` ("up" if larger is
    better, else "down", which Keras's callbacks read in `mode="auto"`) and what its kind asks for.

    Args:
        distance: Name or `keras_siamese.distances.Distance`. `None` is that of the `SiameseModel`,
            and Euclidean without one.
        name: Name in the logs. Defaults to that of the figure.
        dtype: Dtype of `result`. Defaults to float32.

    Attributes:
        computed_by_model: Whether a `SiameseModel` collects the items and computes the figure; the
            model sets it. `update_state` then does nothing, and `result` is NaN: the figure is in
            the logs.
    """

    default_name: ClassVar[str]
    _direction: ClassVar[str]

    def __init__(
        self,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name or self.default_name, dtype=dtype)
        self.distance = None if distance is None else distances.get(distance)
        self.computed_by_model = False
        self._collection = EmbeddingCollection()

    @property
    def kind(self) -> "type[EmbeddingMetric]":
        """The class whose `evaluate_together` computes this metric."""
        return next(base for base in type(self).__mro__ if "evaluate_together" in vars(base))

    @classmethod
    def evaluate_together(
        cls, metrics: Sequence[Self], data: LabelledSet | GivenPairs
    ) -> Sequence[float]:
        """Computes several metrics of this kind and of one distance in one pass.

        Args:
            metrics: The metrics.
            data: What to evaluate: items, or pairs.

        Returns: The figure of each.

        Raises: ValueError: If one of them is undefined for `data`.
        """
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
            y_pred: Finite embeddings, shape `(batch_size, embedding_dim)`.
            sample_weight: Refused: these figures have no weighted form.

        Raises: ValueError: If weights are given, an argument is not as described, or this is the
            compiled step of another model than `SiameseModel`.
        """
        if sample_weight is not None:
            raise ValueError(
                f"`{self.name}` has no weighted form. Expected no `sample_weight`. "
                "Pass the metric as `metrics=`, not `weighted_metrics=`, or leave out the weights."
            )
        if self.computed_by_model:
            return
        if _is_symbolic(y_true) or _is_symbolic(y_pred):
            raise ValueError(
                f"`{self.name}` compares each item with the whole set, of which a compiled step "
                "sees one batch. Wrap the encoder in `keras_siamese.SiameseModel`, which computes "
                "it after the last batch, or call `keras_siamese.evaluation.evaluate_embeddings("
                "model.predict(x), y)`."
            )
        self._collection.add_items(y_true, y_pred)

    def result(self) -> Any:
        """The figure over all batches since the last reset, a scalar tensor of `dtype`.

        Raises: ValueError: If there are no items, or the figure is undefined for them.
        """
        if self.computed_by_model:
            return ops.full((), float("nan"), dtype=self.dtype)
        figures = self._collection.evaluate([self])
        return ops.convert_to_tensor(figures[self.name], dtype=self.dtype)

    def reset_state(self) -> None:
        """Forgets all batches."""
        self._collection.clear()

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        distance = self.distance and keras.saving.serialize_keras_object(self.distance)
        return {"distance": distance, **super().get_config()}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Keras copies by saving and loading, which would lose the state.
        duplicate = self.from_config(self.get_config())
        duplicate.distance = copy.deepcopy(self.distance, memo)  # with what it has learned
        duplicate.computed_by_model = self.computed_by_model
        duplicate._collection = copy.deepcopy(self._collection, memo)
        return duplicate


def _is_symbolic(values: Any) -> bool:
    if isinstance(values, keras.KerasTensor):
        return True
    with warnings.catch_warnings():
        # NumPy 2 and TensorFlow's symbolic tensors: a warning before the error that is caught here.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            ops.convert_to_numpy(values)
        except (NotImplementedError, TypeError):
            return True
    return False
