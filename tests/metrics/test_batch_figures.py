import keras
import numpy as np
import pytest
from loss_harness import tensor

from keras_siamese import distances
from keras_siamese.metrics import BatchFigures
from keras_siamese.metrics.batch_figures import labelled_figures, pair_figures
from keras_siamese.relations import SameClass, SharedLabel

EUCLIDEAN = distances.get("euclidean")


def test_labelled_batch():
    # Points 0, 1 of class 0 and 3, 5 of class 1, moved by (1, 0) so that spread is not trivial.
    x = tensor(np.array([[0.0, 1], [1, 1], [3, 1], [5, 1]], "float32"))
    figures = labelled_figures(tensor([0, 0, 1, 1]), x, EUCLIDEAN, SameClass())
    # Pairs from both ends: 1 and 2 within classes; 3, 5, 2, 4 between them.
    assert float(figures["batch_positive_distance"][0]) == pytest.approx(1.5)
    assert float(figures["batch_negative_distance"][0]) == pytest.approx(3.5)
    # The nearest of 3 are 1 and 5, equally near: half a hit.
    assert float(figures["batch_recall_at_1"][0]) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    # Mean 2.25: variance (5.0625 + 1.5625 + .5625 + 7.5625) / 4; squares (1 + 2 + 10 + 26) / 4.
    assert float(figures["batch_spread"][0]) == pytest.approx((14.75 / 39) ** 0.5, rel=1e-5)


def test_collapsed_batch_recalls_as_guessing_does():
    x, labels = tensor(np.ones((16, 3), "float32")), tensor(np.arange(16) % 4)
    figures = labelled_figures(labels, x, EUCLIDEAN, SameClass())
    assert float(figures["batch_recall_at_1"][0]) == pytest.approx(3 / 15)
    assert float(figures["batch_spread"][0]) == 0


def test_items_without_a_label_are_no_negatives_of_themselves():
    labels = tensor([[1, 0], [1, 1], [0, 0]])
    x = tensor(np.array([[0.0], [1.0], [3.0]], "float32"))
    figures = labelled_figures(labels, x, EUCLIDEAN, SharedLabel())
    # 1 between the first two; 3 and 2 from the third.
    assert float(figures["batch_positive_distance"][0]) == pytest.approx(1)
    assert float(figures["batch_negative_distance"][0]) == pytest.approx(2.5)
    # Of the two that have a match, each finds it.
    assert float(figures["batch_recall_at_1"][0]) == 1


def test_pairs():
    x = tensor(np.array([[0.0], [2.0]], "float32"))
    figures = pair_figures(tensor([True, False, False]), tensor([1.0, 2.0, 4.0]), x)
    assert float(figures["batch_positive_distance"][0]) == 1
    assert float(figures["batch_negative_distance"][0]) == 3
    assert "batch_recall_at_1" not in figures


def test_means_over_batches_skip_what_is_undefined():
    metric = BatchFigures()
    metric.update_state({"batch_spread": (0.5, 1.0), "batch_positive_distance": (np.nan, 0.0)})
    metric.update_state({"batch_spread": (0.7, 1.0), "batch_positive_distance": (3.0, 1.0)})
    result = metric.result()
    assert float(result["batch_spread"]) == pytest.approx(0.6)
    assert float(result["batch_positive_distance"]) == 3
    assert np.isnan(float(result["batch_recall_at_1"]))
    metric.reset_state()
    assert np.isnan(float(metric.result()["batch_spread"]))


def test_round_trip():
    config = keras.saving.serialize_keras_object(BatchFigures())
    assert keras.saving.deserialize_keras_object(config).name == "batch_figures"
