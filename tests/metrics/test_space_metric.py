import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.metrics.space_metric import SpaceMetric
from keras_siamese.ops.given_pairs import GivenPairs
from keras_siamese.ops.labelled_set import LabelledSet


class _Sum(SpaceMetric):
    default_name = "sum"
    _direction = "up"

    def of_space(self, space):
        self.seen = space
        return space.embeddings.sum() * space.class_ids.sum()


def test_metrics_share_a_space():
    data = LabelledSet(np.array([3, 4]), np.ones((2, 3)), distances.get("cosine"))
    metrics = [_Sum(), _Sum(name="again")]
    assert SpaceMetric.evaluate_together(metrics, data) == [6.0, 6.0]
    assert metrics[0].seen is metrics[1].seen
    assert metrics[0].seen.distance is data.distance


def test_pairs_have_no_space():
    pairs = GivenPairs(np.array([1, 0]), np.array([0.5, 1.5]))
    with pytest.raises(ValueError, match=r"`sum` looks at the embeddings.*labelled data"):
        SpaceMetric.evaluate_together([_Sum()], pairs)


def test_a_subclass_defines_the_figure():
    with pytest.raises(NotImplementedError):
        SpaceMetric(name="none").of_space(None)
