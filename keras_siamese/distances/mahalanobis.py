"""Mahalanobis distance, learned."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances.distance import Distance
from keras_siamese.distances.euclidean import Euclidean
from keras_siamese.ops.checks import check_count


@keras.saving.register_keras_serializable(package="keras_siamese")
class Mahalanobis(Distance):
    """`|L (x - y)|` with a learned matrix `L`: unbounded. Its gradient at 0 is 0.

    Its square is `(x - y)' M (x - y)` with `M = L' L`, which is positive semi-definite whatever `L`
    is. `L` starts as the identity, so training starts from the Euclidean distance (with a lower
    `rank`, from that of the first `rank` coordinates).

    `L` belongs to the loss that the distance is given to: a `SiameseModel` trains and saves it
    with the rest, and `model.distance` and metrics compare by it. Used by itself, the distance is
    made for the first size of embeddings that it meets.

    Args:
        rank: Number of rows of `L`, at most the size of the embeddings. None: that size.

    Example: Squares of 3 and 4, until the second coordinate is learned to count double:
        `sqrt(3^2 + 8^2)`.

        >>> x, y = keras.ops.array([[0.0, 0.0]]), keras.ops.array([[3.0, 4.0]])
        >>> distance = Mahalanobis()
        >>> float(distance.paired(x, y)[0])
        5.0
        >>> _ = distance.trainable_variables[0].assign([[1.0, 0.0], [0.0, 2.0]])
        >>> round(float(distance.paired(x, y)[0]), 4)
        8.544

    Reference: [Weinberger and Saul, 2009](https://jmlr.org/papers/v10/weinberger09a.html),
        equation 2.
    """

    name: ClassVar[str] = "mahalanobis"
    translation_invariant: ClassVar[bool] = True

    def __init__(self, rank: int | None = None) -> None:
        self.rank = None if rank is None else check_count("rank", rank)
        self._euclidean = Euclidean()

    def make_weights(self, embedding_dim: int) -> None:
        """See `WeightOwner.make_weights`."""
        rank = embedding_dim if self.rank is None else self.rank
        if rank > embedding_dim:
            raise ValueError(
                f"`rank` is larger than the embedding. Received: rank={rank}, embeddings of size "
                f"{embedding_dim}. Expected at most {embedding_dim}."
            )
        self._matrix = self.add_weight("matrix", (rank, embedding_dim), initializer="identity")

    def pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.pairwise`."""
        return self._euclidean.pairwise(self._map(x), self._map(y))

    def reduced_pairwise(self, x: Any, y: Any) -> Any:
        """See `Distance.reduced_pairwise`: the square."""
        return self._euclidean.reduced_pairwise(self._map(x), self._map(y))

    def from_reduced(self, reduced: Any) -> Any:
        """See `Distance.from_reduced`."""
        return self._euclidean.from_reduced(reduced)

    def paired(self, x: Any, y: Any) -> Any:
        """See `Distance.paired`."""
        return self._euclidean.paired(self._map(x), self._map(y))

    def squared_form(self, x: Any) -> tuple[Any, Any]:
        """See `Distance.squared_form`."""
        return self._euclidean.squared_form(self._map(x))

    def from_squared_form(self, values: Any) -> Any:
        """See `Distance.from_squared_form`."""
        return self._euclidean.from_squared_form(values)

    def _map(self, x: Any) -> Any:
        self.build(x.shape[-1])
        return ops.matmul(x, ops.transpose(ops.cast(self._matrix, x.dtype)))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal object."""
        return {"rank": self.rank}
