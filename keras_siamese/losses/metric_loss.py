"""The skeleton that losses on embeddings share: input, mining, weights, reduction, compilation."""

from abc import abstractmethod
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.ops.checks import (
    as_embeddings,
    as_two_sets,
    check_choice,
    check_positive,
    check_same_batch,
)
from keras_siamese.ops.compiled import compiled, compiled_with_gradient
from keras_siamese.ops.numerics import masked_mean, squared_norm
from keras_siamese.ops.positives import Classes, find_classes


class LossResult(NamedTuple):
    """A loss and what it was taken over.

    Attributes:
        value: The loss: a scalar, or shape `(num_anchors,)` with `reduction="none"`.
        active_fraction: The share of the tuples that have a loss above 0, a scalar.
        num_tuples: How many tuples were found, a scalar.
    """

    value: Any
    active_fraction: Any
    num_tuples: Any


class MetricLoss(keras.losses.Loss):
    """Base of the losses on embeddings: called as `loss(labels, embeddings)`, in any Keras model.

    A subclass gives `find_tuples` (which tuples) and `tuple_losses` (the formula), both pure
    functions of tensors; if it also takes ready-made pairs or triplets, `tuples_of_pairs` or
    `tuples_of_triplets`. A tuple type is a `NamedTuple` with a `mask` of shape
    `(num_anchors, num_slots)`: row `i` holds the tuples of anchor `i`.

    All arithmetic is float32 or better. Embeddings that hold NaN or infinity, or are too large to
    square, give NaN in a compiled step, and a `ValueError` where the value can be seen.

    Args:
        distance: Name or object: see `keras_siamese.distances`.
        margin: The least wanted gap, in units of `distance`; None if the loss has none.
        reduction: One of `reductions`: `"mean"` over all tuples found, `"mean_nonzero"` over those
            with a loss above 0, `"sum"`, or `"none"`: shape `(num_anchors,)`, each anchor's mean.
            Without any tuple each is 0. Weights multiply the losses; they do not change what is
            divided by.
        name: Name of the loss.
    """

    reductions: ClassVar[tuple[str, ...]] = ("mean", "mean_nonzero", "sum", "none")

    def __init__(
        self,
        distance: str | Distance = "euclidean",
        margin: float | None = None,
        reduction: str = "mean",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, reduction=None)
        self.reduction = check_choice("reduction", reduction, self.reductions)
        self.distance = distances.get(distance)
        self.margin = None if margin is None else check_positive("margin", margin)
        self.check_margin(unit_norm=False)

    @abstractmethod
    def find_tuples(self, anchors: Any, candidates: Any | None, classes: Classes) -> Any:
        """Chooses tuples of a labelled batch, undifferentiated; `candidates` None: the anchors."""

    @abstractmethod
    def tuple_losses(self, tuples: Any, anchors: Any, candidates: Any, exhaustive: bool) -> Any:
        """The loss of each tuple, `(num_anchors, num_slots)`; outside of the mask, anything."""

    def exhaustive(self, classes: Classes) -> bool:
        """Whether `find_tuples` gives more slots than there are candidates."""
        return True

    def tuples_of_pairs(self, same: Any) -> Any:
        """Tuples of explicit pairs, where anchor `i` belongs to candidate `i`."""
        raise ValueError(
            f"{type(self).__name__} has no meaning on pairs. Expected labelled batches (x, y) or "
            "triplets (anchor, positive, negative). For pairs use `ContrastiveLoss`."
        )

    def tuples_of_triplets(self, num_anchors: Any) -> Any:
        """Tuples of explicit triplets: candidates `i` (positive), `num_anchors + i` (negative)."""
        raise ValueError(
            f"{type(self).__name__} has no meaning on triplets. Expected labelled batches (x, y)."
        )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any | None = None) -> Any:
        """The loss of a labelled batch.

        Args:
            y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
            y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
            sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

        Returns: Scalar, float32; with `reduction="none"`, shape `(batch_size,)`.

        Raises: ValueError: If labels are no integers, shapes do not match, or embeddings are not
            finite.
        """
        return self.on_batch(y_true, y_pred, sample_weight).value

    def on_batch(
        self,
        labels: Any,
        embeddings: Any,
        sample_weight: Any | None = None,
        *,
        candidate_labels: Any | None = None,
        candidates: Any | None = None,
    ) -> LossResult:
        """The loss of a labelled batch, and what it was taken over.

        Args:
            labels: Integer class ids of the anchors, shape `(num_anchors,)` or `(num_anchors, 1)`.
            embeddings: Anchors, shape `(num_anchors, embedding_dim)`.
            sample_weight: Weight of each anchor, shape `(num_anchors,)`.
            candidate_labels: Class ids of the set that positives and negatives come from. None: the
                same batch, where an item is not compared with itself.
            candidates: Embeddings of that set, shape `(num_candidates, embedding_dim)`.
        """
        labels, embeddings, candidate_labels, candidates = as_two_sets(
            labels, embeddings, candidate_labels, candidates
        )
        inputs = (embeddings,) if candidates is None else (embeddings, candidates)
        return self._run(inputs, sample_weight, classes=find_classes(labels, candidate_labels))

    def on_pairs(self, x1: Any, x2: Any, same: Any, sample_weight: Any | None = None) -> LossResult:
        """The loss of explicit pairs.

        Args:
            x1: Embeddings, shape `(num_pairs, embedding_dim)`.
            x2: Embeddings, the same shape.
            same: 1 for a match, 0 for none, shape `(num_pairs,)` or `(num_pairs, 1)`.
            sample_weight: Weight of each pair, shape `(num_pairs,)`.

        Raises: ValueError: If the loss has no meaning on pairs.
        """
        x1, x2 = as_embeddings(x1), as_embeddings(x2)
        same = ops.cast(ops.reshape(same, (-1, 1)), "float32") > 0.5
        check_same_batch(same, x1, "`same`")
        check_same_batch(x2, x1, "`x2`")
        return self._run((x1, x2), sample_weight, tuples=self.tuples_of_pairs(same))

    def on_triplets(
        self, anchor: Any, positive: Any, negative: Any, sample_weight: Any | None = None
    ) -> LossResult:
        """The loss of explicit triplets.

        Args:
            anchor: Embeddings, shape `(num_triplets, embedding_dim)`.
            positive: Embeddings, the same shape.
            negative: Embeddings, the same shape.
            sample_weight: Weight of each triplet, shape `(num_triplets,)`.

        Raises: ValueError: If the loss has no meaning on triplets.
        """
        anchor, positive, negative = map(as_embeddings, (anchor, positive, negative))
        check_same_batch(positive, anchor, "positive")
        check_same_batch(negative, anchor, "negative")
        candidates = ops.concatenate([positive, negative], axis=0)
        tuples = self.tuples_of_triplets(ops.shape(anchor)[0])
        return self._run((anchor, candidates), sample_weight, tuples=tuples)

    def check_margin(self, unit_norm: bool) -> None:
        """Refuses a margin that no two distances can be apart.

        Args:
            unit_norm: Whether the embeddings are known to have norm 1.

        Raises: ValueError: If the margin is out of reach.
        """
        least, greatest = self.distance.bounds(unit_norm)
        if self.margin is not None and self.margin >= greatest - least:
            of_what = " of unit-norm embeddings" if unit_norm else ""
            raise ValueError(
                f"`margin` is out of reach: the {self.distance.name} distance{of_what} lies in "
                f"[{least:g}, {greatest:g}]. Received: margin={self.margin}. Expected less than "
                f"{greatest - least:g}; 0.05 to 0.5 is usual on unit-norm embeddings."
            )

    def reduce(self, losses: Any, tuples: Any) -> Any:
        """Reduces the losses to the value.

        Args:
            losses: Shape `(num_anchors, num_slots)`, 0 outside of the mask, times the weights.
            tuples: The tuples; the mask holds those that a mean runs over.
        """
        if self.reduction == "sum":
            return ops.sum(losses)
        if self.reduction == "none":
            return masked_mean(losses, tuples.mask, axis=1)
        return masked_mean(losses, tuples.mask)

    def _run(
        self,
        inputs: tuple[Any, ...],
        sample_weight: Any | None,
        classes: Classes | None = None,
        tuples: Any | None = None,
    ) -> LossResult:
        if sample_weight is not None:
            sample_weight = ops.cast(ops.reshape(sample_weight, (-1,)), inputs[0].dtype)
            check_same_batch(sample_weight, inputs[0], "weight")
        value, (active_fraction, num_tuples) = self._program(inputs, classes, tuples, sample_weight)
        if _is_nan(value):
            raise ValueError(
                "The embeddings are not finite, or too large to square, so neither is the loss. "
                "Check the inputs for NaN, and lower the learning rate if it happened during "
                "training."
            )
        return LossResult(value, active_fraction, num_tuples)

    @cached_property
    def _program(self) -> Any:
        # One program from the distances to the gradient: nothing but the result leaves it.
        return (compiled if self.reduction == "none" else compiled_with_gradient)(self._compute)

    def _compute(
        self, inputs: tuple[Any, ...], classes: Any, tuples: Any, sample_weight: Any
    ) -> tuple[Any, tuple[Any, Any]]:
        anchors, candidates = inputs if len(inputs) == 2 else (inputs[0], None)
        exhaustive = False
        if tuples is None:
            fixed_anchors = ops.stop_gradient(anchors)
            fixed_candidates = None if candidates is None else ops.stop_gradient(candidates)
            tuples = self.find_tuples(fixed_anchors, fixed_candidates, classes)
            exhaustive = self.exhaustive(classes)
        candidates = anchors if candidates is None else candidates
        losses = self.tuple_losses(tuples, anchors, candidates, exhaustive)
        losses = ops.where(tuples.mask, losses, ops.zeros_like(losses))
        active = losses > 0
        num_active, num_tuples = (ops.sum(ops.cast(x, "int32")) for x in (active, tuples.mask))
        active_fraction = ops.cast(num_active, "float32") / ops.cast(
            ops.maximum(num_tuples, 1), "float32"
        )
        if self.reduction == "mean_nonzero":  # Before the weights, which change no divisor.
            tuples = tuples._replace(mask=active)
        if sample_weight is not None:
            losses = losses * sample_weight[:, None]
        # Comparisons with NaN are false, so a mask would hide it; overflow leaves no tuple.
        finite = ops.isfinite(ops.sum(squared_norm(anchors)) + ops.sum(squared_norm(candidates)))
        value = ops.where(finite, self.reduce(losses, tuples), float("nan"))
        return value, (active_fraction, num_tuples)

    def __deepcopy__(self, memo: dict[int, Any]) -> "MetricLoss":
        return type(self).from_config(self.get_config())

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            "distance": keras.saving.serialize_keras_object(self.distance),
            "margin": self.margin,
            "reduction": self.reduction,
            "name": self.name,
        }


def tuple_distances(
    distance: Distance, anchors: Any, candidates: Any, index: Any, exhaustive: bool
) -> Any:
    """Distances from each anchor to some candidates of its own, differentiable.

    Args:
        distance: The distance.
        anchors: Shape `(num_anchors, embedding_dim)`.
        candidates: Shape `(num_candidates, embedding_dim)`.
        index: Which candidates, int32, shape `(num_anchors, num_slots)`.
        exhaustive: Whether to read them off the full matrix, for when slots outnumber candidates.

    Returns: Shape `(num_anchors, num_slots)`.
    """
    if exhaustive:
        return ops.take_along_axis(distance.pairwise(anchors, candidates), index, axis=1)
    return distance.paired(anchors[:, None, :], ops.take(candidates, index, axis=0))


def _is_nan(value: Any) -> bool:
    """Whether a value that can be looked at here is NaN; False inside of a graph."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.executing_eagerly() and bool(tf.reduce_any(tf.math.is_nan(value)))
    if keras.backend.backend() == "jax":
        import jax

        return not isinstance(value, jax.core.Tracer) and bool(ops.any(ops.isnan(value)))
    return bool(ops.any(ops.isnan(value)))
