import numpy as np
import pytest

from keras_siamese.evaluation.calibration import calibrate, calibrate_pair_distances


@pytest.fixture
def validation(rng):
    labels = rng.integers(0, 12, 200)
    return (rng.normal(size=(12, 5))[labels] + 0.6 * rng.normal(size=(200, 5))), labels


def _distances(x, labels):
    rows, columns = np.triu_indices(len(labels), 1)
    return np.linalg.norm(x[rows] - x[columns], axis=1), labels[rows] == labels[columns]


def test_the_false_match_rate_is_that_of_the_pairs(validation):
    distances, same = _distances(*validation)
    calibration = calibrate(*validation, at=0.02, more={"strict": ("fmr", 0.001)})
    for name, at in (("default", 0.02), ("strict", 0.001)):
        accepted = calibration.is_same(distances, name)
        assert at - 2 / (~same).sum() <= accepted[~same].mean() <= at
        point = calibration.operating_points[name]
        assert accepted[~same].mean() == pytest.approx(point.false_match_rate)
        assert accepted[same].mean() == pytest.approx(point.recall)
        assert same[accepted].mean() == pytest.approx(point.precision)
    assert calibration.threshold == calibration.operating_points["default"].threshold
    assert calibration.unknown_threshold == calibration.threshold
    assert (calibration.num_positives, calibration.num_negatives) == (same.sum(), (~same).sum())
    assert calibration.match_share == pytest.approx(same.mean())


def test_distances_give_the_same(validation):
    distances, same = _distances(*validation)
    one = calibrate(*validation, target="f1", probability="platt")
    other = calibrate_pair_distances(distances, same, target="f1", probability="platt")
    assert other.threshold == pytest.approx(one.threshold, rel=1e-5)
    assert other.curve.slope == pytest.approx(one.curve.slope, rel=1e-3)
    assert one.distance == other.distance


@pytest.mark.parametrize("probability", ["isotonic", "platt"])
def test_probabilities_are_calibrated(validation, probability):
    distances, same = _distances(*validation)
    found = calibrate(*validation, probability=probability).probability(distances)
    for low, high in ((0.1, 0.4), (0.4, 0.8)):
        inside = (found > low) & (found < high)
        assert same[inside].mean() == pytest.approx(found[inside].mean(), abs=0.1)
    half = calibrate(*validation, probability=probability, match_share=0.5)
    assert (half.probability(distances) >= found - 1e-9).all()
    assert half.match_share == 0.5
    assert half.operating_points["default"].precision > 0.9


def test_shapes_are_kept(validation):
    calibration = calibrate(*validation)
    assert calibration.is_same(1.0).shape == ()
    assert calibration.probability([[1.0, 2.0]]).shape == (1, 2)
    assert calibration.is_known(np.ones((2, 3), "float32")).shape == (2, 3)


def test_unknown_queries(validation):
    x, labels = validation
    calibration = calibrate(x, labels, fpir=0.05)
    matrix = np.linalg.norm(x[:, None] - x[None], axis=2)
    nearest = np.where(labels[:, None] == labels, np.inf, matrix).min(axis=1)
    # Two items may be the nearest of each other: both are within the threshold, or none.
    assert 0.04 <= calibration.is_known(nearest).mean() <= 0.05
    assert calibration.unknown_threshold != calibration.threshold
    with pytest.raises(ValueError, match=r"from 200 items. Expected 1000 at least"):
        calibrate(x, labels, fpir=0.001)


def test_given_pairs(validation):
    x, labels = validation
    first, second = np.arange(0, 199), np.arange(1, 200)
    calibration = calibrate(x, labels, pairs=(first, second), at=0.1)
    distances = np.linalg.norm(x[first] - x[second], axis=1)
    same = labels[first] == labels[second]
    expected = calibrate_pair_distances(distances, same, at=0.1)
    assert calibration.threshold == pytest.approx(expected.threshold)


def test_it_remembers_the_distance(validation):
    calibration = calibrate(*validation, distance="cosine")
    assert calibration.distance["registered_name"] == "keras_siamese>Cosine"


def test_a_separated_set_is_calibrated_in_the_gap():
    calibration = calibrate_pair_distances([0.1, 0.3, 0.7, 0.9], [1, 1, 0, 0], at=0.5)
    assert calibration.threshold == pytest.approx(0.8)
    assert (
        calibrate_pair_distances([0.1, 0.3, 0.7, 0.9], [1, 1, 0, 0], target="f1").threshold == 0.5
    )


def test_a_collapsed_set():
    calibration = calibrate(np.ones((20, 2)), np.arange(20) % 4, at=0.1)
    assert not calibration.is_same(0.0)
    assert calibration.probability(0.0) == pytest.approx(40 / 190)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"at": 1e-6}, "Expected 1000000 pairs at least, and 10000000"),
        ({"target": "recall", "at": 0.999999}, "Expected 1000000 pairs at least"),
        ({"target": "precison"}, "Did you mean 'precision'"),
        ({"probability": "logistic"}, "`probability`"),
        ({"match_share": 1.0}, "`match_share` must be"),
        ({"more": {"default": ("f1", None)}}, "Give `more` another name"),
        ({"more": {"x": ("fmr", None)}}, "`at` must be"),
        ({"distance": "euclidian"}, "Did you mean 'euclidean'"),
    ],
)
def test_what_is_refused(validation, arguments, message):
    with pytest.raises(ValueError, match=message):
        calibrate(*validation, **arguments)
