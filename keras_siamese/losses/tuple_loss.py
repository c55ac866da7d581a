"""The skeleton of losses over tuples: input, mining, weights, reduction, compilation."""

from abc import abstractmethod
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.metric_loss import LossResult, MetricLoss
from keras_siamese.miners import Miner
from keras_siamese.ops.checks import (
    as_embeddings,
    as_two_sets,
    check_finite_loss,
    check_positive,
    check_same_batch,
)
from keras_siamese.ops.compiled import compiled, compiled_with_gradient
from keras_siamese.ops.numerics import nan_unless_finite
from keras_siamese.ops.positives import Classes


class TupleLosses(NamedTuple):
    """Losses of tuples, row `i` those of anchor `i`. A place may stand for several tuples.

    Attributes:
        values: Sum of the losses of the tuples at each place, 0 where there is none, shape
            `(num_anchors, num_slots)`.
        count: Number of tuples at each place, int32, the same shape.
        active: Number of those that have a loss above 0, int32, the same shape.
    """

    values: Any
    count: Any
    active: Any


class TupleLoss(MetricLoss):
    """Base of the losses over tuples that are found in a batch, by a miner or all there are.

    A subclass gives `find_tuples` (which tuples) and `tuple_losses` (the formula), both pure
    functions of tensors; if it also takes ready-made pairs or triplets, `tuples_of_pairs` or
    `tuples_of_triplets`.

    Args:
        margin: The least wanted gap, in units of `distance`; None if the loss has none.
        miner: Which tuples of a labelled batch; None: all.
        **kwargs: `distance`, `reduction`, `relation`, `embedding_regularizer`, `name`: see
            `MetricLoss`.

    Attributes:
        fixed_arguments: Those of these arguments that a subclass does not take, with what they
            always are. They are left out of its config.
    """

    fixed_arguments: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, margin: float | None = None, miner: Miner | None = None, **kwargs: Any
    ) -> None:
        arguments = {**kwargs, "margin": margin, "miner": miner}
        for name, value in self.fixed_arguments.items():
            if arguments.get(name) is not None:
                raise ValueError(
                    f"{type(self).__name__} takes no `{name}`: it is always {value!r}. "
                    f"Received: {arguments[name]!r}."
                )
            arguments[name] = value
        margin, miner = arguments.pop("margin"), arguments.pop("miner")
        super().__init__(**arguments)
        self.margin = None if margin is None else check_positive("margin", margin)
        self.miner = miner
        self._mined_by = miner and miner.in_effect
        self.check_margin(unit_norm=False)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self.__dict__.pop("_program", None)  # whatever is compiled has read the arguments

    @abstractmethod
    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> Any:
        """Chooses tuples of a labelled batch, undifferentiated; in one set both are the same."""

    @abstractmethod
    def tuple_losses(
        self, tuples: Any, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """The losses of the tuples, as `losses_of` gives them. Weights may be read as usual."""

    def find_classes(
        self, labels: Any, candidate_labels: Any | None = None, own: Any | None = None
    ) -> Classes:
        """What `find_tuples` is told of the labels: see `Relation.find_classes`."""
        return self.relation.find_classes(labels, candidate_labels, own)

    def exhaustive(self, classes: Classes) -> bool:
        """Whether `find_tuples` gives more slots than there are candidates."""
        return self.miner is None or self.miner.exhaustive(classes)

    def tuples_of_pairs(self, same: Any) -> Any:
        """Tuples of explicit pairs, where anchor `i` belongs to candidate `i`."""
        return super().on_pairs(None, None, None)

    def tuples_of_triplets(self, num_anchors: Any) -> Any:
        """Tuples of explicit triplets: candidates `i` (positive), `num_anchors + i` (negative)."""
        return super().on_triplets(None, None, None)

    def on_batch(
        self,
        labels: Any,
        embeddings: Any,
        sample_weight: Any | None = None,
        *,
        candidate_labels: Any | None = None,
        candidates: Any | None = None,
        own: Any | None = None,
        training: bool = False,
    ) -> LossResult:
        """See `MetricLoss.on_batch`."""
        labels, embeddings, candidate_labels, candidates = as_two_sets(
            labels, embeddings, candidate_labels, candidates, self.relation.as_labels
        )
        inputs = (embeddings,) if candidates is None else (embeddings, candidates)
        if own is not None and candidates is None:
            raise ValueError(
                "`own` is the place of each anchor in a second set. Received: `own` without "
                "`candidates`. Leave it out, or give both."
            )
        if own is not None:
            own = ops.cast(own, "int32")
        classes = self.find_classes(labels, candidate_labels, own)
        return self._run(inputs, sample_weight, classes=classes)

    def on_pairs(self, x1: Any, x2: Any, same: Any, sample_weight: Any | None = None) -> LossResult:
        """See `MetricLoss.on_pairs`."""
        x1, x2 = as_embeddings(x1), as_embeddings(x2)
        same = ops.cast(ops.reshape(same, (-1, 1)), "float32") > 0.5
        check_same_batch(same, x1, "`same`")
        check_same_batch(x2, x1, "`x2`")
        return self._run((x1, x2), sample_weight, tuples=self.tuples_of_pairs(same))

    def on_triplets(
        self, anchor: Any, positive: Any, negative: Any, sample_weight: Any | None = None
    ) -> LossResult:
        """See `MetricLoss.on_triplets`."""
        anchor, positive, negative = map(as_embeddings, (anchor, positive, negative))
        check_same_batch(positive, anchor, "positive")
        check_same_batch(negative, anchor, "negative")
        candidates = ops.concatenate([positive, negative], axis=0)
        tuples = self.tuples_of_triplets(ops.shape(anchor)[0])
        return self._run((anchor, candidates), sample_weight, tuples=tuples)

    def check_margin(self, unit_norm: bool) -> None:
        """See `MetricLoss.check_margin`."""
        least, greatest = self.distance.bounds(unit_norm)
        if self.margin is not None and self.margin >= greatest - least:
            of_what = " of unit-norm embeddings" if unit_norm else ""
            raise ValueError(
                f"`margin` is out of reach: the {self.distance.name} distance{of_what} lies in "
                f"[{least:g}, {greatest:g}]. Received: margin={self.margin}. Expected less than "
                f"{greatest - least:g}; 0.05 to 0.5 is usual on unit-norm embeddings."
            )

    def set_epoch(self, epoch: int) -> bool:
        """See `MetricLoss.set_epoch`."""
        if self.miner is None:
            return False
        # Not by what the miner says: another loss that shares it may have told it before.
        changes = self.miner.set_epoch(epoch) or self.miner.in_effect is not self._mined_by
        if changes:
            self._mined_by = self.miner.in_effect  # which drops the program, as any attribute does
        return changes

    def reduce(self, losses: TupleLosses, tuples: Any) -> Any:
        """Reduces the losses to the value.

        Args:
            losses: The losses, their values times the weights.
            tuples: The tuples.
        """
        if self.reduction == "sum":
            return ops.sum(losses.values)
        axis = 1 if self.reduction == "none" else None
        count = losses.active if self.reduction == "mean_nonzero" else losses.count
        return _mean(losses.values, count, axis)

    def _run(
        self,
        inputs: tuple[Any, ...],
        sample_weight: Any | None,
        classes: Classes | None = None,
        tuples: Any | None = None,
    ) -> LossResult:
        self.build(inputs[0].shape[-1])
        if sample_weight is not None:
            sample_weight = ops.cast(ops.reshape(sample_weight, (-1,)), inputs[0].dtype)
            check_same_batch(sample_weight, inputs[0], "weight")
        weights = tuple(ops.copy(weight) for weight in self.trainable_variables)
        value, others = self._program((*inputs, *weights), classes, tuples, sample_weight)
        check_finite_loss(value)
        return LossResult(value, *others)

    @cached_property
    def _program(self) -> Any:
        # One program from the distances to the gradient: nothing but the result leaves it.
        return (compiled if self.reduction == "none" else compiled_with_gradient)(self._compute)

    def _compute(
        self, inputs: tuple[Any, ...], classes: Any, tuples: Any, sample_weight: Any
    ) -> tuple[Any, tuple[Any, Any]]:
        variables = self.trainable_variables
        num_sets = len(inputs) - len(variables)
        sets, weights = inputs[:num_sets], inputs[num_sets:]
        anchors, candidates = sets[0], sets[-1]
        exhaustive = False
        if tuples is None:
            fixed = [ops.stop_gradient(x) for x in sets]
            tuples = self.find_tuples(fixed[0], fixed[-1], classes)
            exhaustive = self.exhaustive(classes)
        if variables:
            # The formula reads the tensors, by which it is differentiated, for the variables.
            mapping = list(zip(variables, weights, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                losses = self.tuple_losses(tuples, anchors, candidates, exhaustive)
        else:
            losses = self.tuple_losses(tuples, anchors, candidates, exhaustive)
        num_active, num_tuples = ops.sum(losses.active), ops.sum(losses.count)
        active_fraction = ops.cast(num_active, "float32") / ops.cast(
            ops.maximum(num_tuples, 1), "float32"
        )
        if sample_weight is not None:
            losses = losses._replace(values=losses.values * sample_weight[:, None])
        value = self.reduce(losses, tuples)
        if self.embedding_regularizer is not None:
            size = ops.cast(ops.shape(anchors)[0], anchors.dtype)
            value = value + self.embedding_regularizer(anchors) / size
        return nan_unless_finite(value, sets), (active_fraction, num_tuples)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        config = {
            **super().get_config(),
            "margin": self.margin,
            "miner": self.miner and keras.saving.serialize_keras_object(self.miner),
        }
        return {name: config[name] for name in config if name not in self.fixed_arguments}


def losses_of(values: Any, mask: Any) -> TupleLosses:
    """Losses of tuples, one at each place.

    Args:
        values: Shape `(num_anchors, num_slots)`; where `mask` is false, anything finite.
        mask: Whether that place holds a tuple, bool, the same shape.
    """
    values = ops.where(mask, values, ops.zeros_like(values))
    return TupleLosses(values, ops.cast(mask, "int32"), ops.cast(values > 0, "int32"))


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


def _mean(values: Any, count: Any, axis: int | None) -> Any:
    total, count = ops.sum(values, axis=axis), ops.sum(count, axis=axis)
    return total / ops.cast(ops.maximum(count, 1), total.dtype)
