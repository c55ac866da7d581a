import gc
import weakref

import numpy as np
import tensorflow as tf

from keras_siamese.data import from_arrays, pk_batches
from keras_siamese.data.graph import call_in_numpy, host_tensor, reads_outside_of_the_graph
from keras_siamese.data.sampling.planner import PKPlanner


class Shift:
    """Adds a number."""

    def __init__(self, by):
        self.by = by


def test_functions_share_a_tensor_on_the_host():
    tensor = host_tensor(np.arange(5))
    assert tensor.device.endswith("CPU:0")

    @tf.function
    def trace():
        assert tf.inside_function()
        return host_tensor(np.arange(3)) + tensor[:3]

    assert trace().numpy().tolist() == [0, 2, 4]


def test_numpy_is_called_with_its_owner_and_keeps_it_not():
    def shifted(shift):
        return tf.data.Dataset.range(3).map(
            lambda i: call_in_numpy(lambda owner, i: i + owner.by, shift, [i], tf.int64)
        )

    shift = Shift(10)
    dataset = shifted(shift)
    reference = weakref.ref(shift)
    del shift
    gc.collect()
    assert list(dataset.as_numpy_iterator()) == [10, 11, 12]
    del dataset
    gc.collect()
    assert reference() is None


def test_batches_that_are_gone_leave_no_plan(monkeypatch):
    planners = []
    initialize = PKPlanner.__init__

    def note(self, *args):
        planners.append(weakref.ref(self))
        initialize(self, *args)

    monkeypatch.setattr(PKPlanner, "__init__", note)
    y = np.arange(40) % 4
    batches = pk_batches(from_arrays(y, y), classes_per_batch=2, examples_per_class=2)
    iterator = iter(batches.map(lambda x, y: x).prefetch(2))
    del batches
    gc.collect()
    assert len(list(iterator)) == 10 and planners[0]() is not None
    del iterator
    gc.collect()
    assert planners[0]() is None


def test_iterators_over_variables_can_be_saved(tmp_path):
    variable = tf.Variable(3)
    dataset = tf.data.Dataset.range(4).map(lambda i: i + tf.cast(variable, tf.int64))
    iterator = iter(dataset.with_options(reads_outside_of_the_graph()))
    assert int(next(iterator)) == 3
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
    assert int(next(iterator)) == 4
    tf.train.Checkpoint(iterator=iterator).restore(path)
    assert int(next(iterator)) == 4
