"""Distances between embeddings: smaller is closer."""

from typing import Any

import keras

from keras_siamese.distances.cosine import Angular as Angular
from keras_siamese.distances.cosine import Cosine as Cosine
from keras_siamese.distances.cosine import InnerProduct as InnerProduct
from keras_siamese.distances.distance import Distance as Distance
from keras_siamese.distances.euclidean import Euclidean as Euclidean
from keras_siamese.distances.euclidean import SquaredEuclidean as SquaredEuclidean
from keras_siamese.distances.mahalanobis import Mahalanobis as Mahalanobis
from keras_siamese.distances.manhattan import Manhattan as Manhattan
from keras_siamese.distances.signal_to_noise import SignalToNoise as SignalToNoise
from keras_siamese.distances.weighted_distances import WeightedDistances as WeightedDistances
from keras_siamese.ops.checks import unknown_name

__all__ = [
    "Angular",
    "Cosine",
    "Distance",
    "Euclidean",
    "InnerProduct",
    "Mahalanobis",
    "Manhattan",
    "SignalToNoise",
    "SquaredEuclidean",
    "WeightedDistances",
    "get",
]

_BY_NAME: dict[str, type[Distance]] = {
    distance.name: distance
    for distance in (
        Angular,
        Cosine,
        Euclidean,
        InnerProduct,
        Mahalanobis,
        Manhattan,
        SignalToNoise,
        SquaredEuclidean,
    )
}


def get(identifier: "str | Distance | dict[str, Any]") -> Distance:
    """Returns the distance that a name, an object or a serialised config stands for.

    Args:
        identifier: `"euclidean"`, `"squared_euclidean"`, `"cosine"`, `"angular"`, `"manhattan"`,
            `"inner_product"`, `"mahalanobis"`, `"signal_to_noise"`, a `Distance`, or what
            `keras.saving.serialize_keras_object` made of one.

    Raises: ValueError: If the name is unknown; the message holds the nearest one.

    Example:
        >>> keras_siamese.distances.get("cosine")
        Cosine()
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Distance):
        return identifier
    if isinstance(identifier, str) and identifier in _BY_NAME:
        return _BY_NAME[identifier]()
    if isinstance(identifier, type) and issubclass(identifier, Distance):
        raise ValueError(
            f"`distance` must be an object. Received: the class {identifier.__name__}. "
            f"Use `{identifier.__name__}()`."
        )
    raise unknown_name("distance", identifier, _BY_NAME)
