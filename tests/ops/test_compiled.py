import pytest
import tensorflow as tf
from loss_harness import tensorflow_only

from keras_siamese.ops.compiled import (
    compiled,
    compiled_with_gradient,
    inside_xla,
    is_concrete,
    not_compiled,
)


def _num_programs(function, *arguments):
    """How many XLA programs the graph of `function` calls."""
    graph = tf.function(function, autograph=False).get_concrete_function(*arguments).graph
    attributes = [operation.node_def.attr for operation in graph.get_operations()]
    return sum("_XlaMustCompile" in a and a["_XlaMustCompile"].b for a in attributes)


def _weighted_sum(inputs, weights, nothing=None):
    # Two inputs, the second without any influence.
    assert nothing is None
    return tf.reduce_sum(inputs[0] ** 2 * weights), {"twice": inputs[0] * 2}


@pytest.fixture
def x():
    return tf.constant([1.0, 2.0]), tf.constant([[5.0]])


pytestmark = tensorflow_only

WEIGHTS = tf.constant([3.0, 10.0])


def test_inside_xla():
    seen = {}

    def look(name):
        seen[name] = inside_xla()
        return tf.constant(0)

    look("eager")
    tf.function(lambda: look("graph"))()
    tf.function(lambda: look("jit"), jit_compile=True)()
    tf.function(lambda: tf.function(lambda: look("within jit"))(), jit_compile=True)()
    assert seen == {"eager": False, "graph": False, "jit": True, "within jit": True}


@pytest.mark.parametrize("jit_compile", [False, True])
def test_is_concrete(jit_compile):
    seen = []
    look = tf.function(lambda x: seen.append(is_concrete(x)), jit_compile=jit_compile)
    look(WEIGHTS)
    assert seen == [False]
    assert is_concrete(WEIGHTS)


def test_compiled_in_a_graph_alone(x):
    double = compiled(lambda x: x * 2)
    assert _num_programs(double, x[0]) == 1
    assert tf.function(double)(x[0]).numpy().tolist() == [2.0, 4.0]
    assert double(x[0]).numpy().tolist() == [2.0, 4.0]


def test_eagerly_nothing_is_traced(x):
    calls = []
    for function in (
        compiled(lambda x: calls.append(tf.executing_eagerly()) or x),
        compiled_with_gradient(
            lambda xs: (tf.reduce_sum(xs[0]), calls.append(tf.executing_eagerly()))
        ),
    ):
        function(x[:1])
        function(x[:1])
    assert calls == [True] * 4


def test_not_compiled(x):
    double, loss = compiled(lambda x: x * 2), compiled_with_gradient(_weighted_sum)

    def both(x0, x1):
        return double(x0), loss((x0, x1), WEIGHTS)[0]

    assert _num_programs(both, *x) == 2
    with not_compiled():
        assert _num_programs(both, *x) == 0
    with pytest.raises(KeyError), not_compiled():
        raise KeyError
    assert _num_programs(both, *x) == 2


@pytest.mark.parametrize("mode", ["eager", "graph", "jit_compile"])
def test_value_gradient_and_the_rest(x, mode):
    function = compiled_with_gradient(_weighted_sum)

    def step(x0, x1):
        with tf.GradientTape() as tape:
            tape.watch([x0, x1])
            value, others = function((x0, x1), WEIGHTS)
            scaled = 7 * value
        gradients = tape.gradient(scaled, [x0, x1], unconnected_gradients="zero")
        return value, others["twice"], *gradients

    if mode != "eager":
        step = tf.function(step, jit_compile=mode == "jit_compile", autograph=False)
    value, twice, gradient, no_gradient = step(*x)
    # 3 * 1 + 10 * 4; the gradient is 7 * 2 * weight * x.
    assert float(value) == 43.0
    assert twice.numpy().tolist() == [2.0, 4.0]
    assert gradient.numpy().tolist() == [42.0, 280.0]
    assert no_gradient.numpy().tolist() == [[0.0]]


def test_no_gradient_through_what_is_captured_or_returned_besides(x):
    function = compiled_with_gradient(_weighted_sum)

    @tf.function
    def step(x0, x1):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x0, WEIGHTS])
            value, others = function((x0, x1), WEIGHTS)
            other = tf.reduce_sum(others["twice"])
        assert tape.gradient(value, WEIGHTS) is None
        return tape.gradient(other, x0, unconnected_gradients="zero")

    assert step(*x).numpy().tolist() == [0.0, 0.0]


def test_forward_and_backward_are_one_program(x):
    function = compiled_with_gradient(_weighted_sum)

    def step(x0, x1):
        with tf.GradientTape() as tape:
            tape.watch(x0)
            value, _ = function((x0, x1), WEIGHTS)
        return tape.gradient(value, x0)

    assert _num_programs(step, *x) == 1


def test_sparse_gradients_become_dense():
    # The gradient of a gather is a list of rows.
    function = compiled_with_gradient(lambda xs: (tf.reduce_sum(tf.gather(xs[0], [1, 1])), ()))

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value, _ = function((x,))
        return tape.gradient(value, x)

    assert step(tf.constant([5.0, 6.0, 7.0])).numpy().tolist() == [0.0, 2.0, 0.0]


@pytest.mark.parametrize("mode", ["graph", "jit_compile"])
def test_variables_that_are_read_have_no_gradient(mode):
    variable = tf.Variable([2.0, 3.0])
    function = compiled_with_gradient(lambda xs: (tf.reduce_sum(xs[0] * variable), ()))

    @tf.function(jit_compile=mode == "jit_compile", autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value, _ = function((x,))
        by_x, by_variable = tape.gradient(value, [x, variable])
        assert by_variable is None
        return by_x

    assert step(tf.constant([5.0, 6.0])).numpy().tolist() == [2.0, 3.0]
