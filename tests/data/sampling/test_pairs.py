from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data.sampling.pairs import pair_batches, triplet_batches
from keras_siamese.data.sampling.sampler import find_sampler

# Items are their own indices: class 5 has four, class -2 three, class 9 two, class 1 one.
LABELS = np.array([5, -2, 9, 5, 1, -2, 5, 9, 5, -2])
ITEMS = np.arange(10)
SOME_TRIPLETS = np.array([[0, 3, 1], [1, 5, 0], [2, 7, 4], [3, 6, 9], [8, 0, 2]])


def pairs_of(**arguments):
    return pair_batches(ITEMS, LABELS, **({"batch_size": 4, "seed": 0} | arguments))


def triplets_of(**arguments):
    return triplet_batches(ITEMS, LABELS, **({"batch_size": 4, "seed": 0} | arguments))


def given_triplets_of(**arguments):
    return triplets_of(**({"triplets": SOME_TRIPLETS, "batch_size": 2} | arguments))


def epoch_of(dataset):
    return [np.stack(keras.tree.flatten(batch)).tolist() for batch in dataset.as_numpy_iterator()]


EACH_KIND = pytest.mark.parametrize("make", [pairs_of, triplets_of, given_triplets_of])


@pytest.mark.parametrize(("batch_size", "fraction", "num_same"), [(8, 0.5, 4), (10, 0.26, 3)])
@pytest.mark.parametrize("uniform_over", ["pairs", "classes"])
def test_each_batch_of_pairs_is_balanced(batch_size, fraction, num_same, uniform_over):
    dataset = pairs_of(
        batch_size=batch_size,
        positive_fraction=fraction,
        uniform_over=uniform_over,
        steps_per_epoch=50,
    )
    (x1, x2), same = dataset.element_spec
    assert x1.shape == x2.shape == same.shape == (batch_size,)
    assert same.dtype == tf.int32
    firsts = Counter()
    for (first, second), same in dataset.as_numpy_iterator():
        assert same.sum() == num_same
        np.testing.assert_array_equal(LABELS[first] == LABELS[second], same == 1)
        assert (first != second).all()
        firsts[int(same[0])] += 1
    assert firsts[0] > 5 < firsts[1]  # In random order.


@pytest.mark.parametrize("fraction", [0, 1])
def test_pairs_of_one_kind(fraction):
    for _, same in pairs_of(positive_fraction=fraction):
        assert (same.numpy() == fraction).all()


@pytest.mark.parametrize("uniform_over", ["triplets", "classes"])
def test_triplets_hold_two_items_of_one_class_and_one_of_another(uniform_over):
    dataset = triplets_of(uniform_over=uniform_over, steps_per_epoch=50)
    for ((anchor, positive, negative),) in dataset.as_numpy_iterator():
        assert anchor.shape == positive.shape == negative.shape == (4,)
        assert (LABELS[anchor] == LABELS[positive]).all()
        assert (LABELS[anchor] != LABELS[negative]).all()
        assert (anchor != positive).all()


# Class 0 has 30 items, classes 1 and 2 have two.
SKEWED = np.repeat([0, 1, 2], [30, 2, 2])


@pytest.mark.parametrize(
    ("uniform_over", "same_0", "different_1_2"),
    [
        # Of 435 + 1 + 1 matching pairs, and of 60 + 60 + 4 different ones.
        ("pairs", 435 / 437, 4 / 124),
        ("classes", 1 / 3, 1 / 3),
    ],
)
def test_what_pairs_are_uniform_over(uniform_over, same_0, different_1_2):
    batches = pair_batches(
        SKEWED, SKEWED, batch_size=100, uniform_over=uniform_over, steps_per_epoch=40, seed=0
    )
    kinds = Counter()
    for x, _ in batches.as_numpy_iterator():
        kinds.update(map(tuple, np.sort(x, axis=0).T.tolist()))
    # 2,000 pairs of each kind: standard deviations up to 0.011.
    assert kinds[0, 0] / 2000 == pytest.approx(same_0, abs=0.05)
    assert kinds[1, 2] / 2000 == pytest.approx(different_1_2, abs=0.05)


@pytest.mark.parametrize(
    ("uniform_over", "anchors_in_0"),
    # 30 * 29 * 4 triplets have the anchor in class 0, 2 * 1 * 32 in each of the others.
    [("triplets", 3480 / 3608), ("classes", 1 / 3)],
)
def test_what_triplets_are_uniform_over(uniform_over, anchors_in_0):
    batches = triplet_batches(
        SKEWED, SKEWED, batch_size=100, uniform_over=uniform_over, steps_per_epoch=20, seed=0
    )
    anchors = np.concatenate([anchor for ((anchor, _, _),) in batches.as_numpy_iterator()])
    assert (anchors == 0).mean() == pytest.approx(anchors_in_0, abs=0.05)


def test_given_triplets_come_once_in_each_turn():
    # Five triplets in batches of two: an epoch of five batches is two turns.
    epoch = epoch_of(given_triplets_of(steps_per_epoch=5))
    triplets = np.concatenate(np.transpose(epoch, (0, 2, 1))).tolist()
    for turn in (triplets[:5], triplets[5:]):
        assert sorted(turn) == SOME_TRIPLETS.tolist()
    assert triplets[:5] != triplets[5:]
    # What is left at the end of an epoch is left out, and another time something else is.
    dataset = given_triplets_of()
    assert dataset.cardinality() == 2
    seen = Counter()
    for _ in range(30):
        batches = np.transpose(epoch_of(dataset), (0, 2, 1)).reshape(-1, 3).tolist()
        assert len(set(map(tuple, batches))) == 4
        seen.update(map(tuple, batches))
    assert len(seen) == 5
    assert all(count < 30 for count in seen.values())


def test_fewer_triplets_than_a_batch_holds():
    dataset = given_triplets_of(batch_size=12)
    assert dataset.cardinality() == 1
    counts = Counter(map(tuple, np.transpose(epoch_of(dataset)[0]).tolist()))
    assert len(counts) == 5
    assert max(counts.values()) - min(counts.values()) <= 1


@EACH_KIND
def test_equal_seeds_give_equal_epochs_and_each_epoch_differs(make):
    first, second, other = (make(seed=seed, steps_per_epoch=10) for seed in (0, 0, 1))
    epochs = [epoch_of(first) for _ in range(3)]
    assert [epoch_of(second) for _ in range(3)] == epochs
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert epoch_of(other) not in epochs
    assert len({str(batch) for epoch in epochs for batch in epoch}) > 10
    unseeded = make(seed=None, steps_per_epoch=10)
    assert epoch_of(unseeded) != epoch_of(make(seed=None, steps_per_epoch=10))


@EACH_KIND
def test_epoch_counter_rules_the_order(make):
    dataset = make()
    sampler = find_sampler(dataset.map(lambda *batch: batch).prefetch(1))
    assert sampler is dataset.sampler
    epochs = [epoch_of(dataset) for _ in range(3)]
    assert sampler.epoch_counter.numpy() == 3
    sampler.epoch_counter.assign(1)
    assert epoch_of(dataset.repeat(2)) == epochs[1] + epochs[2]


@EACH_KIND
def test_iterator_checkpoint_continues_its_epoch(make, tmp_path):
    dataset = make(steps_per_epoch=12)
    iterator = iter(dataset)
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
    rest = [keras.tree.map_structure(lambda x: x.numpy().tolist(), batch) for batch in iterator]
    assert len(rest) == 11
    resumed = iter(dataset)
    tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
    assert [
        keras.tree.map_structure(lambda x: x.numpy().tolist(), batch) for batch in resumed
    ] == rest


def test_default_epochs_read_each_item_once_on_average():
    labels = np.arange(100) % 5
    assert pair_batches(labels, labels, batch_size=4).cardinality() == 100 // 8
    assert triplet_batches(labels, labels, batch_size=4).cardinality() == 100 // 12
    assert triplet_batches(labels, labels, batch_size=40).cardinality() == 1


def test_nests_names_and_sources(rng):
    images = rng.integers(0, 256, (10, 2, 2, 1), np.uint8)
    names = np.array([f"class {label}" for label in LABELS])[:, None]
    dataset = pair_batches({"id": ITEMS, "image": images}, names, batch_size=4)
    assert dataset.element_spec[0][0]["image"] == tf.TensorSpec((4, 2, 2, 1), tf.uint8)
    for (x1, x2), same in dataset.as_numpy_iterator():
        np.testing.assert_array_equal(names[x1["id"], 0] == names[x2["id"], 0], same)
        np.testing.assert_array_equal(x2["image"], images[x2["id"]])
    part = ks.data.from_arrays(ITEMS, LABELS).subset(LABELS != 5)
    for ((anchor, positive, negative),) in triplet_batches(part, batch_size=4).as_numpy_iterator():
        assert (LABELS[[anchor, positive, negative]] != 5).all()
        assert (LABELS[anchor] == LABELS[positive]).all()


def test_only_the_items_of_a_batch_are_read():
    class Counting(ks.data.Source):
        num_read = 0

        def fetch(self, indices):
            Counting.num_read += indices.shape[0]
            return indices

    pair_batches(Counting(LABELS), batch_size=4)
    assert Counting.num_read == 2 * 4  # The one trace of the graph.


@pytest.fixture
def model():
    return ks.SiameseModel(ks.encoders.mlp((3,), 2, hidden_units=(4,)))


@pytest.fixture
def points(rng):
    return rng.normal(size=(10, 3)).astype("float32")


def test_models_take_pairs(model, points):
    model.compile("sgd", ks.losses.ContrastiveLoss(1.0), metrics=[ks.metrics.PairAUC()])
    batches = pair_batches(points, LABELS, batch_size=4, steps_per_epoch=3)
    val = ks.data.verification_pairs(LABELS, 8).batches(ks.data.from_arrays(points, LABELS))
    history = model.fit(batches, epochs=2, verbose=0, validation_data=val).history
    assert np.isfinite(history["val_pair_auc"]).all()
    # `fit` set the counter to the 3 steps taken before the last epoch, which added 1.
    assert batches.sampler.epoch_counter.numpy() == 4


@pytest.mark.parametrize("triplets", [None, SOME_TRIPLETS])
def test_models_take_triplets(model, points, triplets):
    model.compile("sgd", ks.losses.TripletLoss(0.5))
    batches = triplet_batches(points, LABELS, batch_size=4, triplets=triplets)
    assert np.isfinite(model.fit(batches, verbose=0, validation_data=batches).history["loss"])
    assert np.isfinite(model.evaluate(batches, verbose=0))


def test_models_take_triplets_of_strings():
    # A bare 3-tuple of strings would be an item, its label and its weight.
    words = tf.keras.layers.TextVectorization(output_mode="multi_hot", vocabulary=["a", "b"])
    inputs = keras.Input((), dtype="string")
    model = ks.SiameseModel(keras.Model(inputs, keras.layers.Dense(2)(words(inputs))))
    model.compile("sgd", ks.losses.TripletLoss(0.5))
    batches = triplet_batches(["a", "a a", "b", "b a"], [0, 0, 1, 1], batch_size=2)
    assert np.isfinite(model.fit(batches, verbose=0).history["loss"])


@EACH_KIND
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"uniform_over": "items"}, "uniform_over"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_refused(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_bad_positive_fraction_is_refused():
    with pytest.raises(ValueError, match="positive_fraction"):
        pairs_of(positive_fraction=2)


@pytest.mark.parametrize("make", [pair_batches, triplet_batches])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([3, 3, 3], "no negative"),
        ([0, 1, 2], "no positive"),
        ([0, 0], "as many labels"),
        ([0.0, 0.0, 1.0], "whole numbers"),
    ],
)
def test_bad_data_is_refused(make, y, message):
    with pytest.raises(ValueError, match=message):
        make(np.zeros(3), y, batch_size=2)


def test_pairs_of_one_kind_need_no_others():
    pair_batches(np.zeros(3), [0, 1, 2], batch_size=2, positive_fraction=0)
    pair_batches(np.zeros(3), [0, 0, 0], batch_size=2, positive_fraction=1)


@pytest.mark.parametrize(
    ("triplets", "message"),
    [
        ([[0, 3]], r"shape \(1, 2\)"),
        ([0, 3, 1], r"shape \(3,\)"),
        (np.empty((0, 3), int), r"shape \(0, 3\)"),
        ([[0.0, 3.0, 1.0]], "dtype float64"),
        ([[0, 3, 10]], "0 to 9. Received: 0 to 10"),
        ([[-1, 3, 1]], "Received: -1 to 3"),
        ([[0, 3, 1], [0, 1, 3], [0, 3, 6]], r"2 of 3 .* row 1: \[0, 1, 3\], of the .*\[5, -2, 5\]"),
        ([[0, 0, 1]], r"1 of 1 .* row 0"),
    ],
)
def test_bad_triplets_are_refused(triplets, message):
    with pytest.raises(ValueError, match=message):
        triplets_of(triplets=triplets)
