"""Weights of losses and distances, which a `SiameseModel` tracks, trains and saves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from keras_siamese.ops.compiled import is_concrete

_HELP = (
    "use it in a `SiameseModel`, which makes them in `compile`, trains them with the encoder and "
    "saves them. The `fit` of another Keras model does not train them. In a training loop of your "
    "own, call `build(embedding_dim)` first, and train `trainable_variables` along."
)


class WeightOwner:
    """Base of losses and distances, some of which own weights: proxies, a learned metric.

    A subclass with weights makes them in `make_weights`, by `add_weight` and `add_layer`, and
    names other owners that it holds in `owners`.
    """

    learning_rate_multiplier: float = 1.0
    _layer: keras.layers.Layer | None = None
    _embedding_dim: int | None = None

    def make_weights(self, embedding_dim: int) -> None:
        """Makes the weights of this object alone. By default there are none.

        Args:
            embedding_dim: Size of the embeddings.
        """

    @property
    def owners(self) -> "list[WeightOwner]":
        """Further owners inside of this one."""
        return []

    def build(self, embedding_dim: int) -> None:
        """Makes the weights, of this object and of those inside; a second call does nothing.

        Args:
            embedding_dim: Size of the embeddings.

        Raises: ValueError: If the weights are there, for embeddings of another size.
        """
        for owner in self.owners:
            owner.build(embedding_dim)
        if self._embedding_dim is None:
            self.make_weights(embedding_dim)
            self._embedding_dim = embedding_dim
        elif self._layer is not None and self._embedding_dim != embedding_dim:
            raise ValueError(
                f"The weights of {type(self).__name__} are for embeddings of size "
                f"{self._embedding_dim}. Received: size {embedding_dim}. Make a new one."
            )

    def copy_weights(self, other: "WeightOwner") -> None:
        """Makes the weights, those of others inside too, and gives them the values of another's.

        Args:
            other: An object with equal arguments.
        """
        for owner, of_other in zip(self.owners, other.owners, strict=True):
            owner.copy_weights(of_other)
        if other._layer is not None and other._embedding_dim is not None:
            self.build(other._embedding_dim)
            self.layers[0].set_weights(other._layer.get_weights())

    def add_weight(self, name: str, shape: tuple[int, ...], **options: Any) -> keras.Variable:
        """Makes one weight. To be called in `make_weights`.

        Args:
            name: Name of the weight.
            shape: Its shape.
            **options: Further arguments of `keras.layers.Layer.add_weight`.

        Raises: ValueError: If called while a graph is traced, where no variable can be made.
        """
        # Replicas hold equal values: their mean is any of them.
        options = {"dtype": "float32", "autocast": False, "aggregation": "mean", **options}
        return self._own_layer().add_weight(name=name, shape=shape, **options)

    def add_layer(self, name: str, layer: keras.layers.Layer, input_dim: int) -> keras.layers.Layer:
        """Makes the weights of a whole layer or network. To be called in `make_weights`.

        Args:
            name: Name under which they are saved.
            layer: The layer, for inputs of shape `(batch_size, input_dim)`.
            input_dim: Size of its inputs.

        Raises: ValueError: If called while a graph is traced, where no variable can be made.
        """
        setattr(self._own_layer(), name, layer)  # by which Keras tracks and saves it
        layer.build((None, input_dim))
        return layer

    def _own_layer(self) -> keras.layers.Layer:
        if not is_concrete(ops.zeros(())):
            raise ValueError(f"{type(self).__name__} has weights of its own: {_HELP}")
        if self._layer is None:
            self._layer = keras.layers.Layer(name=f"{type(self).__name__}_weights")
            self._layer.built = True
        return self._layer

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """The layers that hold the weights, of this object and of those inside."""
        return list(self.learning_rate_multipliers())

    def learning_rate_multipliers(self) -> dict[keras.layers.Layer, float]:
        """Those layers, with what the learning rate of their weights is multiplied by."""
        found = {} if self._layer is None else {self._layer: self.learning_rate_multiplier}
        for owner in self.owners:
            found |= owner.learning_rate_multipliers()
        return found

    @contextmanager
    def scaled_steps(self) -> Iterator[None]:
        """Within it, a step of an optimizer is as long as `learning_rate_multiplier` says."""
        before = [
            (weight, multiplier, ops.copy(weight))
            for layer, multiplier in self.learning_rate_multipliers().items()
            for weight in layer.trainable_weights
            if multiplier != 1
        ]
        yield
        for weight, multiplier, old in before:
            weight.assign(old + multiplier * (weight - old))

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The weights that training changes by their gradient."""
        return [variable for layer in self.layers for variable in layer.trainable_variables]
