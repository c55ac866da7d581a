import numpy as np
import pytest
from keras import ops

from keras_siamese.distances import Cosine, Euclidean, SignalToNoise
from keras_siamese.ops import nearest_classes as module
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.nearest_classes import nearest_of_both_kinds


@pytest.mark.parametrize("rows, columns", [(4, 7), (512, 4096)])
@pytest.mark.parametrize("distance", [Euclidean(), Cosine(), SignalToNoise()])
def test_against_the_whole_matrix(rng, monkeypatch, rows, columns, distance):
    monkeypatch.setattr(module, "_ROWS", rows)
    monkeypatch.setattr(module, "_COLUMNS", columns)
    labels = np.append(rng.integers(0, 8, 40), 99)
    embeddings = rng.normal(size=(41, 5)).astype(np.float32)
    embeddings[30] = embeddings[2]
    x = ops.convert_to_tensor(embeddings)
    matrix = np.array(ops.convert_to_numpy(distance.pairwise(x, x)))
    np.fill_diagonal(matrix, np.inf)
    same = labels[:, None] == labels
    found = nearest_of_both_kinds(LabelledSet(labels, embeddings, distance))
    for values, kind in zip(found, (same, ~same), strict=True):
        expected = np.where(kind, matrix, np.inf).min(axis=1)
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=2e-3)
    assert found[0][40] == np.inf


def test_by_hand():
    data = LabelledSet(
        np.array([1, 0, 1, 0]), np.array([[0.0], [1.0], [3.0], [5.0]], np.float32), Euclidean()
    )
    same, other = nearest_of_both_kinds(data)
    assert same.tolist() == [3, 4, 3, 4]
    assert other.tolist() == [1, 1, 2, 2]
