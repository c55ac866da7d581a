"""Margin loss, with a boundary that is learned."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.losses.pair_loss import PairLoss
from keras_siamese.losses.tuple_loss import TupleLoss, TupleLosses, losses_of
from keras_siamese.miners import Pairs
from keras_siamese.ops.checks import as_class_ids, check_count, check_positive
from keras_siamese.ops.positives import Classes
from keras_siamese.relations import SameClass


class ClassPairs(NamedTuple):
    """Pairs, and the classes of their anchors.

    Attributes:
        pairs: The pairs.
        ids: Class ids of the anchors, -1 where out of range, int32, shape `(num_anchors,)`.
    """

    pairs: Pairs
    ids: Any


@keras.saving.register_keras_serializable(package="keras_siamese")
class MarginLoss(PairLoss):
    """Margin loss: matching pairs within a learned boundary, others beyond it, by a margin.

    For an anchor `a` and another item at distance `d`: `max(0, margin + d - beta)` if they match,
    else `max(0, margin + beta - d)`, plus `nu beta / 2`. `beta` is one number, or with
    `num_classes` that of the class of `a`. The paper takes the pairs that
    `miner=DistanceWeightedMiner()` draws; without a miner, all are taken. Collapsed embeddings cost
    `max(0, margin - beta)` for each matching pair and `margin + beta` for each other.

    `beta` is a weight of the loss: a `SiameseModel` makes it in `compile`, trains and saves it. In
    a model or loop of your own, call `build(embedding_dim)` first and train `trainable_variables`
    along.

    Args:
        margin: Positive float in units of `distance`, `alpha` in the paper. Defaults to 0.2.
        beta: Positive float in units of `distance`: where the boundary begins. Defaults to 1.2, for
            unit-norm embeddings under the Euclidean distance.
        nu: Float from 0 up: pull of the boundary towards 0; each triplet, which is two pairs, adds
            `nu beta`, also where its losses are 0. Defaults to 0.0.
        num_classes: Number of classes, for a boundary of each; labels are then
            `0..num_classes - 1`. None: one boundary for all.
        learn_beta: Whether the boundary is learned. Defaults to True.
        learning_rate_multiplier: Positive float: steps of the boundary are that much longer than
            those of the encoder. Defaults to 1.0.
        distance: Name or object: see `keras_siamese.distances`. Defaults to `"euclidean"`.
        reduction: See `MetricLoss`. Defaults to `"mean_nonzero"`, as in the paper: the sum over the
            number of pairs whose `max(0, ...)` is above 0.
        **kwargs: `miner`, `relation`, `embedding_regularizer`, `name`: see `PairLoss`.

    Attributes:
        betas: The variable, shape `(1,)` or `(num_classes,)`. None until `build`, and if it is not
            learned.

    Call arguments:
        y_true: Integer class ids, shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: Embeddings, shape `(batch_size, embedding_dim)`.
        sample_weight: Weight of each item as an anchor, shape `(batch_size,)`.

    Returns: Scalar, float32.

    Raises: ValueError: If an argument is out of its range, or if `num_classes` comes with
        `learn_beta=False`, with a relation, with explicit pairs, triplets or views, which have no
        class ids, or with labels out of range. (In a graph such labels give NaN.)

    Example: Distances 0.6 (match), 0.8 and 1.4: `0`, `0.2 + 1.1 - 0.8` and `0`.

        >>> loss = MarginLoss(margin=0.2, beta=1.1)
        >>> round(float(loss([0, 0, 1], [[0.0], [0.6], [-0.8]])), 4)
        0.5

    Formula: `[same] max(0, margin + d - beta) + [different] max(0, margin + beta - d) + nu beta /
        2`

    Cost: O(B^2 D) time, O(B^2) memory; O(B K D) of it is differentiated with a triplet miner.

    Reference: [Wu et al., 2017](https://arxiv.org/abs/1706.07567), section 4.2. Deviation: no
        boundary of each image.

    Elsewhere: pytorch-metric-learning `MarginLoss` (which adds `nu beta` once for a single
        boundary, and does not learn it by default).
    """

    betas: keras.Variable | None = None

    def __init__(
        self,
        margin: float = 0.2,
        beta: float = 1.2,
        nu: float = 0.0,
        num_classes: int | None = None,
        learn_beta: bool = True,
        learning_rate_multiplier: float = 1.0,
        distance: str | Distance = "euclidean",
        reduction: str = "mean_nonzero",
        **kwargs: Any,
    ) -> None:
        margin = check_positive("margin", margin)
        super().__init__(margin=margin, distance=distance, reduction=reduction, **kwargs)
        self.beta = check_positive("beta", beta)
        self.nu = 0.0 if nu == 0 else check_positive("nu", nu)
        self.num_classes = num_classes
        self.learn_beta = learn_beta
        self.learning_rate_multiplier = check_positive(
            "learning_rate_multiplier", learning_rate_multiplier
        )
        if num_classes is not None:
            check_count("num_classes", num_classes, least=2)
            if not learn_beta or not isinstance(self.relation, SameClass):
                raise ValueError(
                    "`num_classes` is for a boundary of each class that is learned. Expected "
                    f"`learn_beta=True` and no `relation`. Received: learn_beta={learn_beta!r}, "
                    f"relation={self.relation!r}. Leave out `num_classes` for one boundary."
                )

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""
        if self.learn_beta:
            start = keras.initializers.Constant(self.beta)
            self.betas = self.add_weight("betas", (self.num_classes or 1,), initializer=start)

    def find_classes(
        self, labels: Any, candidate_labels: Any | None = None, own: Any | None = None
    ) -> Classes:
        """See `TupleLoss.find_classes`."""
        classes = super().find_classes(labels, candidate_labels, own)
        if self.num_classes is None:
            return classes
        return classes._replace(labels=as_class_ids(labels, self.num_classes, type(self).__name__))

    def find_tuples(self, anchors: Any, candidates: Any, classes: Classes) -> Any:
        """See `TupleLoss.find_tuples`."""
        pairs = super().find_tuples(anchors, candidates, classes)
        return pairs if self.num_classes is None else ClassPairs(pairs, classes.labels)

    def view_labels(self, x1: Any) -> Any:
        """See `MetricLoss.view_labels`."""
        if self.num_classes is not None:
            raise ValueError(
                "Two views have no class ids, so no boundary of their class. Received: "
                f"num_classes={self.num_classes}. Leave out `num_classes` for one boundary."
            )
        return super().view_labels(x1)

    def tuples_of_pairs(self, same: Any) -> Pairs:
        """See `TupleLoss.tuples_of_pairs`."""
        if self.num_classes is not None:
            return TupleLoss.tuples_of_pairs(self, same)
        return super().tuples_of_pairs(same)

    def tuples_of_triplets(self, num_anchors: Any) -> Pairs:
        """See `TupleLoss.tuples_of_triplets`."""
        if self.num_classes is not None:
            return TupleLoss.tuples_of_triplets(self, num_anchors)
        return super().tuples_of_triplets(num_anchors)

    def tuple_losses(
        self, tuples: Any, anchors: Any, candidates: Any, exhaustive: bool
    ) -> TupleLosses:
        """See `TupleLoss.tuple_losses`."""
        if self.num_classes is None:
            return super().tuple_losses(tuples, anchors, candidates, exhaustive)
        pairs, ids = tuples
        x = self.compare(pairs, anchors, candidates, exhaustive)
        betas = ops.take(ops.cast(self.betas, x.dtype), ops.maximum(ids, 0))
        betas = ops.where(ids >= 0, betas, float("nan"))
        return self._losses(x, pairs.positive, pairs.negative, betas[:, None])

    def pair_losses(self, x: Any, positive: Any, negative: Any) -> TupleLosses:
        """See `PairLoss.pair_losses`."""
        beta = self.beta if self.betas is None else ops.cast(self.betas, x.dtype)
        return self._losses(x, positive, negative, beta)

    def _losses(self, x: Any, positive: Any, negative: Any, beta: Any) -> TupleLosses:
        outside = x - beta
        values = ops.relu(self.margin + ops.where(positive, outside, -outside))
        mask = ops.logical_or(positive, negative)
        losses = losses_of(values, mask)
        if self.nu == 0:
            return losses
        pull = ops.where(mask, 0.5 * self.nu * beta, ops.zeros_like(x))
        return losses._replace(values=losses.values + pull)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            **super().get_config(),
            "beta": self.beta,
            "nu": self.nu,
            "num_classes": self.num_classes,
            "learn_beta": self.learn_beta,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }
