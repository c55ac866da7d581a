"""What calibration gives: thresholds and probabilities, as plain numbers that can be stored."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import keras
import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.ops.checks import check_choice
from keras_siamese.ops.probability import IsotonicProbability, LogisticProbability

FORMAT_VERSION = 1
_MAX_ENTRIES = 2**16
_PROBABILITIES = {"isotonic": IsotonicProbability, "platt": LogisticProbability}


@dataclass(frozen=True)
class CalibratedPoint:
    """A threshold, and how it does on the validation pairs.

    Attributes:
        threshold: Pairs at this distance, and closer ones, are taken for matches.
        false_match_rate: Share of the pairs of two classes taken for matches.
        recall: Share of the pairs of one class taken for matches: the true match rate.
        precision: Share of matches among the pairs taken for such, at the share of matches that
            the calibration is for.
        f1: Harmonic mean of precision and recall.
    """

    threshold: float
    false_match_rate: float
    recall: float
    precision: float
    f1: float


@dataclass(frozen=True)
class Calibration:
    """Thresholds and probabilities for "are these two of one class?". See `calibrate`.

    Attributes:
        distance: The distance that it is for, as plain data: registered name and arguments.
        operating_points: Name -> point. The one that was asked for is `"default"`.
        unknown_threshold: Queries farther than this from all items of a gallery are unknown.
        curve: Probability of a match by distance.
        match_share: Share of matches that precision and probabilities are for.
        num_positives: Number of validation pairs of one class.
        num_negatives: Number of validation pairs of two classes.
    """

    distance: Mapping[str, Any]
    operating_points: Mapping[str, CalibratedPoint]
    unknown_threshold: float
    curve: IsotonicProbability | LogisticProbability
    match_share: float
    num_positives: int
    num_negatives: int

    @property
    def threshold(self) -> float:
        """Threshold of the point that was asked for."""
        return self.operating_points["default"].threshold

    def is_same(self, distances: Any, point: str = "default") -> np.ndarray:
        """Tells which pairs are taken for matches.

        Args:
            distances: Distances of pairs, any shape.
            point: Name of an operating point.

        Raises: ValueError: If there is no such point.
        """
        name = check_choice("point", point, self.operating_points)
        return np.asarray(distances) <= self.operating_points[name].threshold

    def probability(self, distances: Any) -> np.ndarray:
        """Probability that pairs are of one class.

        Args:
            distances: Distances of pairs, any shape.
        """
        return self.curve.of(np.asarray(distances, np.float64))

    def is_known(self, nearest_distances: Any) -> np.ndarray:
        """Tells which queries are of a class in the gallery.

        Args:
            nearest_distances: Distance of each query to the nearest item of the gallery.
        """
        return np.asarray(nearest_distances) <= self.unknown_threshold

    def check_distance(self, distance: Distance) -> None:
        """Checks that thresholds are in units of a distance.

        Raises: ValueError: If the calibration is for another one.
        """
        if describe_distance(distance) != dict(self.distance):
            raise ValueError(
                f"This calibration is for distances by {self.distance['registered_name']} "
                f"{self.distance['config']}. Received: {distance!r}. Calibrate anew."
            )

    def to_config(self) -> dict[str, Any]:
        """Returns everything as what JSON can hold."""
        kind = next(name for name, cls in _PROBABILITIES.items() if type(self.curve) is cls)
        curve = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.curve).items()}
        return {
            "version": FORMAT_VERSION,
            "distance": dict(self.distance),
            "operating_points": {name: asdict(p) for name, p in self.operating_points.items()},
            "unknown_threshold": self.unknown_threshold,
            "curve": {"kind": kind, **curve},
            "match_share": self.match_share,
            "num_positives": self.num_positives,
            "num_negatives": self.num_negatives,
        }

    @classmethod
    def from_config(cls, config: Any) -> "Calibration":
        """Makes the object that `to_config` described. Nothing in it is run or imported.

        Raises: ValueError: If something is missing or not what `to_config` gives.
        """
        _check_keys(config, _keys_of(cls) | {"version"})
        if config["version"] != FORMAT_VERSION:
            raise _invalid(f"version {config['version']!r:.40}, of which only 1 is known")
        distance = config["distance"]
        _check_keys(distance, {"registered_name", "config"})
        if not isinstance(distance["registered_name"], str):
            raise _invalid("a distance without a name")
        points = config["operating_points"]
        if not isinstance(points, dict) or "default" not in points or len(points) > _MAX_ENTRIES:
            raise _invalid("no operating points with one named 'default'")
        return cls(
            distance=_plain(distance),
            operating_points={str(k): _read_point(v) for k, v in points.items()},
            unknown_threshold=_number(config["unknown_threshold"]),
            curve=_read_curve(config["curve"]),
            match_share=_number(config["match_share"], 0.0, 1.0),
            num_positives=_count(config["num_positives"]),
            num_negatives=_count(config["num_negatives"]),
        )


def describe_distance(distance: Distance) -> dict[str, Any]:
    """Returns the registered name and the arguments of a distance, as JSON gives them back."""
    name = keras.saving.get_registered_name(type(distance))
    arguments = keras.saving.serialize_keras_object(distance)["config"]
    return json.loads(json.dumps({"registered_name": name, "config": arguments}))


def _plain(distance: dict[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(distance))
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid(f"a distance that is no plain data, {error!s:.100}") from error


def _read_point(config: Any) -> CalibratedPoint:
    _check_keys(config, _keys_of(CalibratedPoint))
    rates = {k: _number(v, 0.0, 1.0) for k, v in config.items() if k != "threshold"}
    return CalibratedPoint(threshold=_number(config["threshold"]), **rates)


def _read_curve(config: Any) -> IsotonicProbability | LogisticProbability:
    if not isinstance(config, dict) or config.get("kind") not in ("isotonic", "platt"):
        raise _invalid("no curve of kind 'isotonic' or 'platt'")
    kind = _PROBABILITIES[config["kind"]]
    _check_keys(config, _keys_of(kind) | {"kind"})
    if kind is LogisticProbability:
        return LogisticProbability(_number(config["slope"]), _number(config["offset"]))
    columns = config["distances"], config["probabilities"]
    if not all(isinstance(c, list) and 0 < len(c) <= _MAX_ENTRIES for c in columns):
        raise _invalid("a curve without points, or with too many")
    distances = [_number(value) for value in columns[0]]
    probabilities = [_number(value, 0.0, 1.0) for value in columns[1]]
    if (
        len(distances) != len(probabilities)
        or distances != sorted(distances)
        or probabilities != sorted(probabilities, reverse=True)
    ):
        raise _invalid("a curve that rises, or whose points are not in order")
    return IsotonicProbability(tuple(distances), tuple(probabilities))


def _keys_of(cls: Any) -> set[str]:
    return {field.name for field in fields(cls)}


def _check_keys(config: Any, expected: set[str]) -> None:
    if not isinstance(config, dict) or set(config) != expected:
        keys = sorted(map(str, config))[:20] if isinstance(config, dict) else type(config).__name__
        raise _invalid(f"{keys!s:.200} in place of {sorted(expected)}")


def _number(value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Larger integers are no floats.
    if not is_number or not -1e300 < value < 1e300 or not least <= value <= most:
        raise _invalid(f"{value!r:.40} in place of a finite number from {least:g} to {most:g}")
    return float(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise _invalid(f"{value!r:.40} in place of a number of pairs")
    return value


def _invalid(received: str) -> ValueError:
    return ValueError(
        f"This is no calibration, or a damaged one. Received: {received}. Expected what "
        "`Calibration.to_config` gives. Calibrate anew."
    )
