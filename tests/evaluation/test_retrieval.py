import numpy as np
import pytest
from reference import retrieval as reference

from keras_siamese import metrics
from keras_siamese.evaluation.retrieval import evaluate_retrieval

ON_A_LINE = [[0.0], [1.0], [3.0], [9.0]]


def test_each_item_against_all_others():
    result = evaluate_retrieval(
        ON_A_LINE,
        ["a", "a", "b", "b"],
        metrics=[metrics.RecallAtK(1), metrics.MeanReciprocalRank()],
    )
    # The nearest to 3 is 1, then 0, then 9.
    assert result.figures == {
        "recall_at_1": 0.75,
        "mean_reciprocal_rank": pytest.approx((1 + 1 + 1 / 3 + 1) / 4),
    }
    assert result.per_query["recall_at_1"].tolist() == [1, 1, 0, 1]
    assert result.per_class("recall_at_1") == {"a": 1.0, "b": 0.5}
    assert result.num_left_out == 0


def test_default_metrics():
    result = evaluate_retrieval(np.arange(12.0)[:, None], np.arange(12) // 4)
    names = ["recall_at_1", "recall_at_5", "r_precision", "map_at_r", "mean_reciprocal_rank"]
    assert list(result.figures) == names
    assert result.per_class("recall_at_5") == {0: 1.0, 1: 1.0, 2: 1.0}


def test_queries_that_have_nothing_to_find_are_counted():
    result = evaluate_retrieval(
        [[0.0], [1.0]], [5, 7], [[0.5], [4.0], [2.0]], [5, 5, 6], metrics=[metrics.RecallAtK(1)]
    )
    assert result.figures == {"recall_at_1": 1.0}
    assert result.num_left_out == 1
    assert np.isnan(result.per_query["recall_at_1"]).tolist() == [False, True]
    assert result.per_class("recall_at_1") == {5: 1.0}


def test_the_same_camera_is_ignored(rng):
    x, y = rng.integers(0, 4, (12, 2)).astype(float), rng.integers(0, 3, 12)
    cameras = np.array(["left", "right", "up"])[rng.integers(0, 3, 12)]
    matrix = np.linalg.norm(x[:, None] - x, axis=-1)
    for rule in ("same_class_and_group", "same_group"):
        result = evaluate_retrieval(
            x, y, metrics=[metrics.MAPAtR()], query_groups=cameras, ignore=rule
        )
        expected = reference.per_query("map_at_r", matrix, y, groups=cameras, rule=rule)
        assert result.per_query["map_at_r"] == pytest.approx(expected, nan_ok=True)


def test_metrics_have_distances_of_their_own():
    # By the angle, the second is the nearest to the first; by the length of the difference, not.
    x, y = [[1.0, 0.0], [9.0, 1.0], [0.0, 1.0], [0.0, 9.0]], [0, 0, 1, 1]
    result = evaluate_retrieval(
        x, y, metrics=[metrics.RecallAtK(1), metrics.RecallAtK(1, "cosine", name="by_angle")]
    )
    assert result.figures == {"recall_at_1": 0.5, "by_angle": 1.0}


def test_float16_and_columns_of_labels():
    x = np.array(ON_A_LINE, np.float16)
    labels = np.array([[0], [0], [1], [1]])
    result = evaluate_retrieval(x, labels, metrics=[metrics.RecallAtK(1)])
    assert result.figures == {"recall_at_1": 0.75}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gallery": [[1.0]]}, "`gallery` and `gallery_labels` together"),
        (
            {"gallery": [[1.0]], "gallery_labels": ["a"]},
            "must be of one kind.*integers and strings",
        ),
        (
            {"gallery": [[1.0]], "gallery_labels": np.array(["2020-01-01"], "datetime64[D]")},
            "must be of one kind.*integers and datetime64",
        ),
        ({"metrics": []}, "Expected a metric at least"),
        ({"metrics": metrics.RecallAtK(1)}, "must be a list"),
        ({"metrics": [metrics.RecallAtK(1), metrics.RecallAtK(1, "cosine")]}, "share a name"),
        ({"gallery": [[1.0, 2.0]], "gallery_labels": [0]}, "of one size. Received: 1 and 2"),
        ({"gallery": np.zeros((0, 1)), "gallery_labels": []}, "length 0"),
        ({"gallery": [[np.nan]], "gallery_labels": [0]}, "Gallery must be finite"),
        ({"gallery": [[1.0]], "gallery_labels": [9]}, "queries with items of their class"),
        ({"gallery_groups": [1]}, "needs `query_groups`"),
        ({"query_groups": [1, 2]}, "lengths"),
        ({"ignore": "same_clas", "query_groups": [1] * 4}, "Unknown `ignore`"),
        (
            {"metrics": [metrics.PairAUC()]},
            "list of `RankingMetric`s.*Others are for `evaluate_embeddings`",
        ),
        (
            {"metrics": [metrics.RecallAtK(4)]},
            "needs 4 items to rank for each query. Received: a query that has 3",
        ),
        ({"query_groups": [1, 1, 2, 2]}, "alone in its class, or with items of its group"),
        ({"query_groups": [1, 1, 2, 2], "gallery": [[1.0]], "gallery_labels": [0]}, "together"),
    ],
)
def test_bad_input(arguments, message):
    given = {"metrics": [metrics.RecallAtK(1)], **arguments}
    with pytest.raises(ValueError, match=message):
        evaluate_retrieval(ON_A_LINE, [0, 0, 1, 1], **given)


def test_a_name_that_is_no_metric():
    result = evaluate_retrieval(ON_A_LINE, [0, 0, 1, 1], metrics=[metrics.RecallAtK(1)])
    with pytest.raises(ValueError, match="Did you mean 'recall_at_1'"):
        result.per_class("recall_at_11")


def test_large_labels_of_two_integer_types_stay_apart():
    labels = 2**62 + np.arange(3)
    result = evaluate_retrieval(
        [[0.0], [1.0], [2.0]],
        labels,
        [[0.1], [2.1], [1.1]],
        labels.astype(np.uint64),
        metrics=[metrics.RecallAtK(1)],
    )
    assert result.per_query["recall_at_1"].tolist() == [1.0, 0.0, 0.0]
