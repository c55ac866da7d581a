import math

import numpy as np
import pytest
from keras import ops
from proxy_battery import ProxyBattery
from reference import proxy_losses

from keras_siamese.losses import ProxyNCALoss

POINTS = [[3.0, 4.0]] * 3


@pytest.mark.parametrize(
    ("denominator", "expected"),
    [
        # Squared distances 0.8, 0.4 and 3.2: exponentials 0.4493, 0.6703 and 0.0408, sum 1.1604.
        ("all", [0.9488, 0.5488, 3.3488]),
        # Sums 0.7111, 0.4901 and 1.1196: the second is negative.
        ("others", [0.4590, -0.3132, 3.3130]),
    ],
)
def test_golden(denominator, expected):
    loss = ProxyNCALoss(3, temperature=1.0, denominator=denominator, reduction="none")
    loss.build(2)
    loss.proxies.assign([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])
    assert ops.convert_to_numpy(loss([0, 1, 2], POINTS)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("denominator", "number"), [("all", 5), ("others", 4)])
def test_an_embedding_of_zeros(denominator, number):
    loss = ProxyNCALoss(5, denominator=denominator)
    assert ops.convert_to_numpy(loss([3, 4], np.zeros((2, 3)))) == pytest.approx(math.log(number))


def test_unknown_denominator():
    with pytest.raises(ValueError, match=r"Unknown `denominator`.*Did you mean 'others'"):
        ProxyNCALoss(3, denominator="other")


def test_temperature_that_is_none():
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        ProxyNCALoss(3, temperature=0)


class TestBattery(ProxyBattery):
    settings = {
        "plus_plus": ProxyNCALoss(12, seed=1),
        "2017": ProxyNCALoss(12, temperature=1.0, denominator="others", seed=2),
    }

    @staticmethod
    def item_loss(loss, x, label, proxies):
        return proxy_losses.proxy_nca(
            x, label, proxies, temperature=loss.temperature, denominator=loss.denominator
        )
