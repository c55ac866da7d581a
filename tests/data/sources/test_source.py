import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data.graph import host_tensor
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.arrays import from_arrays
from keras_siamese.data.sources.source import Source

NAMES = np.array(["c", "a", "b", "c", "a", "b", "c", "a"])
GROUPS = np.array([1, 0, 0, 1, 0, 0, 1, 0])


class Squares(Source):
    """Items that are computed when they are asked for, and noted."""

    def __init__(self, labels, groups=None):
        super().__init__(labels, groups)
        self.fetched = []

    def fetch(self, indices):
        def compute(i):
            self.fetched.extend(i.tolist())
            return i**2

        squares = tf.numpy_function(compute, [indices], tf.int64)
        return tf.ensure_shape(squares, indices.shape)


@pytest.fixture
def source():
    return Squares(NAMES, GROUPS)


def test_labels_groups_and_length(source):
    assert len(source) == 8
    assert source.labels.tolist() == NAMES.tolist()
    assert source.groups.tolist() == GROUPS.tolist()
    assert Squares([[1], [0]]).labels.tolist() == [1, 0]
    assert Squares([1, 0]).groups is None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (NAMES[:3], [2, 0, 1]),
        ([7, -3, 7], [7, -3, 7]),
        (np.array([7, 200], np.uint8), [7, 200]),
        (np.array([2**63, 5], np.uint64), [1, 0]),
        ([True, False], [1, 0]),
    ],
)
def test_class_ids(labels, expected):
    ids = Squares(labels).class_ids
    assert ids.dtype == np.int64
    assert ids.tolist() == expected


def test_renumbered_classes_have_no_gaps():
    part = Squares(["d", "a", "c", "a", "b"]).subset([0, 1, 3, 2])
    assert part.class_ids.tolist() == [3, 0, 0, 2]
    renumbered = part.renumbered()
    assert renumbered.class_ids.tolist() == [2, 0, 0, 1]
    assert renumbered.labels.tolist() == part.labels.tolist() == ["d", "a", "a", "c"]
    assert renumbered.arrays()[0].tolist() == [0, 1, 9, 4]
    assert renumbered.subset([0]).class_ids.tolist() == [2]
    assert Squares([30, 10]).renumbered().class_ids.tolist() == [1, 0]


def test_batches_are_all_items_once_in_order(source):
    dataset = source.batches(batch_size=3)
    assert dataset.cardinality() == 3
    batches = list(dataset.as_numpy_iterator())
    assert [x.tolist() for x, _ in batches] == [[0, 1, 4], [9, 16, 25], [36, 49]]
    assert np.concatenate([y for _, y in batches]).tolist() == source.class_ids.tolist()
    assert source.batches().cardinality() == 1
    assert source.batches().element_spec[1].dtype == tf.int64


def test_arrays_are_items_and_labels_as_they_were_given(source):
    x, labels = source.subset([5, 2]).arrays()
    assert x.tolist() == [25, 4]
    assert labels.tolist() == ["b", "b"]


@pytest.mark.parametrize(
    "indices", [[6, 0, 3], np.array([6, 0, 3], np.uint8), np.isin(np.arange(8), [0, 3, 6])]
)
def test_a_subset_keeps_ids_of_the_whole(source, indices):
    part = source.subset(indices)
    expected = np.arange(8)[indices]
    assert part.labels.tolist() == NAMES[expected].tolist()
    assert part.groups.tolist() == GROUPS[expected].tolist()
    assert part.class_ids.tolist() == [2, 2, 2]
    assert source.subset([1, 2]).subset([1]).class_ids.tolist() == [1]
    assert part.arrays()[0].tolist() == (expected**2).tolist()


def test_a_subset_of_a_subset(source):
    part = source.subset([7, 5, 3, 1, 0]).subset([4, 0, 1]).subset([False, True, True])
    assert part.labels.tolist() == NAMES[[7, 5]].tolist()
    assert part.groups.tolist() == GROUPS[[7, 5]].tolist()
    assert part.arrays()[0].tolist() == [49, 25]


def test_only_items_that_are_asked_for_are_read(source):
    part = source.subset(source.groups == 0)
    assert source.fetched == []
    part.subset([0, 2]).arrays()
    assert source.fetched == [1, 4]
    batches = pk_batches(part, classes_per_batch=2, examples_per_class=2, steps_per_epoch=3, seed=0)
    read = [item for x, _ in batches.as_numpy_iterator() for item in x.tolist()]
    assert len(read) == 12
    assert set(np.sqrt(read).astype(int)) <= set(np.flatnonzero(GROUPS == 0))


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([], r"shape \(num_kept,\)"),
        (np.zeros(8, bool), r"shape \(num_kept,\)|mask"),
        (np.ones(7, bool), r"a mask, shape \(8,\)\. Received: dtype bool, shape \(7,\)"),
        ([0.0, 1.0], "dtype float64"),
        ([[0, 1]], r"shape \(1, 2\)"),
        (3, r"shape \(\)"),
        ([0, 8], "from 0 to 7. Received: 0 to 8"),
        ([-1], "Received: -1 to -1"),
    ],
)
def test_bad_subsets_are_refused(source, indices, message):
    with pytest.raises(ValueError, match=message):
        source.subset(indices)


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([], None, "empty"),
        ([0.0, 1.0], None, "whole numbers"),
        ([0, 1], [0], "as many labels"),
        (["a", 1], None, "one kind"),
        (["a", None], None, "missing"),
        ([0, 1], [0.5, 1.0], "whole numbers"),
        (np.eye(2, dtype=int), None, "argmax"),
    ],
)
def test_bad_labels_are_refused(labels, groups, message):
    with pytest.raises(ValueError, match=message):
        Squares(labels, groups)
    with pytest.raises(ValueError, match="batch_size"):
        Squares([0, 1]).batches(0)


def test_data_is_on_the_host():
    assert host_tensor(np.ones(3)).device.endswith("CPU:0")
    # A function that first needs it while it is traced leaves nothing of its own in it.
    source = from_arrays(np.arange(8), NAMES)
    traced = tf.function(lambda i: source.fetch(i))
    assert traced(tf.constant([3])).numpy() == source.fetch(tf.constant([3])).numpy() == 3


class TestTraining:
    """What `fit`, `evaluate` and `predict` make of a source."""

    X = keras.utils.normalize(np.random.default_rng(0).normal(size=(8, 3))).astype(np.float32)

    @pytest.fixture
    def model(self):
        model = ks.SiameseModel(ks.encoders.mlp((3,), embedding_dim=2, hidden_units=()))
        model.compile(loss=ks.losses.TripletLoss(), metrics=[ks.metrics.RecallAtK(1)])
        return model

    def test_evaluate(self, model):
        source = from_arrays(self.X, NAMES)
        expected = model.evaluate(self.X, source.class_ids, batch_size=8, verbose=0)
        assert model.evaluate(source.batches(), verbose=0) == pytest.approx(expected)
        assert model.evaluate(source, verbose=0) == pytest.approx(expected)
        assert model.evaluate(x=source, batch_size=8, verbose=0) == pytest.approx(expected)

    def test_predict(self, model):
        predicted = model.predict(from_arrays(self.X, NAMES).batches(3), verbose=0)
        np.testing.assert_allclose(predicted, model.predict(self.X, verbose=0), rtol=1e-5)

    def test_fit(self, model):
        source = from_arrays(self.X, NAMES)
        train, validation = source.subset(NAMES != "b"), source.subset([0, 1, 2, 3, 4])
        batches = pk_batches(train, classes_per_batch=2, examples_per_class=2)
        for data in (validation, validation.batches()):
            history = model.fit(batches, validation_data=data, verbose=0).history
            expected = model.evaluate(validation, verbose=0, return_dict=True)["recall_at_1"]
            assert history["val_recall_at_1"] == pytest.approx([expected])
        with pytest.raises(ValueError, match="pk_batches"):
            model.fit(source)


def test_repr_says_how_many():
    source = from_arrays(np.zeros(4), ["a", "b", "a", "c"], groups=[0, 1, 0, 1])
    assert repr(source) == "<ArraySource: 4 items, 3 classes, 2 groups>"
    assert repr(source.subset([0, 2])) == "<Subset: 2 items, 1 classes, 1 groups>"
    assert repr(from_arrays(np.zeros(2), [5, 5])) == "<ArraySource: 2 items, 1 classes>"
