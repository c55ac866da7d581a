"""What triplet miners give, and what they have in common."""

from abc import ABC, abstractmethod
from functools import cached_property, partial
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.ops.checks import as_two_sets, check_positive
from keras_siamese.ops.compiled import compiled
from keras_siamese.ops.positives import Classes, find_classes


class Triplets(NamedTuple):
    """Index tuples `(anchor, positive, negative)`: row `i` holds those of anchor `i`.

    Attributes:
        positive: Index of a candidate, int32, shape `(num_anchors, num_slots)`.
        negative: Index of a candidate, int32, the same shape.
        mask: Whether that place holds a triplet, bool, the same shape. Indices outside of the mask
            are in range but mean nothing.
        num_pairs: Number of anchor-positive pairs that were looked at, an int32 scalar.
    """

    positive: Any
    negative: Any
    mask: Any
    num_pairs: Any

    @property
    def anchor(self) -> Any:
        """Index of the anchor, int32, the shape of `positive`."""
        rows = ops.arange(ops.shape(self.positive)[0], dtype="int32")
        return ops.broadcast_to(rows[:, None], ops.shape(self.positive))


class TripletMiner(ABC):
    """Base of the miners that choose triplets.

    A subclass writes `mine`. Register it with
    `@keras.saving.register_keras_serializable(package="keras_siamese")`.
    """

    def __call__(
        self,
        labels: Any,
        embeddings: Any,
        candidate_labels: Any | None = None,
        candidates: Any | None = None,
        *,
        distance: str | Distance = "euclidean",
        margin: float | None = None,
    ) -> Triplets:
        """Chooses triplets; nothing is differentiated.

        Args:
            labels: Integer class ids of the anchors, shape `(num_anchors,)` or `(num_anchors, 1)`.
            embeddings: Anchors, shape `(num_anchors, embedding_dim)`.
            candidate_labels: Class ids of the set that positives and negatives come from. None: the
                same batch, where an item is no positive of itself.
            candidates: Embeddings of that set, shape `(num_candidates, embedding_dim)`.
            distance: Distance by which the triplets are chosen.
            margin: Positive float in units of `distance`: where semi-hard ends. None: nowhere.

        Returns: `Triplets`.

        Raises: ValueError: If labels are no integers, shapes do not match, or `margin` is not
            positive.
        """
        labels, embeddings, candidate_labels, candidates = as_two_sets(
            labels, embeddings, candidate_labels, candidates
        )
        distance = distances.get(distance)
        margin = None if margin is None else check_positive("margin", margin)
        setting = (repr(distance), margin)
        if setting not in self._programs:
            mine = partial(self.mine, distance=distance, margin=margin)
            self._programs[setting] = compiled(mine)
        classes = find_classes(labels, candidate_labels)
        return self._programs[setting](embeddings, candidates, classes)

    @abstractmethod
    def mine(
        self,
        anchors: Any,
        candidates: Any | None,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Triplets:
        """Chooses triplets: a pure function of tensors, compiled by its caller.

        Args:
            anchors: Embeddings in float32 or better, shape `(num_anchors, embedding_dim)`.
            candidates: Embeddings, shape `(num_candidates, embedding_dim)`. None: the anchors.
            classes: Class ids of both.
            distance: Distance by which the triplets are chosen.
            margin: Where semi-hard ends, in units of `distance`. None: nowhere.
        """

    def exhaustive(self, classes: Classes) -> bool:
        """Whether slots outnumber candidates.

        If so, distances are cheaper read off the full matrix than computed for each triplet.
        """
        return classes.slots is None

    @cached_property
    def _programs(self) -> dict[Any, Any]:
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> "TripletMiner":
        return type(self).from_config(self.get_config())

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal miner."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TripletMiner":
        """Makes the miner that `get_config` described."""
        return cls(**config)


def get_miner(identifier: Any) -> TripletMiner:
    """Returns the miner that an object or a serialised config stands for.

    Args:
        identifier: A `TripletMiner`, or what `keras.saving.serialize_keras_object` made of one.

    Raises: ValueError: If it is neither.
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, TripletMiner):
        return identifier
    raise ValueError(
        f"`miner` must be a triplet miner. Received: {identifier!r}. "
        "Use for instance `keras_siamese.miners.SemiHardMiner()`."
    )
