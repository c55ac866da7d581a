import pytest

from keras_siamese.metrics import (
    EmbeddingCollection,
    MAPAtK,
    MAPAtR,
    NDCGAtK,
    PrecisionAtK,
    RecallAtK,
    RPrecision,
)

METRICS = [
    RecallAtK(1),
    MAPAtR(),
    PrecisionAtK(1),
    RPrecision(),
    MAPAtK(1),
    NDCGAtK(1),
]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
class TestRankingMetric:
    def test_items_alone_in_their_class_are_no_queries(self, metric):
        # 1 is the nearest to both items of class 0, which alone are queries.
        collection = EmbeddingCollection()
        collection.add_items([0, 1, 0, 2], [[0.0], [1.0], [1.9], [9.0]])
        assert collection.evaluate([metric])[metric.name] == 0.0
        collection.add_items([2], [[9.5]])
        assert collection.evaluate([metric])[metric.name] == 0.5

    def test_no_query_is_left(self, metric):
        collection = EmbeddingCollection()
        collection.add_items([0, 1, 2], [[0.0], [1.0], [2.0]])
        with pytest.raises(
            ValueError, match=rf"`{metric.name}` needs a class .* 3 items, each alone"
        ):
            collection.evaluate([metric])

    def test_pairs_have_no_ranking(self, metric):
        collection = EmbeddingCollection()
        collection.add_pairs([0, 1], [0.0, 1.0])
        with pytest.raises(ValueError, match=rf"`{metric.name}` ranks labelled items"):
            collection.evaluate([metric])

    def test_one_class_is_perfect(self, metric):
        collection = EmbeddingCollection()
        collection.add_items([4, 4, 4], [[0.0], [1.0], [5.0]])
        assert collection.evaluate([metric])[metric.name] == 1.0


def test_average_over_classes():
    # Three queries of class 0 all find theirs, the two of class 1 do not.
    collection = EmbeddingCollection()
    collection.add_items([0, 0, 0, 1, 1, 2], [[0.0], [0.1], [0.2], [5.0], [9.0], [6.0]])
    figures = collection.evaluate([RecallAtK(1), RecallAtK(1, average="classes")])
    assert figures == {"recall_at_1": pytest.approx(3 / 5), "recall_at_1_by_class": 0.5}
    with pytest.raises(ValueError, match="Did you mean 'classes'"):
        RecallAtK(1, average="class")


def test_average_is_saved():
    metric = RPrecision(average="classes")
    assert RPrecision.from_config(metric.get_config()).average == "classes"
    assert metric.name == "r_precision_by_class"
