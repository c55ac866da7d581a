"""plot_roc: the curve, its area and operating points, on both scales."""

import numpy as np
import pytest

from keras_siamese.evaluation.plots.roc import plot_roc


def curve(figure, line=0):
    return figure.axes[0].lines[line].get_xydata()


def test_the_curve_by_hand(draw, texts_of):
    # In order of distance: match, mismatch, match, mismatch. AUC: 3 of 4 pairs of them in order.
    figure = draw(plot_roc([0.1, 0.2, 0.3, 0.4], [1, 0, 1, 0], false_match_rates=(0.5,)))
    assert curve(figure).tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    texts = texts_of(figure)
    assert "AUC 0.7500, EER 50.00%" in texts
    assert "100.0% at 50%" in texts


@pytest.mark.parametrize("log_scale", [False, True])
def test_on_both_scales(log_scale, style_name, digits, draw, texts_of):
    embeddings, labels, _ = digits
    figure = plot_roc(embeddings, labels, log_scale=log_scale, style=style_name, title="Title")
    draw(figure)
    assert figure.axes[0].get_xscale() == ("log" if log_scale else "linear")
    # 600 pairs of two classes cannot tell 0.1 % from 0.
    assert "at 10%" in texts_of(figure) and "at 1%" in texts_of(figure)
    assert "at 0.1%" not in texts_of(figure)


def test_many_curves_are_named_below(digits, draw, texts_of):
    embeddings, labels, _ = digits
    curves = {f"model {i}, with a long name": embeddings[:, : i + 1] for i in range(6)}
    figure = draw(plot_roc(curves, labels))
    assert texts_of(figure).count("AUC") == 6
    assert len({line.get_color() for line in figure.axes[0].lines[:18]}) == 6


def test_ties_and_collapse(draw, texts_of):
    figure = draw(plot_roc(np.ones((6, 2)), [0, 0, 0, 1, 1, 1]))
    assert curve(figure).tolist() == [[0, 0], [1, 1]]
    assert "AUC 0.5000, EER 50.00%" in texts_of(figure)


def test_long_curves_are_thinned(rng, draw):
    same = rng.integers(0, 2, 30_000)
    figure = draw(plot_roc(rng.normal(size=30_000) - 1.5 * same, same))
    points = curve(figure)
    assert len(points) <= 2100 and np.diff(points, axis=0).max() < 3e-3
    assert points[0].tolist() == [0, 0] and points[-1].tolist() == [1, 1]


def test_bad_input(digits):
    embeddings, labels, _ = digits
    with pytest.raises(ValueError, match="`false_match_rates`"):
        plot_roc(embeddings, labels, false_match_rates=[1.0])
    with pytest.raises(ValueError, match="0 of one and 1 of two"):
        plot_roc([[0.0], [1.0]], [0, 1])
