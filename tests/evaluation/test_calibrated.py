import copy
import json
import pickle

import numpy as np
import pytest

from keras_siamese.distances import Cosine, Euclidean, Mahalanobis, WeightedDistances
from keras_siamese.evaluation.calibrated import Calibration, describe_distance
from keras_siamese.evaluation.calibration import calibrate_pair_distances


@pytest.fixture(params=["isotonic", "platt"])
def calibration(request, rng):
    same = rng.integers(0, 2, 400)
    return calibrate_pair_distances(
        rng.normal(2.0, 0.5, 400) - same,
        same,
        at=0.05,
        more={"balanced": ("f1", None)},
        probability=request.param,
        distance=WeightedDistances([Cosine(), Mahalanobis(3)], weights=[0.5, 2.0]),
    )


@pytest.fixture
def config(calibration):
    return json.loads(json.dumps(calibration.to_config(), allow_nan=False))


def test_round_trip_through_json(calibration, config):
    loaded = Calibration.from_config(config)
    assert loaded == calibration
    places = np.linspace(0, 4, 50)
    np.testing.assert_array_equal(loaded.probability(places), calibration.probability(places))
    assert loaded.to_config() == calibration.to_config()
    assert copy.deepcopy(calibration) == calibration == pickle.loads(pickle.dumps(calibration))


def test_another_distance_is_noticed(calibration, config):
    loaded = Calibration.from_config(config)
    loaded.check_distance(WeightedDistances([Cosine(), Mahalanobis(3)], weights=[0.5, 2.0]))
    for other in (Euclidean(), WeightedDistances([Cosine(), Mahalanobis(3)])):
        with pytest.raises(ValueError, match="for distances by keras_siamese>WeightedDistances"):
            loaded.check_distance(other)
    assert describe_distance(Euclidean()) == {
        "registered_name": "keras_siamese>Euclidean",
        "config": {},
    }


def test_an_unknown_point(calibration):
    assert calibration.is_same(0.0, "balanced")
    with pytest.raises(ValueError, match="Did you mean 'balanced'"):
        calibration.is_same(0.0, "balancd")


def _changed(config, path, value):
    *parents, last = path.split("/")
    place = config
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return config


@pytest.mark.parametrize(
    "path, value",
    [
        ("version", 2),
        ("version", "1"),
        ("version", [[1]]),
        ("version", None),
        ("threshold", 0.5),
        ("distance", None),
        ("distance", "keras_siamese>Euclidean"),
        ("distance", {"module": "os", "class_name": "system", "config": {"command": "true"}}),
        ("distance/registered_name", 7),
        ("distance/config", {"x": {1, 2}}),
        ("operating_points", {}),
        ("operating_points", [1]),
        ("operating_points/default", None),
        ("operating_points/default", 0.5),
        ("operating_points/default/threshold", None),
        ("operating_points/default/threshold", "0.5"),
        ("operating_points/default/threshold", True),
        ("operating_points/default/threshold", float("nan")),
        ("operating_points/default/threshold", float("inf")),
        ("operating_points/default/threshold", 10**400),
        ("operating_points/default/recall", 1.5),
        ("operating_points/balanced/precision", -0.1),
        ("operating_points/balanced/more", 1),
        ("unknown_threshold", [1.0]),
        ("curve", None),
        ("curve", []),
        ("curve/kind", "pickle"),
        ("curve/kind", ["isotonic"]),
        ("curve/more", 1),
        ("match_share", 2),
        ("num_positives", 0),
        ("num_positives", 1.5),
        ("num_negatives", 2**70),
        ("num_negatives", True),
    ],
)
def test_damaged_or_hostile_data(config, path, value):
    with pytest.raises(ValueError, match=r"no calibration, or a damaged one\. Received: .*anew"):
        Calibration.from_config(_changed(config, path, value))


@pytest.mark.parametrize("config", [None, [], "x", 3, {}, {"version": 1}])
def test_what_is_no_calibration(config):
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_config(config)


_CURVES = [
    {"kind": "isotonic", "distances": [0.0, 1.0], "probabilities": [1.0]},
    {"kind": "isotonic", "distances": [1.0, 0.0], "probabilities": [1.0, 0.5]},
    {"kind": "isotonic", "distances": [0.0, 1.0], "probabilities": [0.5, 1.0]},
    {"kind": "isotonic", "distances": [0.0, 1.0], "probabilities": [1.5, 1.0]},
    {"kind": "isotonic", "distances": [], "probabilities": []},
    {"kind": "isotonic", "distances": 1.0, "probabilities": 1.0},
    {"kind": "isotonic", "distances": [0.0] * 2**17, "probabilities": [1.0] * 2**17},
    {"kind": "isotonic", "slope": 1.0, "offset": 1.0},
    {"kind": "platt", "slope": 1.0},
    {"kind": "platt", "slope": float("nan"), "offset": 0.0},
]


@pytest.mark.parametrize("curve", _CURVES, ids=range(len(_CURVES)))
def test_curves_that_are_refused(config, curve):
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_config({**config, "curve": curve})
