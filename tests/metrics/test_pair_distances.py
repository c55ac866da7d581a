import math

import pytest

from keras_siamese.metrics.pair_distances import (
    DistanceGap,
    DistanceRatio,
    DPrime,
    MeanNegativeDistance,
    MeanPositiveDistance,
)


def _value(metric, embeddings, labels):
    metric.update_state(labels, embeddings)
    return float(metric.result())


def test_by_hand():
    place, labels = [[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1]
    assert _value(MeanPositiveDistance(), place, labels) == 1.5  # 1, 2
    assert _value(MeanNegativeDistance(), place, labels) == 3.5  # 3, 5, 2, 4
    assert _value(DistanceRatio(), place, labels) == pytest.approx(3.5 / 1.5)
    assert _value(DistanceGap(), place, labels) == 2.0
    assert _value(DPrime(), place, labels) == pytest.approx(2 / math.sqrt((0.25 + 1.25) / 2))


def test_pairs_weigh_alike_whatever_their_class():
    # Three pairs at 1, 1 and 2 in one class, one at 8 in another.
    place = [[0.0], [1.0], [2.0], [10.0], [18.0]]
    assert _value(MeanPositiveDistance(), place, [0, 0, 0, 1, 1]) == 3.0


def test_a_mean_needs_its_own_kind_of_pairs_only():
    assert _value(MeanPositiveDistance(), [[0.0], [2.0]], [5, 5]) == 2.0
    assert _value(MeanNegativeDistance(), [[0.0], [2.0]], [5, 6]) == 2.0


@pytest.mark.parametrize("metric_class", [MeanPositiveDistance, DistanceRatio, DistanceGap, DPrime])
def test_no_pair_of_one_class(metric_class):
    with pytest.raises(ValueError, match="needs pairs of one class"):
        _value(metric_class(), [[0.0], [2.0]], [5, 6])


@pytest.mark.parametrize("metric_class", [MeanNegativeDistance, DistanceRatio, DistanceGap, DPrime])
def test_no_pair_of_two_classes(metric_class):
    with pytest.raises(ValueError, match="needs pairs of two classes"):
        _value(metric_class(), [[0.0], [2.0]], [5, 5])


def test_ratio_at_zero():
    assert _value(DistanceRatio(), [[1.0]] * 4, [0, 0, 1, 1]) == 1.0
    assert _value(DistanceRatio(), [[1.0], [1.0], [2.0]], [0, 0, 1]) == math.inf


def test_ratio_of_negative_distances():
    with pytest.raises(ValueError, match=r"never negative.*-2 "):
        _value(DistanceRatio(distance="inner_product"), [[1.0], [2.0], [3.0]], [0, 0, 1])


def test_gap_of_negative_distances_and_collapse():
    # -x.y: -2 within, -3 and -6 between.
    embeddings, labels = [[1.0], [2.0], [3.0]], [0, 0, 1]
    assert _value(DistanceGap(distance="inner_product"), embeddings, labels) == -2.5
    assert _value(DistanceGap(), [[1.0]] * 4, [0, 0, 1, 1]) == 0.0


def test_separation_without_spread():
    assert _value(DPrime(), [[1.0]] * 4, [0, 0, 1, 1]) == 0.0
    assert _value(DPrime(), [[1.0], [1.0], [2.0]], [0, 0, 1]) == math.inf


def test_separation_does_not_depend_on_scale():
    place, labels = [[0.0], [1.0], [3.0], [5.0]], [0, 0, 1, 1]
    scaled = [[1e-3 * x + 7] for (x,) in place]
    assert _value(DPrime(), scaled, labels) == pytest.approx(2.3094, rel=1e-3)
