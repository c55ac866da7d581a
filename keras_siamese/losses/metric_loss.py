"""What all losses on embeddings offer: on labelled batches, pairs, triplets and two views."""

import inspect
import re
from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.ops.checks import as_embeddings, check_choice, check_same_batch, unknown_name
from keras_siamese.relations import Relation, SameClass, get_relation
from keras_siamese.weights import WeightOwner


class LossResult(NamedTuple):
    """A loss and what it was taken over.

    Attributes:
        value: The loss: a scalar, or shape `(num_anchors,)` with `reduction="none"`.
        active_fraction: The share of the tuples that have a loss above 0, a scalar.
        num_tuples: How many tuples were found, a scalar.
        parts: The losses that the value is a sum of, by name; None if there is one alone.
    """

    value: Any
    active_fraction: Any
    num_tuples: Any
    parts: dict[str, Any] | None = None


class MetricLoss(WeightOwner, keras.losses.Loss):
    """Base of the losses on embeddings: called as `loss(labels, embeddings)`, in any Keras model.

    All arithmetic is float32 or better. Embeddings that hold NaN or infinity, or are too large to
    square, give NaN in a compiled step, and a `ValueError` where the value can be seen.

    Args:
        distance: Name or object: see `keras_siamese.distances`.
        reduction: One of `reductions`: `"mean"` over all tuples found, `"mean_nonzero"` over those
            with a loss above 0, `"sum"`, or `"none"`: shape `(num_anchors,)`, each anchor's mean.
            Without any tuple each is 0. Weights multiply the losses; they do not change what is
            divided by.
        relation: Which items match: see `keras_siamese.relations`. None: those of the same class.
        embedding_regularizer: A `keras.regularizers.Regularizer`, or its name: its value for the
            embeddings over their number is added to the loss.
        name: Name of the loss.

    Attributes:
        takes_two_sets: Whether candidates may come from a second set.
    """

    takes_two_sets: bool = True
    reductions: ClassVar[tuple[str, ...]] = ("mean", "mean_nonzero", "sum", "none")

    def __init__(
        self,
        distance: str | Distance = "euclidean",
        reduction: str = "mean",
        relation: Relation | None = None,
        embedding_regularizer: Any = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise unknown_name("argument", next(iter(unknown)), _arguments(type(self)))
        super().__init__(name=name or _snake_case(type(self).__name__), reduction=None)
        self.reduction = check_choice("reduction", reduction, self.reductions)
        self.distance = distances.get(distance)
        self.relation = get_relation(relation)
        self.embedding_regularizer = keras.regularizers.get(embedding_regularizer)

    @property
    def owners(self) -> list[WeightOwner]:
        """See `WeightOwner.owners`."""
        return [self.distance]

    @property
    def part_names(self) -> list[str]:
        """Names of the losses that this one is a sum of; none if it is one alone."""
        return []

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

    @abstractmethod
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
        """The loss of a labelled batch, and what it was taken over.

        Args:
            labels: Integer class ids of the anchors, shape `(num_anchors,)` or `(num_anchors, 1)`.
            embeddings: Anchors, shape `(num_anchors, embedding_dim)`.
            sample_weight: Weight of each anchor, shape `(num_anchors,)`.
            candidate_labels: Class ids of the set that positives and negatives come from. None: the
                same batch, where an item is not compared with itself.
            candidates: Embeddings of that set, shape `(num_candidates, embedding_dim)`.
            own: Place of each anchor in that set, with which it is not compared, integers, shape
                `(num_anchors,)`. None: no anchor is in it.
            training: Whether this is a training step, where losses with a memory fill it.
        """

    def on_pairs(self, x1: Any, x2: Any, same: Any, sample_weight: Any | None = None) -> LossResult:
        """The loss of explicit pairs.

        Args:
            x1: Embeddings, shape `(num_pairs, embedding_dim)`.
            x2: Embeddings, the same shape.
            same: 1 for a match, 0 for none, shape `(num_pairs,)` or `(num_pairs, 1)`.
            sample_weight: Weight of each pair, shape `(num_pairs,)`.

        Raises: ValueError: If the loss has no meaning on pairs.
        """
        raise ValueError(
            f"{type(self).__name__} has no meaning on pairs. Expected labelled batches (x, y). "
            "For pairs use `ContrastiveLoss`."
        )

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
        raise ValueError(
            f"{type(self).__name__} has no meaning on triplets. Expected labelled batches (x, y). "
            "For triplets use `TripletLoss`."
        )

    def on_views(
        self, x1: Any, x2: Any, sample_weight: Any | None = None, *, training: bool = False
    ) -> LossResult:
        """The loss of two views of each item: row `i` of both match, and nothing else does.

        Args:
            x1: Embeddings of the first views, shape `(num_items, embedding_dim)`.
            x2: Embeddings of the second views, the same shape.
            sample_weight: Weight of each item, shape `(num_items,)`.
            training: Whether this is a training step.

        Raises: ValueError: If the loss has no meaning on views.
        """
        x1, x2 = as_embeddings(x1), as_embeddings(x2)
        check_same_batch(x2, x1, "second view")
        if sample_weight is not None:
            sample_weight = ops.tile(ops.reshape(sample_weight, (-1,)), [2])
        both, labels = ops.concatenate([x1, x2], axis=0), ops.tile(self.view_labels(x1), [2])
        return self.on_batch(labels, both, sample_weight, training=training)

    def view_labels(self, x1: Any) -> Any:
        """Labels of items of which there are two views: all different.

        Args:
            x1: Embeddings of the first views, shape `(num_items, embedding_dim)`.

        Raises: ValueError: If the loss needs labels of another kind.
        """
        if type(self.relation) is not SameClass:
            raise ValueError(
                "Two views match by themselves, not by labels. Received: a loss with the relation "
                f"{type(self.relation).__name__}. Leave out `relation`."
            )
        return ops.arange(ops.shape(x1)[0], dtype="int32")

    def check_margin(self, unit_norm: bool) -> None:
        """Refuses a margin that no two distances can be apart. By default, there is no margin.

        Args:
            unit_norm: Whether the embeddings are known to have norm 1.

        Raises: ValueError: If the margin is out of reach.
        """

    def set_epoch(self, epoch: int) -> bool:
        """Is told each epoch, counted from 0, before it begins.

        Returns: Whether the loss is computed differently from now on, so that compiled functions
            that call it must be made anew. `SiameseModel.fit` sees to both.
        """
        return False

    def __deepcopy__(self, memo: dict[int, Any]) -> "MetricLoss":
        copy = type(self).from_config(self.get_config())
        copy.copy_weights(self)
        return copy

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal loss."""
        return {
            "distance": keras.saving.serialize_keras_object(self.distance),
            "reduction": self.reduction,
            "relation": keras.saving.serialize_keras_object(self.relation),
            "embedding_regularizer": self.embedding_regularizer
            and keras.regularizers.serialize(self.embedding_regularizer),
            "name": self.name,
        }


def _arguments(loss: type[MetricLoss]) -> set[str]:
    """The arguments of a loss, those that it hands on to its bases too."""
    bases = (base for base in loss.__mro__ if "__init__" in vars(base))
    named: set[str] = set()
    for base in bases:
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        named |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if base is MetricLoss or all(p.kind != p.VAR_KEYWORD for p in parameters):
            break
    return named - {"self"}


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
