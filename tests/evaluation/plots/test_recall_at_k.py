"""plot_recall_at_k: the values of the metric, at the k that there are."""

import numpy as np
import pytest
from reference import whole_set

from keras_siamese import distances
from keras_siamese.evaluation.labelled_space import read_space
from keras_siamese.evaluation.plots.recall_at_k import plot_recall_at_k, recall_curve


def test_values_are_those_of_the_metric(style_name, digits, draw, texts_of):
    embeddings, labels, _ = digits
    figure = draw(plot_recall_at_k(embeddings, labels, ks=(5, 1, 2, 99), style=style_name))
    (line,) = figure.axes[0].lines
    assert line.get_xdata().tolist() == [1, 2, 5]
    matrix = whole_set.euclidean_distances(embeddings)
    ids = np.unique(labels, return_inverse=True)[1]
    expected = [whole_set.recall_at_k(matrix, ids, k) for k in (1, 2, 5)]
    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-6)
    assert f"{expected[0]:.1%}" in texts_of(figure)


def test_several_curves_have_marks_of_their_own(digits, draw):
    embeddings, labels, _ = digits
    curves = {"all": embeddings, "half of it, with a long name of the curve": embeddings[:, :3]}
    figure = draw(plot_recall_at_k(curves, labels, title="Title"))
    first, second = figure.axes[0].lines
    assert first.get_marker() != second.get_marker()
    assert len(figure.axes[0].get_legend().get_texts()) == 2


def test_a_gallery_holds_the_matches():
    euclidean = distances.get("euclidean")
    queries = read_space([[0.0], [9.0], [5.0]], ["a", "b", "none"])
    gallery = read_space([[1.0], [8.0], [2.0]], ["b", "b", "a"])
    # That at 0 finds its class second, that at 9 first; the third has nothing to find.
    assert recall_curve(queries, euclidean, gallery=gallery) == {1: 0.5, 2: 1.0}


def test_bad_input(digits):
    embeddings, labels, _ = digits
    with pytest.raises(ValueError, match="`ks` must hold one that is no larger"):
        plot_recall_at_k(embeddings, labels, ks=[40])
    with pytest.raises(ValueError, match="`ks`"):
        plot_recall_at_k(embeddings, labels, ks=[0])
    with pytest.raises(ValueError, match="empty"):
        plot_recall_at_k({}, labels)
    with pytest.raises(ValueError, match="class"):
        plot_recall_at_k([[0.0], [1.0]], [0, 1])
