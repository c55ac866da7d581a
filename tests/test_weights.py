import copy

import keras
import numpy as np
import pytest
from keras import ops
from loss_harness import BACKEND, tensorflow_only

from keras_siamese.weights import WeightOwner


class Scale(WeightOwner):
    """Owns one vector of ones, and perhaps another owner."""

    def __init__(self, multiplier=1.0, inner=None):
        self.learning_rate_multiplier = multiplier
        self.inner = inner
        self.times_made = 0

    @property
    def owners(self):
        return [] if self.inner is None else [self.inner]

    def make_weights(self, embedding_dim):
        self.times_made += 1
        self.scale = self.add_weight("scale", (embedding_dim,), initializer="ones")


class Projector(WeightOwner):
    def make_weights(self, embedding_dim):
        self.layer = self.add_layer("projector", keras.layers.Dense(2), embedding_dim)


def test_nothing_to_own():
    owner = WeightOwner()
    for embedding_dim in (3, 5):  # no weights, so that any size is right
        owner.build(embedding_dim)
    assert owner.layers == owner.trainable_variables == owner.owners == []
    with owner.scaled_steps():
        pass


class TestBuild:
    def test_once(self):
        owner = Scale()
        assert owner.layers == owner.trainable_variables == []
        owner.build(3)
        scale = owner.scale
        owner.build(3)
        assert owner.times_made == 1
        assert owner.scale is scale
        assert owner.trainable_variables == [scale]
        assert ops.convert_to_numpy(scale).tolist() == [1, 1, 1]

    def test_another_size(self):
        owner = Scale()
        owner.build(3)
        with pytest.raises(ValueError, match=r"Scale are for .* size 3. Received: size 4"):
            owner.build(4)
        outer = Scale(inner=owner)
        with pytest.raises(ValueError, match="Make a new one"):
            outer.build(4)

    def test_those_inside_too(self):
        owner = Scale(inner=Scale(inner=Projector()))
        owner.build(3)
        names = [variable.name for variable in owner.trainable_variables]
        assert names == ["scale", "scale", "kernel", "bias"]
        assert len(owner.layers) == 3

    def test_one_that_is_inside_of_two_is_there_once(self):
        shared = Scale()
        first, second = Scale(inner=shared), Scale(inner=shared)
        for owner in (first, second):
            owner.build(3)
        assert shared.times_made == 1
        assert first.layers[1] is second.layers[1]

    def test_weights_are_float32_whatever_the_policy(self):
        keras.config.set_dtype_policy("mixed_float16")
        try:
            owner = Scale()
            owner.build(3)
        finally:
            keras.config.set_dtype_policy("float32")
        assert owner.scale.dtype == "float32"

    def test_weights_that_are_not_trained(self):
        owner = WeightOwner()
        owner.add_weight("count", (), initializer="zeros", dtype="int32", trainable=False)
        assert owner.trainable_variables == []
        assert [weight.name for weight in owner.layers[0].weights] == ["count"]
        assert owner.layers[0].weights[0].dtype == "int32"


class TestInsideOfAGraph:
    @pytest.fixture
    def traced(self):
        if BACKEND == "tensorflow":
            import tensorflow as tf

            return lambda function: tf.function(function, autograph=False)
        if BACKEND == "jax":
            import jax

            return jax.jit
        return pytest.skip("has no graphs")

    @pytest.mark.parametrize("kind", [Scale, Projector])
    def test_no_weights_can_be_made(self, traced, kind):
        owner = kind()
        message = rf"{kind.__name__} has weights of its own: use it in a `SiameseModel`.*build\("
        with pytest.raises(ValueError, match=message):
            traced(lambda: owner.build(3))()
        # Nothing is half done.
        assert owner.layers == []
        owner.build(4)
        assert owner.trainable_variables[0].shape[0] == 4

    def test_those_that_are_there_can_be_read(self, traced):
        owner = Scale()
        owner.build(3)

        def total():
            owner.build(3)
            return ops.sum(ops.convert_to_tensor(owner.scale))

        assert float(traced(total)()) == 3


@tensorflow_only
class TestScaledSteps:
    @pytest.mark.parametrize("in_graph", [False, True])
    def test_each_by_its_own_multiplier(self, in_graph):
        import tensorflow as tf

        owner = Scale(10.0, inner=Scale(1.0, inner=Scale(0.5)))
        owner.build(3)
        variables = owner.trainable_variables
        optimizer = keras.optimizers.SGD(0.01)
        optimizer.build(variables)

        def step():
            with owner.scaled_steps():
                gradients = [tf.ones_like(variable.value) for variable in variables]
                optimizer.apply_gradients(zip(gradients, variables, strict=True))

        (tf.function(step, autograph=False) if in_graph else step)()
        for variable, expected in zip(variables, (0.9, 0.99, 0.995), strict=True):
            assert ops.convert_to_numpy(variable) == pytest.approx(np.full(3, expected), rel=1e-6)

    def test_the_multipliers(self):
        owner = Scale(10.0, inner=Scale())
        assert owner.learning_rate_multipliers() == {}
        owner.build(3)
        assert list(owner.learning_rate_multipliers().values()) == [10.0, 1.0]

    def test_an_error_within_goes_through(self):
        owner = Scale(10.0)
        owner.build(3)
        with pytest.raises(KeyError), owner.scaled_steps():
            raise KeyError
        assert ops.convert_to_numpy(owner.scale).tolist() == [1, 1, 1]


def test_a_copy_before_build_has_weights_of_its_own():
    owner = Scale(3.0)
    copied = copy.deepcopy(owner)
    for each in (owner, copied):
        each.build(2)
    assert copied.scale is not owner.scale
    assert list(copied.learning_rate_multipliers().values()) == [3.0]


def test_layers_are_saved_by_their_names():
    owner = Projector()
    owner.build(3)
    assert owner.layers[0].projector is owner.layer
    assert [weight.shape for weight in owner.layers[0].weights] == [(3, 2), (2,)]
