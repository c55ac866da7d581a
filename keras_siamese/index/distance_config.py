"""Distances as plain numbers and text, for files that nobody vouches for."""

import math
from typing import Any

import keras
import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.evaluation.calibrated import describe_distance

_MAX_DEPTH = 8


def distance_to_config(distance: Distance) -> dict[str, Any]:
    """Returns the registered name and the arguments of a distance.

    Raises: ValueError: If its class is not registered with Keras, so that it could not be read.
    """
    name = keras.saving.get_registered_name(type(distance))
    if keras.saving.get_registered_object(name) is not type(distance):
        raise ValueError(
            f"{type(distance).__name__} is not registered, so no file can name it. Put "
            '`@keras.saving.register_keras_serializable(package="...")` above the class.'
        )
    return describe_distance(distance)


def distance_from_config(config: Any) -> Distance:
    """Makes the distance of `distance_to_config`; imports nothing, calls registered distances only.

    Raises: ValueError: If it is something else.
    """
    try:
        cls = _registered_distance(config)
        _check_nested(config["config"], 0)
        return cls.from_config(config["config"])
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"The distance of the index cannot be made: {error}.") from error


def weights_of(distance: Distance) -> np.ndarray:
    """Returns all learned weights of a distance in one float32 vector."""
    weights = [w.ravel() for layer in distance.layers for w in layer.get_weights()]
    return np.concatenate([np.empty(0, np.float32), *weights]).astype(np.float32)


def set_weights(distance: Distance, weights: np.ndarray, embedding_dim: int) -> None:
    """Gives a distance the weights that `weights_of` took.

    Raises: ValueError: If they do not fit.
    """
    distance.build(embedding_dim)
    shapes = [[w.shape for w in layer.get_weights()] for layer in distance.layers]
    expected = sum(math.prod(shape) for of_layer in shapes for shape in of_layer)
    if len(weights) != expected or not np.isfinite(weights).all():
        raise ValueError(
            f"{distance!r} has {expected} weights, finite ones. Received: {len(weights)}."
        )
    start = 0
    for layer, of_layer in zip(distance.layers, shapes, strict=True):
        values = []
        for shape in of_layer:
            stop = start + math.prod(shape)
            values.append(weights[start:stop].reshape(shape))
            start = stop
        layer.set_weights(values)


def _registered_distance(config: Any) -> type[Distance]:
    name = config.get("registered_name") if isinstance(config, dict) else None
    cls = keras.saving.get_registered_object(name) if isinstance(name, str) else None
    if not (isinstance(cls, type) and issubclass(cls, Distance)):
        raise ValueError(
            f"The index compares by {name!r}, which is no registered distance. Import the module "
            "that defines it first."
        )
    return cls


def _check_nested(value: Any, depth: int) -> None:
    """Checks that objects inside of a configuration are registered distances as well."""
    if depth > _MAX_DEPTH:
        raise ValueError("The distance of the index is nested too deeply.")
    if isinstance(value, dict):
        if "class_name" in value or "registered_name" in value:
            _registered_distance(value)
        for part in value.values():
            _check_nested(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check_nested(part, depth + 1)
