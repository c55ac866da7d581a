import numpy as np
import pytest
from keras import ops
from loss_battery import LossBattery
from reference import ranking_losses

from keras_siamese.losses import FastAPLoss


def test_golden():
    # Squared distances from the anchor (0 degrees): positives at 60 and 90 degrees: 1 and 2,
    # negative at 120: 3. Centres 0, 2, 4: the first is half in the bins 0 and 2, the second all in
    # bin 2, the negative half in 2 and 4. h+ = 0.5, 1.5, 0; H+ = 0.5, 2, 2; H = 0.5, 2.5, 3:
    # (0.5 * 1 + 1.5 * 2 / 2.5) / 2 = 0.85.
    angles = np.radians([0, 60, 90, 120])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    loss = FastAPLoss(num_bins=2, reduction="none")
    value = ops.convert_to_numpy(loss(np.array([0, 0, 0, 1]), x))
    assert value[0] == pytest.approx(0.15, abs=1e-9)
    assert value[3] == 0


def test_right_rankings_cost_nothing():
    labels = np.arange(12) % 3
    assert float(FastAPLoss()(labels, np.eye(3)[labels])) == pytest.approx(0.0, abs=1e-9)


def test_one_class_is_always_right(rng):
    value = FastAPLoss()(np.zeros(9, "int32"), rng.normal(size=(9, 3)))
    assert float(value) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("num_bins", [0, -3, 2.5, None, True])
def test_numbers_of_bins_that_are_none(num_bins):
    with pytest.raises(ValueError, match="`num_bins` must be an integer of at least 1"):
        FastAPLoss(num_bins)


def test_single_pairs_have_no_ranking(rng):
    x = rng.normal(size=(2, 3))
    with pytest.raises(ValueError, match="FastAPLoss has no meaning on pairs"):
        FastAPLoss().on_pairs(x, x, [0, 1])


class TestBattery(LossBattery):
    settings = {"default": FastAPLoss(), "three": FastAPLoss(3, reduction="sum")}
    # All in one bin, 3 positives of 11.
    constant_when_collapsed = {"default": 8 / 11, "three": 12 * 8 / 11}
    scale_invariant = True
    reference = staticmethod(ranking_losses.fast_ap)
