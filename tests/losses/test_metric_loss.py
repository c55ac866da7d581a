"""What a loss on embeddings offers by default."""

import numpy as np
import pytest

from keras_siamese.losses import ContrastiveLoss, LossResult, MetricLoss


class SumLoss(MetricLoss):
    """The sum of all coordinates, and nothing else."""

    def on_batch(self, labels, embeddings, sample_weight=None, **kwargs):
        return LossResult(embeddings.sum(), 1.0, len(labels))


def test_the_least_that_a_loss_must_say():
    loss = SumLoss()
    assert loss.name == "sum_loss"
    assert loss([0, 1], np.ones((2, 3))) == 6
    assert loss.part_names == []
    assert loss.takes_two_sets
    assert loss.set_epoch(3) is False
    loss.check_margin(unit_norm=True)
    for method, inputs in (("pairs", 3), ("triplets", 3)):
        with pytest.raises(ValueError, match=f"SumLoss has no meaning on {method}"):
            getattr(loss, f"on_{method}")(*[None] * inputs)


def test_views_are_classes_of_two(rng):
    x1, x2 = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    weights = rng.uniform(size=5)
    loss = ContrastiveLoss(2.0)
    labels = np.tile(np.arange(5), 2)
    expected = float(loss(labels, np.concatenate([x1, x2]), np.tile(weights, 2)))
    assert float(loss.on_views(x1, x2, weights).value) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="one second view for each embedding"):
        loss.on_views(x1, x2[:4])
