"""What all miners have in common."""

from abc import ABC, abstractmethod
from functools import cached_property, partial
from typing import Any, ClassVar

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.ops.checks import as_two_sets, check_positive
from keras_siamese.ops.compiled import compiled
from keras_siamese.ops.positives import Classes
from keras_siamese.relations import Relation, get_relation


class Miner(ABC):
    """Base of the miners: `TripletMiner` and `PairMiner`.

    A subclass gives `name` and writes `mine`. Register it with
    `@keras.saving.register_keras_serializable(package="keras_siamese")`.
    """

    name: ClassVar[str]

    def __call__(
        self,
        labels: Any,
        embeddings: Any,
        candidate_labels: Any | None = None,
        candidates: Any | None = None,
        *,
        distance: str | Distance = "euclidean",
        margin: float | None = None,
        relation: Relation | None = None,
    ) -> Any:
        """Chooses tuples; nothing is differentiated.

        Args:
            labels: Labels of the anchors, as `relation` takes them: integer class ids, shape
                `(num_anchors,)` or `(num_anchors, 1)`.
            embeddings: Anchors, shape `(num_anchors, embedding_dim)`.
            candidate_labels: Labels of the set that positives and negatives come from. None: the
                same batch, where an item is no positive of itself.
            candidates: Embeddings of that set, shape `(num_candidates, embedding_dim)`.
            distance: Distance by which the tuples are chosen.
            margin: Positive float in units of `distance`: where semi-hard ends. None: nowhere.
            relation: Which items match: see `keras_siamese.relations`. Defaults to the same class.

        Returns: `Triplets` or `Pairs`.

        Raises: ValueError: If labels are no integers, shapes do not match, or `margin` is not
            positive.
        """
        relation = get_relation(relation)
        labels, embeddings, candidate_labels, candidates = as_two_sets(
            labels, embeddings, candidate_labels, candidates, relation.as_labels
        )
        distance = distances.get(distance)
        distance.build(embeddings.shape[-1])
        margin = None if margin is None else check_positive("margin", margin)
        # One with weights is itself alone; of others, all with equal arguments are the same.
        setting = (id(distance) if distance.layers else repr(distance), margin)
        if setting not in self._programs:
            mine = partial(self.mine, distance=distance, margin=margin)
            self._programs[setting] = compiled(mine)
        classes = relation.find_classes(labels, candidate_labels)
        candidates = embeddings if candidates is None else candidates
        return self._programs[setting](embeddings, candidates, classes)

    @abstractmethod
    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Any:
        """Chooses tuples: a pure function of tensors, compiled by its caller.

        Args:
            anchors: Embeddings in float32 or better, shape `(num_anchors, embedding_dim)`.
            candidates: Embeddings, shape `(num_candidates, embedding_dim)`. In one set, the
                anchors.
            classes: Which of them match.
            distance: Distance by which the tuples are chosen.
            margin: Where semi-hard ends, in units of `distance`. None: nowhere.
        """

    @abstractmethod
    def exhaustive(self, classes: Classes) -> bool:
        """Whether slots outnumber candidates.

        If so, distances are cheaper read off the full matrix than computed for each tuple.
        """

    @property
    def in_effect(self) -> "Miner":
        """The miner that chooses: itself, but for one that follows a schedule."""
        return self

    def set_epoch(self, epoch: int) -> bool:
        """Is told each epoch, counted from 0, before it begins; says if mining changes by it."""
        return False

    @cached_property
    def _programs(self) -> dict[Any, Any]:
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Miner":
        return type(self).from_config(self.get_config())

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal miner."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Miner":
        """Makes the miner that `get_config` described."""
        return cls(**config)
