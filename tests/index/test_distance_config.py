import json
import sys

import keras
import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.index.distance_config import (
    distance_from_config,
    distance_to_config,
    set_weights,
    weights_of,
)

ALL = [
    *map(distances.get, ["euclidean", "cosine", "angular", "inner_product", "manhattan"]),
    distances.Mahalanobis(rank=2),
    distances.WeightedDistances(
        [distances.Euclidean(), distances.Mahalanobis()], [0.5, 2.0], learned=True
    ),
]


@pytest.mark.parametrize("distance", ALL, ids=repr)
def test_round_trip(rng, distance):
    x = rng.normal(size=(4, 3)).astype("float32")
    distance.build(3)
    for variable in distance.trainable_variables:
        variable.assign(variable + 0.1)
    again = distance_from_config(json.loads(json.dumps(distance_to_config(distance))))
    set_weights(again, weights_of(distance), 3)
    expected = keras.ops.convert_to_numpy(distance.pairwise(x, x))
    assert keras.ops.convert_to_numpy(again.pairwise(x, x)) == pytest.approx(expected)


def test_not_registered():
    class Mine(distances.Euclidean):
        pass

    with pytest.raises(ValueError, match="Mine is not registered"):
        distance_to_config(Mine())


def nested(depth):
    config = {"registered_name": "keras_siamese>Euclidean", "config": {}}
    for _ in range(depth):
        config = {"registered_name": "keras_siamese>WeightedDistances", "config": {"a": [config]}}
    return config


@pytest.mark.parametrize(
    "config",
    [
        None,
        [],
        {},
        {"registered_name": 3, "config": {}},
        {"registered_name": "os>system", "config": {}},
        {"registered_name": "keras_siamese>SiameseModel", "config": {}},
        {"registered_name": "keras_siamese>Euclidean"},
        {"registered_name": "keras_siamese>Euclidean", "config": {"evil": 1}},
        {"registered_name": "keras_siamese>Euclidean", "config": None},
        {"registered_name": "keras_siamese>Mahalanobis", "config": {"rank": -1}},
        nested(9),
    ],
)
def test_refused(config):
    with pytest.raises(ValueError):
        distance_from_config(config)


def test_nothing_is_imported():
    inner = {"module": "antigravity", "class_name": "x", "registered_name": "x", "config": {}}
    config = {
        "registered_name": "keras_siamese>WeightedDistances",
        "config": {"distances": [inner]},
    }
    with pytest.raises(ValueError, match="no registered distance"):
        distance_from_config(config)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("weights", [np.zeros(3, "float32"), np.full(4, np.nan, "float32")])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(ValueError, match="has 4 weights"):
        set_weights(distances.Mahalanobis(), weights, 2)
