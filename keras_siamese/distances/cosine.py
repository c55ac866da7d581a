"""Distances that depend on the angle alone."""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances.distance import Distance
from keras_siamese.ops.numerics import l2_normalize, safe_sqrt, squared_norm
from keras_siamese.ops.pairwise import pairwise_squared_euclidean


@keras.saving.register_keras_serializable(package="keras_siamese")
class Cosine(Distance):
    """`1 - cos(x, y)`: 0 to 2. A zero vector has cosine 0, so distance 1, to everything.

    Computed as half the squared distance of the normalised vectors, which does not lose small
    angles as `1 - cos` does.
    """

    name: ClassVar[str] = "cosine"

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        x, y = l2_normalize(x), l2_normalize(y)
        missing = _norm_missing(x)[:, None] + _norm_missing(y)[None, :]
        return 0.5 * (pairwise_squared_euclidean(x, y) + missing)

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        x, y = l2_normalize(x), l2_normalize(y)
        return 0.5 * (squared_norm(x - y) + _norm_missing(x) + _norm_missing(y))

    def pairwise_similarity(self, x: Any, y: Any) -> Any:
        """The cosines: see `Distance.pairwise_similarity`."""
        return ops.matmul(l2_normalize(x), ops.transpose(l2_normalize(y)))

    def paired_similarity(self, x: Any, y: Any) -> Any:
        """The cosines: see `Distance.paired_similarity`."""
        return ops.sum(l2_normalize(x) * l2_normalize(y), axis=-1)

    def squared_form(self, x: Any) -> tuple[Any, Any]:
        """See `Distance.squared_form`."""
        x = l2_normalize(x)
        return x, 0.5 * _norm_missing(x)

    def from_squared_form(self, values: Any) -> Any:
        """See `Distance.from_squared_form`."""
        return ops.maximum(values, 0)

    def bounds(self, unit_norm: bool = False) -> tuple[float, float]:
        """See `Distance.bounds`."""
        return (0.0, 2.0)


@keras.saving.register_keras_serializable(package="keras_siamese")
class Angular(Distance):
    """`arccos(cos(x, y)) / pi`: 0 to 1. A zero vector is at 0.5 from everything.

    Computed by an arctangent, whose gradient stays finite where that of the arccosine does not.
    """

    name: ClassVar[str] = "angular"

    def __init__(self) -> None:
        self._cosine = Cosine()

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        return self.from_reduced(self.reduced_pairwise(x, y))

    def reduced_pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.reduced_pairwise`: the cosine distance."""
        return self._cosine.pairwise(x, y)

    def from_reduced(self, reduced: Any) -> Any:
        """See `Distance.from_reduced`."""
        return _angle(reduced)

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        return _angle(self._cosine.paired(x, y))

    def squared_form(self, x: Any) -> tuple[Any, Any]:
        """See `Distance.squared_form`."""
        return self._cosine.squared_form(x)

    def from_squared_form(self, values: Any) -> Any:
        """See `Distance.from_squared_form`."""
        return _angle(ops.clip(values, 0, 2))

    def bounds(self, unit_norm: bool = False) -> tuple[float, float]:
        """See `Distance.bounds`."""
        return (0.0, 1.0)


@keras.saving.register_keras_serializable(package="keras_siamese")
class InnerProduct(Distance):
    """`-x.y`, the negated inner product: -1 to 1 between unit vectors, else unbounded."""

    name: ClassVar[str] = "inner_product"

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        return -ops.matmul(x, ops.transpose(y))

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        return -ops.sum(x * y, axis=-1)

    def squared_form(self, x: Any) -> tuple[Any, Any]:
        """See `Distance.squared_form`: `-x.y = |x - y|^2 / 2 - |x|^2 / 2 - |y|^2 / 2`."""
        return x, -0.5 * squared_norm(x)

    def from_squared_form(self, values: Any) -> Any:
        """See `Distance.from_squared_form`."""
        return values

    def bounds(self, unit_norm: bool = False) -> tuple[float, float]:
        """See `Distance.bounds`."""
        return (-1.0, 1.0) if unit_norm else (-float("inf"), float("inf"))


def _norm_missing(normalized: Any) -> Any:
    # 1 for a zero vector, else 0: |x - y|^2 / 2 = 1 - x.y - (what the norms lack of 1) / 2.
    return ops.cast(squared_norm(normalized) == 0, normalized.dtype)


def _angle(cosine_distance: Any) -> Any:
    # Unit vectors: |x - y|^2 = 2 d and |x + y|^2 = 4 - 2 d; half the angle is their arctangent.
    opposite = safe_sqrt(2 * cosine_distance)
    adjacent = safe_sqrt(4 - 2 * cosine_distance)
    return ops.arctan2(opposite, adjacent) * (2 / math.pi)
