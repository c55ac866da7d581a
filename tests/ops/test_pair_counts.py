import keras
import numpy as np
import pytest
from reference import verification as reference
from sklearn.metrics import roc_auc_score

from keras_siamese.distances import Cosine, Euclidean, InnerProduct, Manhattan, SignalToNoise
from keras_siamese.ops import pair_counts as module
from keras_siamese.ops import pair_histogram, set_pairs
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.pair_counts import PairCounts


def _cosine(x, y):
    return 1 - (x @ y) / np.sqrt((x @ x) * (y @ y))


_DISTANCES = [
    (Euclidean(), reference.euclidean),
    (InnerProduct(), lambda x, y: -(x @ y)),
    (Manhattan(), lambda x, y: np.abs(x - y).sum()),
    (Cosine(), _cosine),
]


def _continuous(rng):
    return rng.normal(size=(60, 5)), rng.integers(0, 9, 60)


def _integers(rng):
    return rng.integers(1, 4, (70, 3)), rng.integers(0, 5, 70)


def _duplicates(rng):
    return rng.normal(size=(12, 7))[rng.integers(0, 12, 60)], rng.integers(0, 4, 60)


def _duplicates_within_classes(rng):
    which = rng.integers(0, 20, 70)
    return rng.normal(size=(20, 7))[which], which // 4


def _half_collapsed(rng):
    x = rng.normal(size=(60, 9))
    x[::2] = x[0]
    return x, rng.integers(0, 3, 60)


def _outlier(rng):
    x, labels = _continuous(rng)
    x[3] = 1000.0
    return x, labels


def _one_large_class(rng):
    return rng.normal(size=(50, 3)), np.array([7] * 45 + [-3] * 5)


_SETS = [
    _continuous,
    _integers,
    _duplicates,
    _duplicates_within_classes,
    _half_collapsed,
    _outlier,
    _one_large_class,
]


@pytest.fixture(params=["listed", "sorted", "binned", "few bins"])
def way(request, monkeypatch):
    """Each way to count, for sets that are small; tiles are small, so that there are several."""
    monkeypatch.setattr(set_pairs, "TILE_ROWS", 16)
    monkeypatch.setattr(set_pairs, "TILE_COLUMNS", 24)
    monkeypatch.setattr(pair_histogram, "NUM_BINS", 2**15)
    if request.param != "listed":
        monkeypatch.setattr(module, "MAX_LISTED_PAIRS", 0)
    if "bin" in request.param:
        monkeypatch.setattr(module, "MAX_SORTED_PAIRS", 0)
    if request.param == "few bins":
        monkeypatch.setattr(pair_histogram, "NUM_BINS", 32)
        monkeypatch.setattr(pair_histogram, "MAX_PARTS", 4096)
    return request.param


def _moments(values):
    return values.mean(), values.std()


@pytest.mark.parametrize("make", _SETS, ids=lambda make: make.__name__.strip("_"))
@pytest.mark.parametrize("distance, formula", _DISTANCES, ids=lambda x: getattr(x, "name", ""))
def test_all_pairs_of_a_set(rng, way, make, distance, formula):
    embeddings, labels = make(rng)
    embeddings = embeddings.astype(np.float32)
    same, expected = reference.all_pairs(embeddings, labels, formula)
    counts = PairCounts.of_set(LabelledSet(labels, embeddings, distance))
    assert counts.num_positives == same.sum()
    assert counts.num_negatives == (~same).sum()
    # Equal in exact arithmetic, unlike distances of equal vectors, are equal but for rounding.
    ties = np.diff(np.unique(expected))
    tolerance = 1e-12 if (ties > 1e-5).all() else 2e-3
    area = roc_auc_score(same, -expected.round(6))
    assert counts.area == pytest.approx(area, abs=tolerance + counts.area_error_bound)
    assert counts.area_error_bound <= 1e-6
    scale = np.abs(expected).max()
    for found, kind in (
        ((counts.positive_mean, counts.positive_std), same),
        ((counts.negative_mean, counts.negative_std), ~same),
    ):
        assert found == pytest.approx(_moments(expected[kind]), abs=2e-5 * scale)
    assert (np.diff(counts.thresholds) > 0).all()
    assert (counts.beyond >= counts.thresholds).all()
    # What lies between thresholds is told rightly.
    for place in range(0, len(counts.thresholds), 7):
        inside = counts.thresholds[place] + 1e-3 * scale
        place = np.searchsorted(counts.thresholds, inside, "right") - 1
        if (np.abs(expected - inside) > 2e-5 * scale).all():
            within = expected <= inside
            assert counts.positives_within[place] == within[same].sum()
            assert counts.negatives_within[place] == within[~same].sum()


@pytest.mark.parametrize("num_items", [2, 3, 50])
def test_a_collapsed_set_is_guessing(rng, way, num_items):
    embeddings = np.tile(rng.normal(size=9).astype(np.float32), (num_items, 1))
    labels = np.arange(num_items) % 2
    labels[-1] = 1
    for distance, _ in _DISTANCES:
        counts = PairCounts.of_set(LabelledSet(labels, embeddings, distance))
        assert len(counts.thresholds) == 1
        if num_items > 2:
            assert counts.area == 0.5 and counts.area_error_bound == 0
        if distance.name in ("euclidean", "manhattan"):
            assert counts.negative_mean == counts.negative_std == 0


def test_both_orders_count_if_the_distance_depends_on_it(rng, way):
    embeddings, labels = rng.normal(size=(30, 4)), rng.integers(0, 4, 30)
    embeddings[7] = embeddings[3]
    embeddings = embeddings.astype(np.float32)

    def formula(x, y):
        return (x - y).var() / x.var()

    same, there = reference.all_pairs(embeddings, labels, formula)
    _, back = reference.all_pairs(embeddings, labels, lambda x, y: formula(y, x))
    expected = np.append(there, back)
    counts = PairCounts.of_set(LabelledSet(labels, embeddings, SignalToNoise()))
    assert counts.num_positives == 2 * same.sum()
    assert counts.area == pytest.approx(roc_auc_score(np.tile(same, 2), -expected), abs=1e-6)
    assert counts.negative_mean == pytest.approx(expected[~np.tile(same, 2)].mean(), rel=1e-5)


def test_order_and_names_of_classes_change_nothing(rng, way):
    embeddings, labels = _duplicates(rng)
    embeddings = embeddings.astype(np.float32)
    order = rng.permutation(len(labels))
    one = PairCounts.of_set(LabelledSet(labels, embeddings, Euclidean()))
    other = PairCounts.of_set(LabelledSet(-labels[order], embeddings[order], Euclidean()))
    assert one.area == pytest.approx(other.area, abs=2e-6)
    assert one.positive_mean == pytest.approx(other.positive_mean, rel=1e-5)


def test_one_class_or_lone_items(way):
    embeddings = np.array([[0.0], [2.0], [5.0]], np.float32)
    counts = PairCounts.of_set(LabelledSet(np.array([4, 4, 4]), embeddings, Euclidean()))
    assert (counts.num_positives, counts.num_negatives) == (3, 0)
    assert counts.positive_mean == pytest.approx(10 / 3, rel=1e-5)
    assert np.isnan(counts.area) and np.isnan(counts.negative_mean)
    counts = PairCounts.of_set(LabelledSet(np.array([1, 2, 3]), embeddings, Euclidean()))
    assert (counts.num_positives, counts.num_negatives) == (0, 3)
    assert counts.negative_mean == pytest.approx(10 / 3, rel=1e-5)
    assert np.isnan(counts.positive_mean) and np.isnan(counts.positive_std)


def test_negative_zero_equals_zero(way):
    embeddings = np.array([[1.0, 0.0], [5.0, 5.0], [1.0, -0.0]], np.float32)
    counts = PairCounts.of_set(LabelledSet(np.array([0, 0, 1]), embeddings, Euclidean()))
    assert counts.thresholds[0] == pytest.approx(0, abs=1e-6)
    # Both are exactly as far from the third item.
    assert len(counts.thresholds) == 2
    assert counts.area == pytest.approx(0.25)


def test_overflow_is_refused(way):
    embeddings = np.array([[3e38], [-3e38], [0.0]], np.float32)
    with pytest.raises(ValueError, match="not finite"):
        PairCounts.of_set(LabelledSet(np.array([0, 0, 1]), embeddings, Euclidean()))


def test_thresholds_are_bounded(rng, monkeypatch):
    embeddings, labels = _continuous(rng)
    data = LabelledSet(labels, embeddings.astype(np.float32), Euclidean())
    whole = PairCounts.of_set(data)
    monkeypatch.setattr(module, "_MAX_THRESHOLDS", 100)
    few = PairCounts.of_set(data)
    assert 50 < len(few.thresholds) <= 100
    places = np.searchsorted(whole.thresholds, few.thresholds)
    assert places[-1] == len(whole.thresholds) - 1
    for name in ("thresholds", "beyond", "positives_within", "negatives_within"):
        np.testing.assert_array_equal(getattr(few, name), getattr(whole, name)[places])
    assert few.area == whole.area and few.positive_std == whole.positive_std


def test_given_pairs_by_hand():
    distances = np.array([2.0, 1.0, 4.0, 2.0], np.float32)
    counts = PairCounts.of_pairs([1, 1, 0, 0], distances)
    assert counts.thresholds.tolist() == [1, 2, 4]
    assert counts.beyond.tolist() == [2, 4, 4]
    assert counts.positives_within.tolist() == [1, 2, 2]
    assert counts.negatives_within.tolist() == [0, 1, 2]
    assert (counts.num_positives, counts.num_negatives) == (2, 2)
    assert (counts.positive_mean, counts.positive_std) == (1.5, 0.5)
    assert (counts.negative_mean, counts.negative_std) == (3.0, 1.0)
    assert counts.area == 0.875 and counts.area_error_bound == 0


def test_given_pairs_tell_float64_apart():
    counts = PairCounts.of_pairs([1, 0], np.array([1.0, 1.0 + 1e-12]))
    assert counts.area == 1.0


def test_a_weight_is_so_many_pairs(rng):
    same, distances = rng.integers(0, 2, 50), rng.integers(0, 9, 50).astype(float)
    weights = rng.integers(0, 4, 50)
    found = PairCounts.of_pairs(same, distances, weights)
    expected = PairCounts.of_pairs(np.repeat(same, weights), np.repeat(distances, weights))
    assert found.area == pytest.approx(expected.area)
    assert found.num_positives == expected.num_positives
    assert found.negative_std == pytest.approx(expected.negative_std)
    halved = PairCounts.of_pairs(same, distances, 0.5 * weights)
    assert halved.area == pytest.approx(expected.area)
    assert halved.num_negatives == expected.num_negatives / 2


@keras.saving.register_keras_serializable(package="tests")
class _Reduced(Manhattan):
    """A distance whose reduced form is another number, and that has no squared form."""

    name = "reduced"

    def pairwise(self, x, y):
        return 1 + super().pairwise(x, y)

    def paired(self, x, y):
        return 1 + super().paired(x, y)

    def reduced_pairwise(self, x, y):
        return super().pairwise(x, y)

    def from_reduced(self, reduced):
        return 1 + reduced


def test_identical_items_by_a_distance_with_a_reduced_form_of_its_own(way):
    embeddings = np.array([[0.0], [0.0], [2.0], [2.0]], np.float32)
    counts = PairCounts.of_set(LabelledSet(np.array([0, 0, 0, 1]), embeddings, _Reduced()))
    assert counts.positive_mean == pytest.approx((1 + 3 + 3) / 3, rel=1e-5)
    assert counts.negative_mean == pytest.approx((1 + 3 + 3) / 3, rel=1e-5)
