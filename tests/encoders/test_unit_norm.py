"""has_unit_norm: True only where the last layer is known to normalise."""

import keras
import pytest
from keras import layers

from keras_siamese.encoders import (
    L2Normalization,
    convnet,
    embedding_head,
    has_unit_norm,
    mlp,
)


def sequential(*stack):
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), *stack])


def functional(last=None):
    inputs = keras.Input((4,))
    features = layers.Dense(3)(inputs)
    return keras.Model(inputs, last(features) if last else features)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = L2Normalization()

    def call(self, inputs):
        return self.last(inputs)


@pytest.mark.parametrize(
    "encoder",
    [
        lambda: convnet((8, 8, 1), filters=(4,)),
        lambda: mlp((4,)),
        lambda: embedding_head(sequential(), 3),
        lambda: sequential(L2Normalization()),
        lambda: sequential(layers.UnitNormalization()),
        lambda: sequential(layers.UnitNormalization(axis=1)),
        lambda: sequential(layers.UnitNormalization(axis=[-1])),
        lambda: functional(L2Normalization()),
        lambda: functional(sequential_of_3(L2Normalization())),
        lambda: keras.Sequential([keras.Input((4,)), functional(L2Normalization())]),
        lambda: keras.Sequential([keras.Input((4,)), sequential(functional_of_3())]),
    ],
)
def test_known_to_normalise(encoder):
    assert has_unit_norm(encoder()) is True


@pytest.mark.parametrize(
    "encoder",
    [
        lambda: mlp((4,), normalize=False),
        lambda: embedding_head(mlp((4,)), 3, normalize=False),
        lambda: sequential(),
        lambda: sequential(L2Normalization(), layers.Dropout(0.5)),
        lambda: sequential(layers.UnitNormalization(axis=0)),
        lambda: functional(),
        lambda: functional(lambda x: [L2Normalization()(x), x]),
        lambda: keras.Sequential([layers.Dense(3), L2Normalization()]),  # not built
        Subclassed,
    ],
)
def test_not_known_to_normalise(encoder):
    assert has_unit_norm(encoder()) is False


def test_right_output_of_a_nested_model():
    inputs = keras.Input((3,))
    nested = keras.Model(inputs, [inputs * 2.0, L2Normalization()(inputs)])
    outer = keras.Input((3,))
    assert not has_unit_norm(keras.Model(outer, nested(outer)[0]))
    assert has_unit_norm(keras.Model(outer, nested(outer)[1]))


def sequential_of_3(*stack):
    return keras.Sequential([keras.Input((3,)), *stack])


def functional_of_3():
    inputs = keras.Input((3,))
    return keras.Model(inputs, L2Normalization()(inputs))
