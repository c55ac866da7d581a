"""Euclidean distance, plain and squared."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances.distance import Distance
from keras_siamese.ops.numerics import safe_sqrt, squared_norm
from keras_siamese.ops.pairwise import pairwise_squared_euclidean


@keras.saving.register_keras_serializable(package="keras_siamese")
class Euclidean(Distance):
    """`|x - y|`: 0 to 2 between unit vectors. Its gradient at 0 is 0."""

    name: ClassVar[str] = "euclidean"
    translation_invariant: ClassVar[bool] = True

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        return self.from_reduced(self.reduced_pairwise(x, y))

    def reduced_pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.reduced_pairwise`: the square."""
        return pairwise_squared_euclidean(x, y)

    def from_reduced(self, reduced: Any) -> Any:
        """See `Distance.from_reduced`."""
        return safe_sqrt(reduced)

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        return safe_sqrt(squared_norm(x - y))

    def squared_form(self, x: Any) -> tuple[Any, Any]:
        """See `Distance.squared_form`."""
        return x, ops.zeros_like(x[:, 0])

    def from_squared_form(self, values: Any) -> Any:
        """See `Distance.from_squared_form`."""
        return safe_sqrt(2 * values)

    def bounds(self, unit_norm: bool = False) -> tuple[float, float]:
        """See `Distance.bounds`."""
        return (0.0, 2.0 if unit_norm else float("inf"))


@keras.saving.register_keras_serializable(package="keras_siamese")
class SquaredEuclidean(Distance):
    """`|x - y|^2`: 0 to 4 between unit vectors, where it is twice the cosine distance.

    FaceNet's margin of 0.2 is in units of this distance.
    """

    name: ClassVar[str] = "squared_euclidean"
    translation_invariant: ClassVar[bool] = True

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        return pairwise_squared_euclidean(x, y)

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        return squared_norm(x - y)

    def squared_form(self, x: Any) -> tuple[Any, Any]:
        """See `Distance.squared_form`."""
        return x, ops.zeros_like(x[:, 0])

    def from_squared_form(self, values: Any) -> Any:
        """See `Distance.from_squared_form`."""
        return ops.maximum(2 * values, 0)

    def bounds(self, unit_norm: bool = False) -> tuple[float, float]:
        """See `Distance.bounds`."""
        return (0.0, 4.0 if unit_norm else float("inf"))
