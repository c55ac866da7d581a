import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from reference import whole_set

from keras_siamese.evaluation import evaluate_embeddings
from keras_siamese.metrics import MeanPositiveDistance, RecallAtK


def test_default_metrics(rng):
    embeddings, labels = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    figures = evaluate_embeddings(embeddings, labels)
    assert list(figures) == ["recall_at_1", "recall_at_5", "map_at_r", "pair_auc", "distance_ratio"]
    assert all(type(value) is float for value in figures.values())
    matrix = whole_set.euclidean_distances(embeddings)
    assert figures["recall_at_5"] == pytest.approx(whole_set.recall_at_k(matrix, labels, 5))
    assert figures["map_at_r"] == pytest.approx(whole_set.map_at_r(matrix, labels))


def test_raw_pixels(rng):
    pixels = rng.integers(0, 256, (20, 6, 5, 1), dtype=np.uint8)
    labels = rng.integers(0, 3, (20, 1))
    (value,) = evaluate_embeddings(pixels, labels, metrics=[MeanPositiveDistance()]).values()
    matrix = whole_set.euclidean_distances(pixels.reshape(20, -1))
    positives, _ = whole_set.pair_distances(matrix, labels[:, 0])
    assert value == pytest.approx(np.mean(positives), rel=1e-6)


def test_tensors_and_lists_are_taken():
    figures = evaluate_embeddings(
        [[0.0], [1.0], [3.0], [9.0]], [0, 0, 1, 1], metrics=[RecallAtK(1)]
    )
    assert figures == {"recall_at_1": 0.75}
    assert figures == evaluate_embeddings(
        tf.constant([[0.0], [1.0], [3.0], [9.0]]), tf.constant([0, 0, 1, 1]), metrics=[RecallAtK(1)]
    )


def test_the_distance_is_used():
    # Same direction, other length: nearest by angle, farthest by place.
    embeddings, labels = [[1.0, 0.0], [9.0, 0.0], [1.5, 1.0]], [0, 0, 1]
    metrics = [RecallAtK(1)]
    assert evaluate_embeddings(embeddings, labels, metrics=metrics) == {"recall_at_1": 0.0}
    assert evaluate_embeddings(embeddings, labels, metrics=metrics, distance="cosine") == {
        "recall_at_1": 1.0
    }


def test_bad_input():
    with pytest.raises(ValueError, match="as many labels as items"):
        evaluate_embeddings([[0.0], [1.0]], [0])
    with pytest.raises(ValueError, match="empty"):
        evaluate_embeddings(np.zeros((0, 4)), [])
    with pytest.raises(ValueError, match="NaN"):
        evaluate_embeddings([[0.0], [np.nan]], [0, 0])
    with pytest.raises(ValueError, match=r"list of `EmbeddingMetric`s.*'recall_at_1'"):
        evaluate_embeddings([[0.0], [1.0]], [0, 0], metrics=["recall_at_1"])
    with pytest.raises(ValueError, match=r"must be `\(embeddings, labels\)`. Received: ndarray"):
        evaluate_embeddings([[0.0], [1.0]], [0, 0], gallery=np.zeros((2, 1)))
    with pytest.raises(ValueError, match="whole numbers"):
        evaluate_embeddings([[0.0], [1.0]], [0.5, 1.5])


def test_labels_may_be_names():
    names = ["cat", "cat", "dog", "dog"]
    figures = evaluate_embeddings([[0.0], [1.0], [3.0], [9.0]], names, metrics=[RecallAtK(1)])
    assert figures == {"recall_at_1": 0.75}


_PEAK_MEMORY = """
import resource
import numpy as np
from keras_siamese.evaluation import evaluate_embeddings

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

rng = np.random.default_rng(0)
embeddings = rng.normal(size=(10_000, 128)).astype("float32")
evaluate_embeddings(embeddings[:100], np.arange(100) % 3)
before = peak()
figures = evaluate_embeddings(embeddings, rng.integers(0, 10, 10_000))
assert abs(figures["pair_auc"] - 0.5) < 1e-3, figures
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_peak_memory_of_10_000_items():
    run = subprocess.run(
        [sys.executable, "-c", _PEAK_MEMORY], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 800  # MiB; about 500, of which 200 are the sorted distances


@pytest.mark.parametrize("seen_classes", [None, False])
def test_intervals_of_queries_to_a_gallery_are_those_of_their_figures(rng, seen_classes):
    labels = np.repeat([0, 1, 2], [40, 6, 4])
    embeddings = rng.normal(size=(50, 4)) + labels[:, None] * [1.0, 0, 0, 0]
    metrics = [RecallAtK(1), RecallAtK(1, average="classes")]
    report = evaluate_embeddings(
        embeddings[::2],
        labels[::2],
        gallery=(embeddings[1::2], labels[1::2]),
        metrics=metrics,
        seen_classes=seen_classes,
    )
    assert report["recall_at_1"] != report["recall_at_1_by_class"]
    for name, value in report.items():
        interval = report.intervals[name]
        assert interval.value == value and interval.low <= value <= interval.high
