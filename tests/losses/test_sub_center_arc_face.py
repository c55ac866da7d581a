import math

import numpy as np
import pytest
from keras import ops
from proxy_battery import PROXY_LABELS, ProxyBattery
from reference import proxy_losses

from keras_siamese.losses import ArcFaceLoss, SubCenterArcFaceLoss


def _at(*degrees):
    return [[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees]


def test_golden():
    loss = SubCenterArcFaceLoss(2, centers_per_class=2, margin=math.pi / 6, scale=2.0)
    loss.build(2)
    # Class 0 has centers at 180 and 0 degrees, class 1 at -90 and 90. At 30 degrees the nearest
    # ones are 30 and 60 degrees away: logits 2 cos(30 + 30) = 1 and 2 cos 60 = 1.
    loss.proxies.assign(_at(180, -90, 0, 90))
    assert float(loss([0], _at(30))) == pytest.approx(math.log(2), rel=1e-6)


def test_one_center_is_arc_face(rng):
    labels, x = PROXY_LABELS["ragged"], rng.normal(size=(12, 4))
    ours, plain = SubCenterArcFaceLoss(12, centers_per_class=1, seed=1), ArcFaceLoss(12, seed=1)
    assert float(ours(labels, x)) == pytest.approx(float(plain(labels, x)), rel=1e-9)


class TestOutliers:
    def test_golden(self):
        loss = SubCenterArcFaceLoss(2, centers_per_class=2)
        loss.build(2)
        loss.proxies.assign(_at(0, 90, 120, 270))
        # Class 0: most are nearest to 0 degrees; 74 is within 75 degrees, 76 is not, 120 is at the
        # lesser center. Class 1: all but one are at 270.
        x = _at(0, 10, 5, -5, 74, -76, 120, 270, 260, 280, 90)
        labels = np.array([0] * 7 + [1] * 4)
        assert loss.find_outliers(labels, x).tolist() == [5, 6, 10]
        assert loss.find_outliers(labels[:, None], x, 100).tolist() == [6, 10]
        assert loss.find_outliers(labels, x, threshold_degrees=73).tolist() == [4, 5, 6, 10]

    def test_against_loops(self, rng):
        loss = SubCenterArcFaceLoss(7, centers_per_class=3, seed=1)
        loss.build(4)
        labels, x = rng.integers(0, 7, 60), rng.normal(size=(60, 4)).astype("float32")
        proxies = ops.convert_to_numpy(loss.proxies).astype("float64")
        for threshold in (60, 90):
            expected = proxy_losses.outliers(
                labels, x, proxies, num_classes=7, threshold_degrees=threshold
            )
            assert loss.find_outliers(labels, x, threshold).tolist() == expected

    def test_before_training(self):
        with pytest.raises(ValueError, match=r"no centers yet.*model\.loss\.find_outliers"):
            SubCenterArcFaceLoss(2).find_outliers([0], [[1.0, 0.0]])

    def test_labels_out_of_range(self):
        loss = SubCenterArcFaceLoss(2)
        loss.build(2)
        with pytest.raises(ValueError, match=r"Labels must be 0 to 1.*Received: \[2\]"):
            loss.find_outliers([0, 2], _at(0, 1))


@pytest.mark.parametrize("number", [0, 1.5, True])
def test_centers_that_cannot_be_counted(number):
    with pytest.raises(ValueError, match="`centers_per_class` must be an integer of at least 1"):
        SubCenterArcFaceLoss(2, centers_per_class=number)


class TestBattery(ProxyBattery):
    settings = {
        "default": SubCenterArcFaceLoss(12, seed=1),
        "mild": SubCenterArcFaceLoss(12, centers_per_class=2, margin=0.3, scale=4.0, seed=2),
    }

    @staticmethod
    def item_loss(loss, x, label, proxies):
        return proxy_losses.sub_center_arc_face(
            x, label, proxies, num_classes=12, margin=loss.margin, scale=loss.scale
        )
