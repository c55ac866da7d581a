import numpy as np
import pytest
from reference import retrieval as reference

from keras_siamese import distances
from keras_siamese.metrics import MeanReciprocalRank
from keras_siamese.metrics.ranking_metric import RankingMetric
from keras_siamese.ops import compared_vectors
from keras_siamese.ops.compared_vectors import ComparedVectors
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.ranked_set import RankedSet


def labelled(embeddings, labels):
    embeddings = np.asarray(embeddings, np.float32)
    return LabelledSet(np.asarray(labels), embeddings, distances.get("euclidean"))


def test_each_vector_is_compared_once():
    x = [[0.0], [1.0], [0.0], [2.0], [0.0]]
    ranked = RankedSet(labelled(x, [7, 7, 7, 8, 8]))
    compared = ComparedVectors(ranked, np.arange(5), np.array([2, 1, 2, 1, 1]))
    assert compared.tiles.num_queries == compared.tiles.num_gallery == 3
    # The two of class 7 at 0 are one row; the one of class 8 there is another.
    assert len(compared.vector_of_row) == 4
    assert compared.row_of_query[0] == compared.row_of_query[2] != compared.row_of_query[4]
    assert compared.depth.tolist() == [1, 1, 2]


@pytest.mark.parametrize("num_elements", [1, 2**20])
@pytest.mark.parametrize("rule", [None, "same_class_and_group", "same_group"])
@pytest.mark.parametrize("has_gallery", [False, True])
def test_hits_far_down(rule, has_gallery, num_elements, rng, monkeypatch):
    monkeypatch.setattr(compared_vectors, "_BLOCK_ELEMENTS", num_elements)
    # Classes of three anywhere on a line: the nearest of a class may be the last of all.
    x = rng.permutation(np.repeat(np.arange(40), rng.integers(1, 3, 40)))
    labels, groups = rng.permutation(len(x)) // 3, rng.integers(0, 4, len(x))
    if rule is None and not has_gallery:
        x = x * 100 + rng.integers(0, 99, len(x))  # no copies, no ties
    others = rng.permutation(len(x))[: len(x) // 2] if has_gallery else None
    matrix = np.abs(x[:, None] - (x if others is None else x[others]))
    ranked = RankedSet(
        labelled(x[:, None], labels),
        None if others is None else labelled(x[others, None], labels[others]),
        None if rule is None else groups,
        None if rule is None or others is None else groups[others],
        rule or "same_group",
    )
    found = RankingMetric.per_query([MeanReciprocalRank()], ranked)[:, 0]
    expected = reference.per_query(
        "mean_reciprocal_rank",
        matrix,
        labels,
        gallery_labels=None if others is None else labels[others],
        groups=groups,
        gallery_groups=None if others is None else groups[others],
        rule=rule,
    )
    assert found == pytest.approx(expected, nan_ok=True)
    assert np.nanmin(found) < 0.1
