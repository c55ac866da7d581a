"""What every distance between embeddings offers."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from keras_siamese.weights import WeightOwner


class Distance(WeightOwner, ABC):
    """Base of the distances: smaller is closer, whatever the formula.

    A subclass gives `name`, both forms and, where it is bounded, `bounds`; and says if adding a
    vector to all embeddings changes nothing (`translation_invariant`) and if the order of its
    arguments does (`symmetric`). Register it with
    `@keras.saving.register_keras_serializable(package="keras_siamese")` and models that use it save
    and load. Arithmetic is float32 or better: callers cast before.
    """

    name: ClassVar[str]
    translation_invariant: ClassVar[bool] = False
    symmetric: ClassVar[bool] = True

    @abstractmethod
    def pairwise(self, x: Any, y: Any) -> Any:
        """Distances from each row of `x` to each row of `y`.

        Args:
            x: Shape `(N, embedding_dim)`.
            y: Shape `(M, embedding_dim)`.

        Returns: Shape `(N, M)`.
        """

    @abstractmethod
    def paired(self, x: Any, y: Any) -> Any:
        """Distances from each vector of `x` to the vector of `y` at the same place.

        Args:
            x: Shape `(..., embedding_dim)`.
            y: A shape that broadcasts with that of `x`.

        Returns: The broadcast shape without its last axis.
        """

    def reduced_pairwise(self, x: Any, y: Any) -> Any:
        """A cheaper form of `pairwise` in the same order, for where distances are only compared.

        Args:
            x: Shape `(N, embedding_dim)`.
            y: Shape `(M, embedding_dim)`.

        Returns: Shape `(N, M)`; `from_reduced` makes distances of it.
        """
        return self.pairwise(x, y)

    def reduced_columns(self, x: Any, y: Any) -> Any:
        """The same with a row for each row of `y`, where turning the matrix would cost more.

        A distance that depends on the order of its arguments gives a formula of its own.

        Args:
            x: Shape `(N, embedding_dim)`.
            y: Shape `(M, embedding_dim)`.

        Returns: Shape `(M, N)`.
        """
        return self.reduced_pairwise(y, x)

    def from_reduced(self, reduced: Any) -> Any:
        """Makes distances of what `reduced_pairwise` gives, element by element."""
        return reduced

    def squared_form(self, x: Any) -> tuple[Any, Any] | None:
        """What makes whole sets fast to compare: vectors whose squared distance says it all.

        Args:
            x: Shape `(N, embedding_dim)`.

        Returns: Vectors `f`, shape `(N, dim)`, and numbers `e`, shape `(N,)`, such that the
            distance is `from_squared_form(|f(x) - f(y)|^2 / 2 + e(x) + e(y))`; `None` if there are
            none.
        """
        return None

    def from_squared_form(self, values: Any) -> Any:
        """Makes distances of the values that `squared_form` describes, in the same order."""
        raise NotImplementedError

    def pairwise_similarity(self, x: Any, y: Any) -> Any:
        """Similarities, larger is closer: the negated distances, unless the name says another.

        Args:
            x: Shape `(N, embedding_dim)`.
            y: Shape `(M, embedding_dim)`.

        Returns: Shape `(N, M)`.
        """
        return -self.pairwise(x, y)

    def paired_similarity(self, x: Any, y: Any) -> Any:
        """Similarities of the vectors at the same place: see `paired`."""
        return -self.paired(x, y)

    def bounds(self, unit_norm: bool = False) -> tuple[float, float]:
        """Least and greatest value, so that a margin out of reach can be refused.

        Args:
            unit_norm: Whether the embeddings have Euclidean norm 1.
        """
        return (0.0, float("inf"))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal object."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Distance":
        """Makes the object that `get_config` described."""
        return cls(**config)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Distance":
        copy = type(self).from_config(self.get_config())
        copy.copy_weights(self)
        return copy

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"
