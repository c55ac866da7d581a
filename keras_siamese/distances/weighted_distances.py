"""A weighted sum of distances."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_siamese.distances.distance import Distance
from keras_siamese.ops.checks import check_positive
from keras_siamese.weights import WeightOwner


@keras.saving.register_keras_serializable(package="keras_siamese")
class WeightedDistances(Distance):
    """`sum of w_i * d_i(x, y)`, with positive weights that are fixed or learned.

    Learned weights are `softplus` of what is trained, so they stay positive. They belong to the
    loss that the distance is given to: see `Mahalanobis`.

    Args:
        distances: Distances, as objects.
        weights: Positive floats, as many; if learned, where they start. Defaults to 1 for each.
        learned: Whether the weights are trained. Defaults to False.

    Raises: ValueError: If there is no distance, one is no `Distance`, or weights are not positive
        or not as many.

    Example: `0.5 * 5 + 2 * 7`.

        >>> x, y = keras.ops.array([[0.0, 0.0]]), keras.ops.array([[3.0, 4.0]])
        >>> distance = WeightedDistances([Euclidean(), Manhattan()], weights=[0.5, 2.0])
        >>> float(distance.paired(x, y)[0])
        16.5
    """

    name: ClassVar[str] = "weighted_distances"

    def __init__(
        self,
        distances: Sequence[Distance],
        weights: Sequence[float] | None = None,
        learned: bool = False,
    ) -> None:
        self.distances = [_get_distance(distance) for distance in distances]
        if not self.distances:
            raise ValueError("`distances` is empty. Expected at least one distance.")
        weights = [1.0] * len(self.distances) if weights is None else list(weights)
        if len(weights) != len(self.distances):
            raise ValueError(
                f"Expected one weight for each distance. Received: {len(weights)} weights for "
                f"{len(self.distances)} distances."
            )
        self.weights = [check_positive("weights", weight) for weight in weights]
        self.learned = bool(learned)

    @property
    def owners(self) -> list[WeightOwner]:
        """See `WeightOwner.owners`."""
        return list(self.distances)

    @property
    def translation_invariant(self) -> bool:  # type: ignore[override]
        """Whether adding a vector to all embeddings changes nothing."""
        return all(distance.translation_invariant for distance in self.distances)

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """Whether the order of the arguments changes nothing."""
        return all(distance.symmetric for distance in self.distances)

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""
        if not self.learned:
            return
        # log(exp(w) - 1), of which softplus is w, without the overflow.
        start = np.array([weight + math.log(-math.expm1(-weight)) for weight in self.weights])
        self._raw_weights = self.add_weight(
            "raw_weights",
            (len(start),),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(start, dtype),
        )

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        return self._sum([distance.pairwise(x, y) for distance in self.distances], x)

    def reduced_columns(self, x: Any, y: Any) -> Any:
        """See `Distance.reduced_columns`."""
        columns = [d.from_reduced(d.reduced_columns(x, y)) for d in self.distances]
        return self._sum(columns, x)

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        return self._sum([distance.paired(x, y) for distance in self.distances], x)

    def bounds(self, unit_norm: bool = False) -> tuple[float, float]:
        """See `Distance.bounds`."""
        of_each = [distance.bounds(unit_norm) for distance in self.distances]
        # Learned weights may grow without end, or shrink to 0.
        weights = [math.inf] * len(of_each) if self.learned else self.weights
        least, greatest = (
            sum(weight * end if end else 0.0 for weight, end in zip(weights, ends, strict=True))
            for ends in zip(*of_each, strict=True)
        )
        return least, greatest

    def _sum(self, of_each: list[Any], x: Any) -> Any:
        if not self.learned:
            return sum(weight * d for weight, d in zip(self.weights, of_each, strict=True))
        self.build(x.shape[-1])
        weights = ops.softplus(ops.cast(self._raw_weights, of_each[0].dtype))
        return sum(weights[i] * d for i, d in enumerate(of_each))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal object."""
        return {
            "distances": [keras.saving.serialize_keras_object(d) for d in self.distances],
            "weights": self.weights,
            "learned": self.learned,
        }

    def __repr__(self) -> str:
        return (
            f"WeightedDistances({self.distances!r}, weights={self.weights!r}, "
            f"learned={self.learned!r})"
        )


def _get_distance(identifier: Any) -> Distance:
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Distance):
        return identifier
    raise ValueError(
        f"`distances` must be distances. Received: {identifier!r}. Use objects, for instance "
        "`keras_siamese.distances.Euclidean()`."
    )
