"""The four kinds of batch that a SiameseModel takes, and how they are told apart."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops, tree

from keras_siamese.distances import Distance
from keras_siamese.losses import LossResult, MetricLoss
from keras_siamese.metrics.batch_figures import Figures, labelled_figures, pair_figures
from keras_siamese.ops.checks import as_embeddings, check_same_batch
from keras_siamese.relations import Relation, SameClass, get_relation

# What one item of a sample is to another: see `Batch.sample`.
MATCH, OTHER, NOT_COMPARED = 1, 0, -1


@dataclass(frozen=True)
class Batch(ABC):
    """A batch of items for the encoder, with what is known of them.

    Attributes:
        parts: The items: one batch of them, or two or three that belong together row by row.
        y: Class ids or `same`, or None.
        sample_weight: Weight of each row, or None.
    """

    parts: tuple[Any, ...]
    y: Any
    sample_weight: Any

    @property
    def items(self) -> Any:
        """All parts in one batch, so that one forward pass, and one BatchNorm, sees them all."""
        if len(self.parts) == 1:
            return self.parts[0]
        return tree.map_structure(lambda *xs: ops.concatenate(xs, axis=0), *self.parts)

    def split(self, embeddings: Any) -> list[Any]:
        """Takes the embeddings of `items` apart again."""
        return ops.split(embeddings, len(self.parts), axis=0)

    @property
    def takes_class_weight(self) -> bool:
        """Whether each row has one label, which may have a weight."""
        return False

    @property
    def score_weight(self) -> Any:
        """Weight of each of the `scores`, or None."""
        return self.sample_weight

    @abstractmethod
    def loss(self, loss: MetricLoss, embeddings: Any, training: bool) -> LossResult:
        """The loss of this kind of batch."""

    @abstractmethod
    def scores(self, distance: Distance, embeddings: Any) -> tuple[Any, Any]:
        """What metrics compare: `(labels, embeddings)`, or `(same, distances)` of pairs."""

    def collected(self, scores: tuple[Any, Any]) -> dict[str, tuple[Any, Any]]:
        """What metrics over whole sets collect of the `scores`, by kind: `items` or `pairs`."""
        return {"pairs": scores}

    @abstractmethod
    def figures(self, distance: Distance, embeddings: Any) -> Figures:
        """The running figures of this kind of batch."""

    def sample(self, embeddings: Any, most_items: int) -> tuple[Any, Any]:
        """Gives the first items, and what they are to each other.

        Args:
            embeddings: Those of `items`.
            most_items: How many items to give at most; of a pair or triplet, all or none.

        Returns: `(embeddings, comparisons)`: floats, shape `(num_items, embedding_dim)`, and int8,
            shape `(num_items, num_items)`: `MATCH`, `OTHER` or `NOT_COMPARED` for each anchor, in
            rows, and candidate. A match and another of one anchor are a triplet.
        """
        num_rows = most_items // len(self.parts)
        parts = [as_embeddings(part)[:num_rows] for part in self.split(embeddings)]
        num_rows = ops.shape(parts[0])[0]
        index = ops.arange(num_rows * len(parts), dtype="int32")
        matches, is_compared = self.compare(index % num_rows, index // num_rows)
        is_compared = ops.logical_and(is_compared, index[:, None] != index[None, :])
        comparisons = ops.where(is_compared, ops.where(matches, MATCH, OTHER), NOT_COMPARED)
        return ops.concatenate(parts, axis=0), ops.cast(comparisons, "int8")

    @abstractmethod
    def compare(self, row: Any, part: Any) -> tuple[Any, Any]:
        """Which items of a sample match, and which are compared: bool, shapes `(N, N)`.

        Args:
            row: Row of each item, of the first rows, shape `(N,)`.
            part: Which of the `parts` the item is from, shape `(N,)`.
        """


@dataclass(frozen=True)
class LabelledBatch(Batch):
    """`(x, y)`: items and their labels.

    Attributes:
        relation: Which items match; it says what labels look like.
    """

    relation: Relation = field(default_factory=SameClass)

    @property
    def takes_class_weight(self) -> bool:
        """See `Batch.takes_class_weight`: of several labels, Keras would weigh the largest."""
        shape = self.y.shape
        return getattr(shape, "rank", 1) is None or len(shape) < 2 or shape[1] == 1

    def loss(self, loss: MetricLoss, embeddings: Any, training: bool) -> LossResult:
        """See `Batch.loss`."""
        return loss.on_batch(self.y, embeddings, self.sample_weight, training=training)

    def scores(self, distance: Distance, embeddings: Any) -> tuple[Any, Any]:
        """See `Batch.scores`."""
        labels, embeddings = self.relation.as_labels(self.y), as_embeddings(embeddings)
        check_same_batch(labels, embeddings)
        return labels, embeddings

    def figures(self, distance: Distance, embeddings: Any) -> Figures:
        """See `Batch.figures`."""
        return labelled_figures(*self.scores(distance, embeddings), distance, self.relation)

    def compare(self, row: Any, part: Any) -> tuple[Any, Any]:
        """See `Batch.compare`: each with all others."""
        labels = self.relation.as_labels(self.y)[: ops.shape(row)[0]]
        matches = self.relation.matches(labels, labels)
        return matches, ops.ones_like(matches)

    def collected(self, scores: tuple[Any, Any]) -> dict[str, tuple[Any, Any]]:
        """See `Batch.collected`."""
        labels, embeddings = scores
        return {"items": (self.relation.as_classes(labels), embeddings)}


class TupleBatch(Batch):
    """Explicit tuples: all that metrics see of them are pairs."""

    def figures(self, distance: Distance, embeddings: Any) -> Figures:
        """See `Batch.figures`."""
        same, d = self.scores(distance, embeddings)
        return pair_figures(same > 0, d, as_embeddings(embeddings))


class PairBatch(TupleBatch):
    """`((x1, x2), same)`: `same` is 1 for a match, 0 for none."""

    @property
    def takes_class_weight(self) -> bool:
        """See `Batch.takes_class_weight`."""
        return True

    def loss(self, loss: MetricLoss, embeddings: Any, training: bool) -> LossResult:
        """See `Batch.loss`."""
        x1, x2 = self.split(embeddings)
        return loss.on_pairs(x1, x2, self.y, self.sample_weight)

    def scores(self, distance: Distance, embeddings: Any) -> tuple[Any, Any]:
        """See `Batch.scores`."""
        x1, x2 = map(as_embeddings, self.split(embeddings))
        same = ops.round(ops.cast(ops.reshape(self.y, (-1,)), "float32"))
        return ops.cast(same, "int32"), distance.paired(x1, x2)

    def compare(self, row: Any, part: Any) -> tuple[Any, Any]:
        """See `Batch.compare`: the first of a pair with the second."""
        same = ops.cast(ops.reshape(self.y, (-1,)), "float32") > 0.5
        is_pair = ops.logical_and(part[:, None] < part[None, :], row[:, None] == row[None, :])
        return ops.take(same, row, axis=0)[:, None], is_pair


class ViewsBatch(TupleBatch):
    """`((x1, x2),)`: two views of each item. Row `i` of both match, and nothing else does.

    Metrics see each item's two views as a match, and view 1 of each item with view 2 of the next
    one as none.
    """

    @property
    def score_weight(self) -> Any:
        """See `Batch.score_weight`."""
        weight = self.sample_weight
        return None if weight is None else ops.concatenate([weight, weight[:-1]], axis=0)

    def loss(self, loss: MetricLoss, embeddings: Any, training: bool) -> LossResult:
        """See `Batch.loss`."""
        x1, x2 = self.split(embeddings)
        return loss.on_views(x1, x2, self.sample_weight, training=training)

    def scores(self, distance: Distance, embeddings: Any) -> tuple[Any, Any]:
        """See `Batch.scores`."""
        x1, x2 = map(as_embeddings, self.split(embeddings))
        return _matches_first(distance.paired(x1, x2), distance.paired(x1[:-1], x2[1:]))

    def compare(self, row: Any, part: Any) -> tuple[Any, Any]:
        """See `Batch.compare`: each with all others."""
        matches = row[:, None] == row[None, :]
        return matches, ops.ones_like(matches)


class TripletBatch(TupleBatch):
    """`(anchor, positive, negative)`."""

    @property
    def score_weight(self) -> Any:
        """See `Batch.score_weight`."""
        weight = self.sample_weight
        return None if weight is None else ops.concatenate([weight, weight], axis=0)

    def loss(self, loss: MetricLoss, embeddings: Any, training: bool) -> LossResult:
        """See `Batch.loss`."""
        anchor, positive, negative = self.split(embeddings)
        return loss.on_triplets(anchor, positive, negative, self.sample_weight)

    def scores(self, distance: Distance, embeddings: Any) -> tuple[Any, Any]:
        """See `Batch.scores`."""
        anchor, positive, negative = map(as_embeddings, self.split(embeddings))
        return _matches_first(distance.paired(anchor, positive), distance.paired(anchor, negative))

    def compare(self, row: Any, part: Any) -> tuple[Any, Any]:
        """See `Batch.compare`: the anchor of a triplet with its positive and its negative."""
        is_own = ops.logical_and(part[:, None] == 0, row[:, None] == row[None, :])
        return part[None, :] == 1, is_own


def unpack(data: Any, encoder: keras.Model, relation: Relation | None = None) -> Batch:
    """Tells what kind of batch Keras hands over.

    Args:
        data: `(x, y)`, `((x1, x2), same)` or `((x1, x2),)`, each also with weights, `((x1, x2),
            None, sample_weight)` for the last; `(anchor, positive, negative)` or
            `((anchor, positive, negative),)`, the last also with labels (unused, as tutorials put
            zeros there) and weights. Pairs whose `same` was forgotten are taken for views, all of
            which match: nothing tells the two apart.
        encoder: The encoder: one with several inputs takes tuples as one batch of items.
        relation: Which items of a labelled batch match. None: those of the same class.

    Raises: ValueError: If it is none of these.
    """
    if is_bare_triplets(data, encoder):
        return TripletBatch(tuple(data), None, None)
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if _is_items(x, encoder):
        if y is None:
            raise ValueError(
                "Labels are missing. Expected batches (x, y) with integer class ids y, pairs "
                "((x1, x2), same), triplets (anchor, positive, negative) or two views of each item "
                "((x1, x2),). Received: x alone."
            )
        return LabelledBatch((x,), y, sample_weight, get_relation(relation))
    if len(x) == 2:
        return (ViewsBatch if y is None else PairBatch)(tuple(x), y, sample_weight)
    if len(x) == 3:
        return TripletBatch(tuple(x), None, sample_weight)
    raise ValueError(
        "Expected batches (x, y), pairs ((x1, x2), same), triplets (anchor, positive, negative) or "
        f"two views of each item ((x1, x2),). Received: a tuple of {len(x)} for x."
    )


def is_unlabelled(data: Any, encoder: keras.Model) -> bool:
    """Whether `data` is a dataset of batches without labels, to which Keras must add no weights."""
    spec = getattr(data, "element_spec", None)
    return isinstance(spec, tuple) and (len(spec) == 1 or is_bare_triplets(spec, encoder))


def is_bare_triplets(data: Any, encoder: keras.Model) -> bool:
    """Whether a 3-tuple, of tensors or of their specs, is triplets and not `(x, y, sample_weight)`.

    Triplets are three batches of items of one shape and type, which are strings or have an axis
    besides the batch's; labels and weights differ from the items in one of these.
    """
    if not isinstance(data, tuple | list) or len(data) != 3 or any(part is None for part in data):
        return False
    if not all(_is_items(part, encoder) for part in data):
        return False
    kinds = [[(x.dtype, tuple(x.shape)[1:]) for x in tree.flatten(part)] for part in data]
    is_items = all(shape or dtype == "string" for dtype, shape in kinds[0])
    return kinds[0] == kinds[1] == kinds[2] and is_items


def is_pair_of_items(x: Any, encoder: keras.Model) -> bool:
    """Whether `x` is the `(x1, x2)` of pairs or views."""
    return not _is_items(x, encoder) and len(x) == 2


def _is_items(x: Any, encoder: keras.Model) -> bool:
    """Whether `x` is one batch of items; otherwise it is a tuple of such batches."""
    if not isinstance(x, tuple | list):
        return True
    num_inputs = len(getattr(encoder, "inputs", None) or [None])
    return len(x) == num_inputs > 1 and not any(isinstance(part, tuple | list | dict) for part in x)


def _matches_first(d_same: Any, d_other: Any) -> tuple[Any, Any]:
    """Gives `(same, distances)` of pairs that match, followed by pairs that do not."""
    same = ops.concatenate([ops.ones_like(d_same), ops.zeros_like(d_other)], axis=0)
    return ops.cast(same, "int32"), ops.concatenate([d_same, d_other], axis=0)
