"""Thresholds for a chosen error rate, and probabilities, from validation pairs."""

from collections.abc import Callable, Mapping
from typing import Any

from keras_siamese import distances as distances_module
from keras_siamese.distances import Distance
from keras_siamese.evaluation.calibrated import CalibratedPoint as CalibratedPoint
from keras_siamese.evaluation.calibrated import Calibration as Calibration
from keras_siamese.evaluation.calibrated import describe_distance
from keras_siamese.evaluation.target_points import TARGETS, find_point, unknown_threshold
from keras_siamese.evaluation.validation_pairs import count_distances, count_pairs
from keras_siamese.ops.checks import check_choice, check_positive
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.nearest_classes import nearest_of_both_kinds
from keras_siamese.ops.pair_counts import PairCounts
from keras_siamese.ops.probability import (
    IsotonicProbability,
    LogisticProbability,
    fit_isotonic,
    fit_logistic,
)

_FITS: dict[str, Callable[[PairCounts, float], IsotonicProbability | LogisticProbability]] = {
    "isotonic": fit_isotonic,
    "platt": fit_logistic,
}


def calibrate(
    embeddings: Any,
    labels: Any,
    *,
    target: str = "fmr",
    at: float | None = 0.01,
    more: Mapping[str, tuple[str, float | None]] | None = None,
    probability: str = "isotonic",
    match_share: float | None = None,
    fpir: float | None = None,
    pairs: Any = None,
    distance: "str | Distance" = "euclidean",
) -> Calibration:
    """Chooses thresholds on validation items, and fits the probability of a match.

    Use items that the model was not trained on, and report figures on yet other ones: a threshold
    fits the pairs that it was chosen on better than any others.

    Targets are `"fmr"`, the largest threshold with a false match rate of `at` or less;
    `"precision"` and `"recall"`, the largest threshold with at least that precision, and the
    smallest one with at least that recall; and `"f1"`, the threshold with the largest F1, where
    `at` is not looked at. Thresholds lie half-way to the next distance that occurs.

    A query is unknown if no item of the gallery is close enough to it. By default that is the
    threshold of `target`. But the more items a gallery has, the closer one of them comes by chance:
    with `fpir`, the threshold is the largest at which that share of the validation items, at most,
    finds an item of *another* class within it (the false positive identification rate, if its own
    class were not in a gallery of the other validation items).

    Args:
        embeddings: Finite numbers, shape `(num_items, ...)`: validation items.
        labels: Class labels: integers or names, shape `(num_items,)`.
        target: What to reach: `"fmr"`, `"precision"`, `"recall"` or `"f1"`. Defaults to `"fmr"`.
        at: The rate to reach, above 0 and below 1. Defaults to 0.01.
        more: Further operating points: name -> `(target, at)`, as in
            `{"strict": ("fmr", 1e-4), "review": ("recall", 0.99), "best": ("f1", None)}`.
        probability: `"isotonic"`, which follows the data, or `"platt"`, a logistic curve, for few
            pairs. Defaults to `"isotonic"`.
        match_share: Share of matches among the pairs that will be met, above 0 and below 1.
            Precision, F1 and probabilities depend on it. Defaults to that of the validation pairs,
            which is small for all pairs of many classes.
        fpir: Largest false positive identification rate, above 0 and below 1. Defaults to `None`.
        pairs: Which pairs: see `evaluate_verification`. Defaults to all of them.
        distance: Name or `keras_siamese.distances.Distance`.

    Returns: A `Calibration`, which stores as JSON.

    Raises: ValueError: If there are not both kinds of pairs, or too few of a kind for a rate (the
        message says how many it takes), a precision is out of reach, or an argument is not as
        described.

    Example:
        >>> calibration = calibrate([[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1], at=0.25)
        >>> calibration.threshold  # between 2, where one of four pairs of two classes is, and 3
        2.5
        >>> calibration.is_same([0.5, 2.8]).tolist()
        [True, False]
    """
    distance = distances_module.get(distance)
    counts, space = count_pairs(embeddings, labels, pairs, distance)
    unknown = None
    if fpir is not None:
        data = LabelledSet(space.class_ids, space.embeddings, distance)
        unknown = unknown_threshold(nearest_of_both_kinds(data)[1], fpir)
    return _calibrate(counts, target, at, more, probability, match_share, unknown, distance)


def calibrate_pair_distances(
    distances: Any,
    same: Any,
    *,
    target: str = "fmr",
    at: float | None = 0.01,
    more: Mapping[str, tuple[str, float | None]] | None = None,
    probability: str = "isotonic",
    match_share: float | None = None,
    distance: "str | Distance" = "euclidean",
) -> Calibration:
    """Calibrates on validation pairs that are given by their distance. See `calibrate`.

    Args:
        distances: Finite floats, shape `(num_pairs,)`, smaller is closer.
        same: 1 for a match, 0 for none, shape `(num_pairs,)`.
        target: See `calibrate`.
        at: See `calibrate`.
        more: See `calibrate`.
        probability: See `calibrate`.
        match_share: See `calibrate`.
        distance: What the distances were computed by.

    Returns: A `Calibration`. Queries are unknown beyond the threshold of `target`.

    Raises: ValueError: As `calibrate` does.

    Example:
        >>> calibration = calibrate_pair_distances([0.1, 0.3, 0.7, 0.9], [1, 1, 0, 0], target="f1")
        >>> calibration.threshold
        0.5
        >>> calibration.probability([0.3, 0.5, 0.9]).tolist()
        [1.0, 0.5, 0.0]
    """
    counts = count_distances(distances, same)
    distance = distances_module.get(distance)
    return _calibrate(counts, target, at, more, probability, match_share, None, distance)


def _calibrate(
    counts: PairCounts,
    target: str,
    at: float | None,
    more: Mapping[str, tuple[str, float | None]] | None,
    probability: str,
    match_share: float | None,
    beyond: float | None,
    distance: Distance,
) -> Calibration:
    fit = _FITS[check_choice("probability", probability, _FITS)]
    share = counts.num_positives / (counts.num_positives + counts.num_negatives)
    if match_share is not None:
        share = check_positive("match_share", match_share, below=1.0)
    if "default" in (more or {}):
        raise ValueError("'default' is the point of `target` and `at`. Give `more` another name.")
    wanted = {"default": (target, at), **(more or {})}
    points = {
        name: find_point(counts, check_choice("target", goal, TARGETS), value, share)
        for name, (goal, value) in wanted.items()
    }
    return Calibration(
        distance=describe_distance(distance),
        operating_points=points,
        unknown_threshold=points["default"].threshold if beyond is None else beyond,
        curve=fit(counts, share),
        match_share=share,
        num_positives=int(counts.num_positives),
        num_negatives=int(counts.num_negatives),
    )
