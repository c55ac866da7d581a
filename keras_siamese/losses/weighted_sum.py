"""A weighted sum of losses."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_siamese.losses.metric_loss import LossResult, MetricLoss
from keras_siamese.ops.checks import check_positive
from keras_siamese.weights import WeightOwner


@keras.saving.register_keras_serializable(package="keras_siamese")
class WeightedSum(MetricLoss):
    """A weighted sum of losses on the same embeddings, each of which is logged too.

    For losses `l_i` and weights `w_i`: `sum of w_i * l_i`. A `SiameseModel` logs each `l_i` by its
    name, without its weight: `triplet_loss` and, in evaluation, `val_triplet_loss`. Where two have
    one name, the later ones are numbered: `triplet_loss_2`. Each loss keeps its own distance,
    relation, miner, reduction and regularizer; distances between items (`SiameseModel.distance`,
    metrics) are those of the first.

    A hierarchical loss is the sum of losses that differ in the level of their relation: see
    `keras_siamese.relations.SameBranch`.

    Args:
        losses: Losses of `keras_siamese.losses`. All or none have `reduction="none"`.
        weights: Positive floats, as many. Defaults to 1 for each.
        name: Name of the loss.

    Call arguments:
        y_true: Labels, as the losses take them.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32; of losses with `reduction="none"`, shape `(batch_size,)`.

    Raises: ValueError: If there is no loss, one is no `MetricLoss`, weights are not positive or not
        as many, only some of the losses have `reduction="none"`, or two share a learned distance.

    Example: Distances 0.6 (match), 0.8 and 1.4. Contrastive loss, see there: 0.2 / 3. Triplets, two
        with a loss of `0.6 - 0.8 + 0.5 = 0.3` and 0: 0.15. `0.2 / 3 + 2 * 0.15`:

        >>> loss = WeightedSum([ContrastiveLoss(1.0), TripletLoss(0.5)], weights=[1.0, 2.0])
        >>> round(float(loss([0, 0, 1], [[0.0], [0.6], [-0.8]])), 4)
        0.3667

    Formula: `sum of w_i * l_i`

    Cost: That of the losses together.

    Elsewhere: pytorch-metric-learning `MultipleLosses`.
    """

    def __init__(
        self,
        losses: Sequence[MetricLoss],
        weights: Sequence[float] | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(losses, Sequence):
            raise ValueError(f"`losses` must be a list of losses. Received: {losses!r}.")
        losses = [get_loss(loss) for loss in losses]
        if not losses:
            raise ValueError("`losses` is empty. Expected at least one loss.")
        weights = [1.0] * len(losses) if weights is None else list(weights)
        if len(weights) != len(losses):
            raise ValueError(
                f"Expected one weight for each part. Received: {len(weights)} weights for "
                f"{len(losses)} parts."
            )
        per_anchor = {loss.reduction == "none" for loss in losses}
        if len(per_anchor) > 1:
            raise ValueError(
                'All or none of the losses must have `reduction="none"`. Received: '
                f"{[loss.reduction for loss in losses]}."
            )
        super().__init__(
            losses[0].distance,
            reduction="none" if per_anchor == {True} else "sum",
            relation=losses[0].relation,
            name=name,
        )
        self.losses = losses
        self.weights = [check_positive("weights", weight) for weight in weights]
        self.takes_two_sets = all(loss.takes_two_sets for loss in losses)

    @property
    def owners(self) -> list[WeightOwner]:
        """See `WeightOwner.owners`."""
        return list(self.losses)

    def build(self, embedding_dim: int) -> None:
        """See `WeightOwner.build`.

        Raises: ValueError: If two losses share weights.
        """
        super().build(embedding_dim)
        layers = [layer for loss in self.losses for layer in loss.layers]
        if len(set(layers)) < len(layers):
            raise ValueError(
                "Two of the losses share an object with weights, which would be two in a loaded "
                f"model. Received: {[layer.name for layer in layers]}. Give each its own."
            )

    @property
    def part_names(self) -> list[str]:
        """See `MetricLoss.part_names`."""
        names: list[str] = []
        for loss in self.losses:
            name, number = loss.name, 1
            while name in names:
                number += 1
                name = f"{loss.name}_{number}"
            names.append(name)
        return names

    def view(self, part: int, embeddings: Any) -> Any:
        """What a part sees of embeddings: here, all of them.

        Args:
            part: Place of the loss among `losses`.
            embeddings: Shape `(batch_size, embedding_dim)`, or None.
        """
        return embeddings

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
        return self._sum(
            lambda loss, x, y: loss.on_batch(
                labels,
                x,
                sample_weight,
                candidate_labels=candidate_labels,
                candidates=y,
                own=own,
                training=training,
            ),
            embeddings,
            candidates,
        )

    def on_pairs(self, x1: Any, x2: Any, same: Any, sample_weight: Any | None = None) -> LossResult:
        """See `MetricLoss.on_pairs`."""
        return self._sum(lambda loss, *x: loss.on_pairs(*x, same, sample_weight), x1, x2)

    def on_triplets(
        self, anchor: Any, positive: Any, negative: Any, sample_weight: Any | None = None
    ) -> LossResult:
        """See `MetricLoss.on_triplets`."""
        return self._sum(
            lambda loss, *x: loss.on_triplets(*x, sample_weight), anchor, positive, negative
        )

    def on_views(
        self, x1: Any, x2: Any, sample_weight: Any | None = None, *, training: bool = False
    ) -> LossResult:
        """See `MetricLoss.on_views`."""
        return self._sum(
            lambda loss, *x: loss.on_views(*x, sample_weight, training=training), x1, x2
        )

    def view_labels(self, x1: Any) -> Any:
        """See `MetricLoss.view_labels`."""
        *_, labels = (loss.view_labels(x1) for loss in self.losses)  # each may refuse
        return labels

    def _sum(self, run: Callable[..., LossResult], *sets: Any) -> LossResult:
        """Adds up what `run` gives of each loss and its view of the sets."""
        self.build(next(ops.shape(x)[-1] for x in sets if x is not None))
        results = [
            run(loss, *(None if x is None else self.view(part, x) for x in sets))
            for part, loss in enumerate(self.losses)
        ]
        value = sum(
            weight * result.value for weight, result in zip(self.weights, results, strict=True)
        )
        counts = [ops.cast(result.num_tuples, "float32") for result in results]
        num_active = sum(
            count * result.active_fraction for count, result in zip(counts, results, strict=True)
        )
        return LossResult(
            value,
            num_active / ops.maximum(sum(counts), 1.0),
            # Counted triplets are int64, others int32.
            sum(ops.cast(result.num_tuples, "int64") for result in results),
            dict(zip(self.part_names, (result.value for result in results), strict=True)),
        )

    def check_margin(self, unit_norm: bool) -> None:
        """See `MetricLoss.check_margin`."""
        for loss in self.losses:
            loss.check_margin(unit_norm)

    def set_epoch(self, epoch: int) -> bool:
        """See `MetricLoss.set_epoch`."""
        return any([loss.set_epoch(epoch) for loss in self.losses])

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            "losses": [keras.saving.serialize_keras_object(loss) for loss in self.losses],
            "weights": self.weights,
            "name": self.name,
        }


def get_loss(identifier: Any) -> MetricLoss:
    """Returns the loss that an object or a serialised config stands for.

    Args:
        identifier: A `MetricLoss`, or what `keras.saving.serialize_keras_object` made of one.

    Raises: ValueError: If it is neither.
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, MetricLoss):
        return identifier
    raise ValueError(
        f"Expected a loss of `keras_siamese.losses`. Received: {identifier!r}. "
        "Use for instance `TripletLoss()`."
    )
