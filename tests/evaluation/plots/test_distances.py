"""plot_distances: histograms that hold all pairs, and the shares beyond a threshold."""

import numpy as np
import pytest

from keras_siamese.evaluation.plots.distances import plot_distances


def heights(figure, panel=0):
    """Heights of the bars of pairs of one class, and of two."""
    stairs = [patch for patch in figure.axes[panel].patches if patch.get_fill()]
    return [patch.get_data().values for patch in stairs]


def test_each_histogram_holds_all_of_its_pairs(style_name, digits, draw):
    embeddings, labels, _ = digits
    figure = draw(plot_distances(embeddings, labels, num_bins=17, style=style_name, title="Title"))
    for bars in heights(figure):
        assert len(bars) == 17 and bars.sum() == pytest.approx(1.0)


def test_bars_and_shares_by_hand(draw, texts_of):
    # Four bars, from 0 to 4: a value on an edge is in the bar below it.
    values, same = [0.0, 1.0, 2.5, 3.5, 4.0], [1, 1, 1, 0, 0]
    figure = draw(plot_distances(values, same, num_bins=4, threshold=2.0))
    one, two = heights(figure)
    np.testing.assert_allclose(one, [2 / 3, 0, 1 / 3, 0])
    np.testing.assert_allclose(two, [0, 0, 0, 1])
    assert "misses 33.33%, takes 0.00% wrongly" in texts_of(figure)
    assert "pairs of one class: 3" in texts_of(figure)


def test_bars_go_to_the_limits_and_as_far_as_the_pairs():
    values, same = [1.0, 2.5, 3.5], [1, 1, 0]
    one, two = heights(plot_distances(values, same, num_bins=4, limits=(0, 4)))
    np.testing.assert_allclose([one, two], [[0.5, 0, 0.5, 0], [0, 0, 0, 1]])
    one, two = heights(plot_distances(values, same, num_bins=5, limits=(1.5, 2)))
    np.testing.assert_allclose([one, two], [[0.5, 0, 0.5, 0, 0], [0, 0, 0, 0, 1]])
    collapsed = plot_distances([0.0] * 3, same, num_bins=4, limits=(0, 2))
    np.testing.assert_allclose(heights(collapsed), [[1, 0, 0, 0]] * 2)


def test_several_panels_and_a_collapse(digits, draw):
    embeddings, labels, _ = digits
    figure = draw(plot_distances({"real": embeddings, "collapsed": np.ones((40, 2))}, labels))
    assert [axes.get_title() for axes in figure.axes] == ["real", "collapsed"]
    assert max(heights(figure, 1)[0]) == pytest.approx(1.0)


def test_bad_input(digits):
    embeddings, labels, _ = digits
    with pytest.raises(ValueError, match="`num_bins`"):
        plot_distances(embeddings, labels, num_bins=0)
    with pytest.raises(ValueError, match="780 of one and 0 of two"):
        plot_distances(embeddings, ["one"] * 40)
