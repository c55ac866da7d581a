import keras
import numpy as np
import pytest
from reference import geometry as reference

from keras_siamese.metrics import EmbeddingCollection
from keras_siamese.metrics.geometry import (
    Alignment,
    EffectiveRank,
    PerDimensionSpread,
    Uniformity,
)


def _values(metrics, embeddings, labels):
    collection = EmbeddingCollection()
    collection.add_items(np.asarray(labels), np.asarray(embeddings, "float32"))
    return list(collection.evaluate(metrics).values())


def _all():
    return [
        Alignment(),
        Uniformity(),
        EffectiveRank(),
        PerDimensionSpread(),
        PerDimensionSpread("min"),
    ]


def test_equal_loops(rng):
    embeddings, labels = rng.normal(size=(30, 4)).astype("float32") + 1, rng.integers(3, 9, 30)
    spread = reference.spread(embeddings)
    expected = [
        reference.alignment(embeddings, labels),
        reference.uniformity(embeddings),
        reference.effective_rank(embeddings),
        spread.mean(),
        spread.min(),
    ]
    np.testing.assert_allclose(_values(_all(), embeddings, labels), expected, rtol=1e-5)


def test_names_and_directions():
    assert [metric.name for metric in _all()] == [
        "alignment",
        "uniformity",
        "effective_rank",
        "per_dimension_spread",
        "min_per_dimension_spread",
    ]
    assert [metric._direction for metric in _all()] == ["down", "down", "up", "up", "up"]


def test_norms_do_not_count_on_the_sphere():
    embeddings = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 0]])
    scaled = embeddings * [[1.0], [20.0], [3.0], [0.1]]
    metrics = [Alignment(), Uniformity()]
    unscaled = _values(metrics, embeddings, [0, 0, 1, 1])
    np.testing.assert_allclose(_values(metrics, scaled, [0, 0, 1, 1]), unscaled, rtol=1e-6)


def test_round_trip():
    for metric in [*_all(), Alignment(name="other")]:
        copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert type(copy) is type(metric)
        assert copy.get_config() == metric.get_config()


def test_undefined():
    with pytest.raises(ValueError, match="no positive exists"):
        _values([Alignment()], np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match=r"`uniformity`.*at least 2 items"):
        _values([Uniformity()], [[1.0, 2.0]], [0])
    assert _values([EffectiveRank(), PerDimensionSpread()], [[1.0, 2.0]], [0]) == [1.0, 0.0]


@pytest.mark.parametrize("make", [Alignment, Uniformity, EffectiveRank, PerDimensionSpread])
def test_no_distance_to_choose(make):
    with pytest.raises(ValueError, match=r"whatever distance.*`distance=None`.*'cosine'"):
        make(distance="cosine")


def test_unknown_reduction():
    with pytest.raises(ValueError, match=r"`reduction`.*'max'"):
        PerDimensionSpread("max")
