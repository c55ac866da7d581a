import numpy as np
import pytest
from reference import retrieval as reference
from reference.whole_set import euclidean_distances

from keras_siamese import distances, metrics
from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops import nearest
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.ranked_set import RankedSet

METRICS = [
    metrics.RecallAtK(1),
    metrics.RecallAtK(4),
    metrics.TrueRecallAtK(3),
    metrics.PrecisionAtK(3),
    metrics.RPrecision(),
    metrics.MAPAtR(),
    metrics.MAPAtK(3),
    metrics.MeanReciprocalRank(),
    metrics.NDCGAtK(5),
]


def expected(distance_matrix, labels, **others):
    columns = [
        reference.per_query(
            metric.default_name, distance_matrix, labels, getattr(metric, "k", None), **others
        )
        for metric in METRICS
    ]
    return np.stack(columns, axis=1)


def computed(*args, **kwargs):
    return RankingMetric.per_query(METRICS, RankedSet(*args, **kwargs))


def labelled(embeddings, labels, distance="euclidean"):
    embeddings = np.asarray(embeddings, np.float32)
    return LabelledSet(np.asarray(labels), embeddings, distances.get(distance))


def grid(rng, num, dim=2, levels=4):
    return rng.integers(0, levels, (num, dim))


@pytest.fixture(params=["by_rows", "small_blocks", "halved"])
def way(request, monkeypatch):
    """The ways in which nearest items are found, on sets of any size."""
    if request.param == "small_blocks":
        monkeypatch.setattr(nearest, "_BLOCK_ELEMENTS", 8)
        monkeypatch.setattr(nearest, "_CHUNK_COLUMNS", 5)
    if request.param == "halved":
        monkeypatch.setattr(nearest, "_LEAST_HALVED", 2)
    return request.param


@pytest.mark.usefixtures("way")
class TestAgainstLoops:
    def test_a_set_with_ties_copies_and_lone_items(self, rng):
        x = grid(rng, 13)
        labels = rng.permutation([0, 0, 0, 0, 1, 1, 1, 5, 5, 5, 5, 7, -2])
        assert computed(labelled(x, labels)) == pytest.approx(
            expected(euclidean_distances(x), labels), nan_ok=True
        )

    def test_continuous(self, rng):
        x, labels = rng.normal(size=(60, 3)).astype(np.float32), rng.integers(0, 9, 60)
        assert computed(labelled(x, labels)) == pytest.approx(
            expected(euclidean_distances(x), labels), nan_ok=True
        )

    def test_a_gallery(self, rng):
        queries, gallery = grid(rng, 9), grid(rng, 11)
        labels, gallery_labels = rng.integers(0, 4, 9), rng.integers(1, 5, 11)
        matrix = [[np.linalg.norm(q - g) for g in gallery] for q in queries]
        assert computed(labelled(queries, labels), labelled(gallery, gallery_labels)) == (
            pytest.approx(expected(matrix, labels, gallery_labels=gallery_labels), nan_ok=True)
        )

    @pytest.mark.parametrize("rule", ["same_class_and_group", "same_group"])
    def test_ignored_items(self, rng, rule):
        x, labels = grid(rng, 14, levels=3), rng.integers(0, 3, 14)
        groups = rng.integers(0, 4, 14)
        assert computed(labelled(x, labels), query_groups=groups, ignore=rule) == pytest.approx(
            expected(euclidean_distances(x), labels, groups=groups, rule=rule), nan_ok=True
        )

    @pytest.mark.parametrize("rule", ["same_class_and_group", "same_group"])
    def test_ignored_items_of_a_gallery(self, rng, rule):
        queries, gallery = grid(rng, 8, levels=3), grid(rng, 13, levels=3)
        labels, gallery_labels = rng.integers(0, 3, 8), rng.integers(0, 3, 13)
        groups, gallery_groups = rng.integers(0, 3, 8), rng.integers(0, 5, 13)
        matrix = [[np.linalg.norm(q - g) for g in gallery] for q in queries]
        assert computed(
            labelled(queries, labels),
            labelled(gallery, gallery_labels),
            groups,
            gallery_groups,
            rule,
        ) == pytest.approx(
            expected(
                matrix,
                labels,
                gallery_labels=gallery_labels,
                groups=groups,
                gallery_groups=gallery_groups,
                rule=rule,
            ),
            nan_ok=True,
        )

    def test_order_within_rounding_is_that_of_float64(self, rng):
        # Far from 0 and from each other, float32 products cannot tell near distances apart.
        centres = 30 * rng.normal(size=(12, 16))
        x = np.repeat(centres, 5, axis=0) + 1e-3 * rng.normal(size=(60, 16))
        x, labels = x.astype(np.float32), rng.integers(0, 2, 60)
        assert computed(labelled(x, labels)) == pytest.approx(
            expected(euclidean_distances(x), labels), nan_ok=True
        )

    def test_a_distance_without_a_product(self, rng):
        x, labels = grid(rng, 12, dim=3), rng.integers(0, 4, 12)
        matrix = np.abs(x[:, None] - x).sum(axis=-1)
        assert computed(labelled(x, labels, "manhattan")) == pytest.approx(
            expected(matrix, labels), nan_ok=True
        )

    def test_a_distance_that_is_not_symmetric(self, rng):
        x, labels = rng.normal(size=(20, 6)).astype(np.float32), rng.integers(0, 4, 20)
        matrix = [[np.var(a - b) / np.var(a) for b in x.astype(float)] for a in x.astype(float)]
        assert computed(labelled(x, labels, "signal_to_noise")) == pytest.approx(
            expected(matrix, labels), nan_ok=True
        )


def test_a_large_set_in_halves_equals_that_by_rows(rng, monkeypatch):
    labels = rng.integers(0, 300, 1500)
    x = rng.normal(size=(300, 8))[labels] + 0.7 * rng.normal(size=(1500, 8))
    halved = computed(labelled(x, labels))
    monkeypatch.setattr(nearest, "_LEAST_HALVED", 10_000)
    assert halved == pytest.approx(computed(labelled(x, labels)), nan_ok=True)


def test_a_large_collapsed_set_is_cheap(rng):
    labels = rng.integers(0, 4, 20_000)
    x = np.tile(rng.normal(size=8), (20_000, 1))
    x[:100] = rng.normal(size=(100, 8))
    values = computed(labelled(x, labels))
    # Of the copies, one in four is of the query's class.
    assert values[100:, 0] == pytest.approx(0.25, abs=0.01)


def test_how_many_are_ranked_and_relevant():
    few = labelled([[0.0], [1.0], [2.0], [3.0]], [0, 0, 0, 1])
    ranked = RankedSet(few)
    assert ranked.num_relevant.tolist() == [2, 2, 2, 0]
    assert ranked.num_ranked.tolist() == [3, 3, 3, 3]
    cameras = np.array([5, 5, 6, 6])
    ranked = RankedSet(few, query_groups=cameras)
    assert ranked.num_relevant.tolist() == [1, 1, 2, 0]
    assert ranked.num_ranked.tolist() == [2, 2, 3, 3]
    ranked = RankedSet(few, query_groups=cameras, ignore="same_group")
    assert ranked.num_relevant.tolist() == [1, 1, 2, 0]
    assert ranked.num_ranked.tolist() == [2, 2, 2, 2]


def test_large_labels_stay_apart():
    few = labelled([[0.0], [1.0], [3.0], [4.0]], [2**53, 2**53 + 1, 2**53, 2**53 + 1])
    assert RankedSet(few).num_relevant.tolist() == [1, 1, 1, 1]
    assert computed(labelled(np.arange(6)[:, None], [2**53, 2**53 + 1] * 3))[0, 0] == 0.0
