import numpy as np
import pytest
from keras import ops
from loss_harness import MODES, differentiate

from keras_siamese.losses import BarlowTwinsLoss, SimSiamLoss, VICRegLoss, ViewLoss


def _float(value):
    return float(ops.convert_to_numpy(value))


LOSSES = [BarlowTwinsLoss(), VICRegLoss(), SimSiamLoss()]


class GapLoss(ViewLoss):
    """The mean absolute difference of each item's views."""

    def view_losses(self, x1, x2, training):
        return ops.mean(ops.abs(x1 - x2), axis=1)


@pytest.fixture(params=LOSSES, ids=lambda loss: loss.name)
def loss(request):
    return request.param


@pytest.fixture
def x(rng):
    return rng.normal(size=(6, 3))


def test_a_new_loss_is_one_method():
    loss = GapLoss(name="gap")
    x1, x2 = np.array([[0.0, 0], [0, 0]]), np.array([[1.0, 3], [0, 2]])
    result = loss.on_views(x1, x2)
    # (2 + 1) / 2
    assert _float(result.value) == 1.5
    assert int(result.num_tuples) == 2
    assert _float(result.active_fraction) == 1
    assert _float(loss(x1, x2, [3, 0])) == 3
    assert loss.get_config()["name"] == "gap"


def test_the_rest_is_refused(loss, x):
    labels = np.arange(6)
    for kind, call in {
        "labelled batches": lambda: loss.on_batch(labels, x),
        "pairs": lambda: loss.on_pairs(x, x, labels),
        "triplets": lambda: loss.on_triplets(x, x, x),
    }.items():
        with pytest.raises(ValueError, match=rf"has no meaning on {kind}.*two_views"):
            call()
    with pytest.raises(TypeError, match="reduction"):
        type(loss)(reduction="sum")


def test_weights(loss, x):
    if isinstance(loss, SimSiamLoss):
        whole = _float(loss(x, x + 1))
        assert _float(loss(x, x + 1, np.full(6, 2.0))) == pytest.approx(2 * whole, rel=1e-6)
        with pytest.raises(ValueError, match=r"one weight for each embedding. Received: 5"):
            loss(x, x + 1, np.ones(5))
    else:
        with pytest.raises(ValueError, match=f"{type(loss).__name__} takes no weights"):
            loss(x, x + 1, np.ones(6))


def test_shapes(loss, x):
    with pytest.raises(ValueError, match=r"one second view for each embedding. Received: 5"):
        loss(x, x[:5])
    with pytest.raises(ValueError, match="must have shape"):
        loss(x[..., None], x)


@pytest.mark.parametrize("mode", MODES)
def test_not_finite(loss, x, mode):
    run = differentiate(lambda x1, x2: loss(x1, x2), mode)
    good = x.astype("float32")
    for number in (np.nan, np.inf, 1e25):
        bad = np.where(np.arange(3) == 1, np.float32(number), good)
        for views in ((bad, good), (good, bad), (bad, bad)):
            if mode == "eager":
                with pytest.raises(ValueError, match="embeddings are not finite"):
                    loss(*views)
            else:
                assert np.isnan(run(*views)[0])
