import keras
import numpy as np
import pytest
from loss_harness import BACKEND, tensor
from reference import whole_set

from keras_siamese import distances
from keras_siamese.metrics import (
    DistanceRatio,
    EmbeddingCollection,
    MAPAtR,
    MeanNegativeDistance,
    MeanPositiveDistance,
    PairAUC,
    RecallAtK,
)
from keras_siamese.ops.tiles import DistanceTiles


def _all_metrics():
    return [
        RecallAtK(1),
        RecallAtK(5),
        MAPAtR(),
        PairAUC(),
        MeanPositiveDistance(),
        MeanNegativeDistance(),
        DistanceRatio(),
    ]


def _evaluate(embeddings, labels, **arguments):
    collection = EmbeddingCollection()
    collection.add_items(labels, embeddings)
    return collection.evaluate(_all_metrics(), **arguments)


def _expected(embeddings, labels):
    matrix = whole_set.euclidean_distances(embeddings)
    positives, negatives = whole_set.pair_distances(matrix, labels)
    positive, negative = np.mean(positives), np.mean(negatives)
    return {
        "recall_at_1": whole_set.recall_at_k(matrix, labels, 1),
        "recall_at_5": whole_set.recall_at_k(matrix, labels, 5),
        "map_at_r": whole_set.map_at_r(matrix, labels),
        "pair_auc": whole_set.pair_auc(matrix, labels),
        "mean_positive_distance": positive,
        "mean_negative_distance": negative,
        "distance_ratio": negative / positive if positive else 1.0,
    }


def test_all_metrics_in_one_pass_against_the_reference(labelled_set):
    embeddings, labels = labelled_set
    assert _evaluate(embeddings, labels) == pytest.approx(_expected(embeddings, labels), rel=1e-5)


def test_streamed_in_ragged_batches_equals_at_once(labelled_set):
    embeddings, labels = labelled_set
    collection = EmbeddingCollection()
    for part in np.split(np.arange(len(labels)), [1, 1, 8, 20]):
        collection.add_items(labels[part][:, None], embeddings[part])
    assert collection.evaluate(_all_metrics()) == _evaluate(embeddings, labels)


def test_order_and_names_of_the_classes_do_not_matter(labelled_set, rng):
    embeddings, labels = labelled_set
    order = rng.permutation(len(labels))
    renamed = rng.permutation(1000)[labels]
    changed = _evaluate(embeddings[order], renamed[order])
    assert changed == pytest.approx(_evaluate(embeddings, labels), rel=1e-6)


def test_collapse_scores_as_guessing_does():
    # Each of 20 items has 9 others of its class among 19; normalised, so that rounding has a say.
    labels = np.repeat([0, 1], 10)
    point = np.random.default_rng(3).normal(size=64)
    figures = _evaluate(np.tile(point / np.linalg.norm(point), (20, 1)).astype("float32"), labels)
    assert figures["recall_at_1"] == pytest.approx(9 / 19)
    assert figures["pair_auc"] == 0.5
    assert figures["distance_ratio"] == 1.0
    # P(i) rel(i) is 9/19 * (1 + (i - 1) * 8/18) / i on average.
    expected = np.mean([9 / 19 * (1 + (i - 1) * 8 / 18) / i for i in range(1, 10)])
    assert figures["map_at_r"] == pytest.approx(expected)


def test_large_labels_stay_apart():
    collection = EmbeddingCollection()
    collection.add_items(
        np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1]), [[0.0], [0.1], [1.0], [1.1]]
    )
    assert collection.evaluate([RecallAtK(1)]) == {"recall_at_1": 0.0}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "uint8", "int32"])
def test_dtypes(rng, dtype):
    whole_numbers = rng.integers(0, 9, (30, 3))
    labels = rng.integers(0, 4, 30).astype("uint8")
    figures = _evaluate(keras.ops.cast(whole_numbers, dtype), labels)
    assert figures == pytest.approx(_expected(whole_numbers, labels), rel=1e-5)


def test_float64_ties_are_those_of_float64():
    collection = EmbeddingCollection()
    collection.add_items([0, 0, 1], np.array([[0.0], [1.0 + 1e-12], [1.0]]) - 0.5)
    # From 0 the negative at 1 is nearer than the positive, from 1 + 1e-12 it is so by far.
    assert collection.evaluate([RecallAtK(1, distance="manhattan")]) == {"recall_at_1": 0.0}


@pytest.mark.parametrize("name", ["cosine", "squared_euclidean", "manhattan", "inner_product"])
def test_the_distance_is_used(rng, name):
    # Powers of two keep every distance exact, the normalised ones apart.
    embeddings, labels = rng.normal(size=(30, 3)), rng.integers(0, 3, 30)
    matrix = np.array(
        [
            [
                float(distances.get(name).paired(tensor(a[None]), tensor(b[None]))[0])
                for b in embeddings
            ]
            for a in embeddings
        ]
    )
    collection = EmbeddingCollection()
    collection.add_items(labels, embeddings)
    figures = collection.evaluate([RecallAtK(1), MAPAtR(), PairAUC()], name)
    assert figures == pytest.approx(
        {
            "recall_at_1": whole_set.recall_at_k(matrix, labels, 1),
            "map_at_r": whole_set.map_at_r(matrix, labels),
            "pair_auc": whole_set.pair_auc(matrix, labels),
        }
    )


def test_a_metric_may_have_a_distance_of_its_own(rng):
    embeddings, labels = rng.normal(size=(20, 3)), rng.integers(0, 3, 20)
    collection = EmbeddingCollection()
    collection.add_items(labels, embeddings)
    own = MeanPositiveDistance(distance="manhattan", name="manhattan")
    figures = collection.evaluate([own, MeanPositiveDistance()], "cosine")
    assert list(figures) == ["manhattan", "mean_positive_distance"]
    alone = collection.evaluate([MeanPositiveDistance()], "manhattan")
    assert figures["manhattan"] == alone["mean_positive_distance"]
    alone = collection.evaluate([MeanPositiveDistance()], "cosine")
    assert figures["mean_positive_distance"] == alone["mean_positive_distance"]


def test_one_pass_for_all_metrics_of_a_kind_and_a_distance(rng, monkeypatch):
    made = []
    original = DistanceTiles.__init__

    def count(self, *args, **kwargs):
        made.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(DistanceTiles, "__init__", count)
    _evaluate(rng.normal(size=(20, 3)), rng.integers(0, 3, 20))
    assert len(made) == 2  # rankings and pairs


def test_given_pairs(rng):
    same, distance = rng.integers(0, 2, 50), rng.integers(0, 9, 50).astype("float32")
    collection = EmbeddingCollection()
    for part in np.split(np.arange(50), [0, 13, 14]):
        collection.add_pairs(same[part][:, None], distance[part])
    positives, negatives = distance[same == 1], distance[same == 0]
    wins = [(p < n) + 0.5 * (p == n) for p in positives for n in negatives]
    assert collection.evaluate(_all_metrics()[3:]) == pytest.approx(
        {
            "pair_auc": np.mean(wins),
            "mean_positive_distance": positives.mean(),
            "mean_negative_distance": negatives.mean(),
            "distance_ratio": negatives.mean() / positives.mean(),
        }
    )


def test_given_pairs_keep_their_distance():
    collection = EmbeddingCollection()
    collection.add_pairs([1, 0], [0.5, 1.0])
    assert collection.evaluate([PairAUC(distance="cosine")], "cosine") == {"pair_auc": 1.0}
    with pytest.raises(ValueError, match=r"asks for Cosine.*by Euclidean"):
        collection.evaluate([PairAUC(distance="cosine")], "euclidean")


def test_emptiness():
    collection = EmbeddingCollection()
    assert collection.is_empty
    collection.add_items(np.zeros(0, int), np.zeros((0, 3)))
    assert collection.is_empty
    with pytest.raises(ValueError, match="nothing to evaluate"):
        collection.evaluate([PairAUC()])
    collection.add_items([1], [[1.0, 2.0, 3.0]])
    assert not collection.is_empty
    collection.clear()
    assert collection.is_empty
    collection.add_pairs([1], [0.5])
    assert not collection.is_empty
    assert EmbeddingCollection().is_empty


def test_no_metrics():
    collection = EmbeddingCollection()
    collection.add_items([1, 1], [[1.0], [2.0]])
    assert collection.evaluate([]) == {}


@pytest.mark.parametrize(
    ("labels", "embeddings", "message"),
    [
        (["a", "b"], [[0.0], [1.0]], "encode_labels"),
        ([0.0, 1.0], [[0.0], [1.0]], "integer class ids"),
        ([[0, 1], [1, 0]], [[0.0], [1.0]], "one-hot"),
        ([0, 1, 1], [[0.0], [1.0]], "3 of them and 2 embeddings"),
        ([0, 1], [[[0.0]], [[1.0]]], r"\(batch_size, embedding_dim\)"),
        ([0, 1, 1], [[0.0], [np.nan], [np.inf]], "2 of 3 rows.*learning rate"),
    ],
)
def test_bad_items(labels, embeddings, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingCollection().add_items(labels, np.array(embeddings))


def test_embeddings_of_two_sizes():
    collection = EmbeddingCollection()
    collection.add_items([0], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="Received: 3 after 2"):
        collection.add_items([0], [[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("same", "distance", "message"),
    [
        ([1, -1], [0.5, 0.5], r"1 for a match.*\[-1, 1\]"),
        ([1, 0, 0], [0.5, 0.5], "3 and 2"),
        ([1, 0], [0.5, np.nan], "1 of 2 rows"),
    ],
)
def test_bad_pairs(same, distance, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingCollection().add_pairs(same, distance)


def test_metrics_must_have_different_names():
    collection = EmbeddingCollection()
    collection.add_items([0, 0], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="share a name"):
        collection.evaluate([RecallAtK(1), RecallAtK(1, distance="cosine")])


def test_items_and_pairs_do_not_mix():
    collection = EmbeddingCollection()
    collection.add_items([0, 0], [[1.0], [2.0]])
    collection.add_pairs([1], [0.5])
    with pytest.raises(ValueError, match="Both labelled items and pairs"):
        collection.evaluate([MeanPositiveDistance()])


@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean", "manhattan"])
def test_large_common_offset_costs_no_digits(rng, distance):
    labels = rng.integers(0, 20, 200)
    # Whole numbers: adding the offset loses nothing by itself.
    embeddings = rng.integers(-8, 9, size=(200, 16)).astype("float32")
    figures = []
    for offset in (0, 5000):
        collection = EmbeddingCollection()
        collection.add_items(labels, embeddings + offset)
        figures.append(
            collection.evaluate([RecallAtK(1), MeanPositiveDistance(), PairAUC()], distance)
        )
    for name, value in figures[0].items():
        assert figures[1][name] == pytest.approx(value, rel=1e-4, abs=2e-3)


def _learned(weights):
    distance = distances.Mahalanobis()
    distance.build(2)
    distance.trainable_variables[0].assign(np.diag(weights))
    return distance


def test_distances_that_learned_differently_are_two():
    first, second = _learned([1.0, 0.0]), _learned([0.0, 1.0])
    collection = EmbeddingCollection()
    collection.add_items([0, 0], [[0.0, 0.0], [3.0, 4.0]])
    metrics = [MeanPositiveDistance(first, "first"), MeanPositiveDistance(second, "second")]
    assert collection.evaluate(metrics) == {"first": 3.0, "second": 4.0}
    # One that has learned nothing stands for the default one of its kind.
    unlearned = MeanPositiveDistance("mahalanobis", "unlearned")
    assert collection.evaluate([unlearned], second) == {"unlearned": 4.0}


def test_given_pairs_keep_what_their_distance_learned():
    collection = EmbeddingCollection()
    collection.add_pairs([1], [0.5])
    with pytest.raises(ValueError, match="these pairs came with their distances"):
        collection.evaluate([MeanPositiveDistance(_learned([1.0, 0.0]))], _learned([0.0, 1.0]))


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch has no uint64")
def test_integer_types_that_only_floats_hold_both():
    collection = EmbeddingCollection()
    collection.add_items(np.array([0, 1], np.int64), [[1.0], [2.0]])
    collection.add_items(np.array([1, 0], np.int32), [[1.0], [2.0]])
    with pytest.raises(ValueError, match="Received: uint64 after int64"):
        collection.add_items(np.array([0, 1], np.uint64), [[1.0], [2.0]])
