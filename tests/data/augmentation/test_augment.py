import doctest
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.augmentation.augment import augment, per_item
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sampling.sampler import find_sampler

# Items are their own numbers.
ITEMS = np.arange(12, dtype="float32")[:, None]
LABELS = np.arange(12) // 3


def batches_of(x=ITEMS, size=4):
    return tf.data.Dataset.from_tensor_slices((x, LABELS)).batch(size, drop_remainder=True)


def noise(seed=None):
    return keras.layers.GaussianNoise(0.01, seed=seed)


def epoch_of(dataset):
    return np.array([x for x, *_ in dataset.as_numpy_iterator()])[..., 0]


def test_the_example():
    (example,) = doctest.DocTestFinder().find(
        augment, globs={"augment": augment, "np": np, "tf": tf}
    )
    result = doctest.DocTestRunner().run(example)
    assert result.attempted > 0 and result.failed == 0


def test_items_change_and_nothing_else():
    augmented = augment(batches_of(), noise())
    assert augmented.element_spec == batches_of().element_spec
    assert int(augmented.cardinality()) == 3
    first, second = epoch_of(augmented), epoch_of(augmented)
    np.testing.assert_array_equal(np.round(first).ravel(), ITEMS[:, 0])
    draws = np.stack([first, second]) - ITEMS.reshape(3, 4)
    assert len(np.unique(draws.round(6))) > 20
    assert 0.004 < draws.std() < 0.02
    labels = [y.tolist() for _, y in augmented.as_numpy_iterator()]
    assert labels == LABELS.reshape(3, 4).tolist()


def test_p_by_k_batches_keep_their_sampler():
    batches = pk_batches(ITEMS, LABELS, classes_per_batch=2, examples_per_class=2, seed=0)
    augmented = augment(batches, noise())
    assert find_sampler(augmented) is batches.sampler
    assert augmented.element_spec == batches.element_spec
    for x, y in augmented.as_numpy_iterator():
        np.testing.assert_array_equal(np.round(x[:, 0]).astype(int) // 3, y)


def test_a_seed_makes_what_a_layer_draws_reproducible():
    def epochs(seed, layer):
        augmented = augment(batches_of(size=2), layer, seed=seed)
        return np.stack([epoch_of(augmented), epoch_of(augmented)])

    stack = keras.Sequential([noise(), noise()])
    first = epochs(3, stack)
    np.testing.assert_array_equal(epochs(3, stack), first)
    np.testing.assert_array_equal(epochs(3, keras.Sequential([noise(7), noise(7)])), first)
    assert (epochs(4, stack) != first).any()
    assert (first[0] != first[1]).all()
    # Of one seed, two layers draw different numbers.
    twice = epochs(3, noise())[0] - ITEMS.reshape(6, 2)
    assert abs(first[0] - ITEMS.reshape(6, 2) - 2 * twice).max() > 1e-3


def test_a_seed_reaches_the_layers_that_a_function_calls():
    layer = noise()
    functions = [per_item(layer), lambda x: layer(x, training=True) * 1]
    for function in functions:
        first, same, other = (
            epoch_of(augment(batches_of(), function, seed=seed)) for seed in (3, 3, 4)
        )
        np.testing.assert_array_equal(first, same)
        assert (first != other).any()


def test_no_two_batches_get_the_same_draws():
    # Several calls at a time would read the state before any of them has changed it.
    state = tf.Variable(0.0)

    def slowly(number):
        time.sleep(0.01)
        return number + 1

    def count(x):
        number = state.read_value()
        state.assign(tf.numpy_function(slowly, [number], tf.float32))
        return tf.fill(tf.shape(x), number)

    batches = tf.data.Dataset.from_tensor_slices((np.zeros((20, 1, 1)), np.zeros((20, 1))))
    for augmentation in (count, per_item(count)):
        draws = epoch_of(augment(batches, augmentation)).ravel()
        assert (np.diff(draws) > 0).all()


def test_a_layer_is_told_that_it_is_training_for_each_tensor():
    dropout = keras.layers.Dropout(0.5)
    assert (epoch_of(augment(batches_of(ITEMS + 1), dropout)) == 0).any()
    pairs = tf.data.Dataset.from_tensors(((ITEMS, ITEMS), np.ones(12), np.zeros(12)))
    ((x1, x2), same, weights), *_ = augment(pairs, noise())
    assert (x1 != x2).numpy().all()
    np.testing.assert_array_equal(np.round(x1), np.round(x2))
    assert same.numpy().all() and not weights.numpy().any()


def test_functions_take_all_of_x():
    x = {"image": ITEMS, "text": np.array(["a"] * 12)}
    augmented = augment(batches_of(x), lambda x: {**x, "image": -x["image"]})
    for batch, _ in augmented:
        assert set(batch["text"].numpy()) == {b"a"}
        assert (batch["image"] <= 0).numpy().all()


def test_random_operations_of_tensorflow_start_over_with_each_epoch():
    # As the docstring says: here, `keras.utils.set_random_seed` was called.
    def flip(x):
        return x + tf.random.uniform(tf.shape(x))

    generator = keras.random.SeedGenerator(0)

    def lasting_flip(x):
        return x + keras.random.uniform(tf.shape(x), seed=generator)

    augmented, lasting = (
        augment(batches_of(), function, seed=0) for function in (flip, lasting_flip)
    )
    np.testing.assert_array_equal(epoch_of(augmented), epoch_of(augmented))
    assert (epoch_of(lasting) != epoch_of(lasting)).all()


def test_per_item():
    augmented = augment(batches_of(), per_item(lambda item: item + tf.random.uniform(())))
    assert augmented.element_spec[0].shape == (4, 1)
    draws = epoch_of(augmented) - ITEMS.reshape(3, 4)
    assert len(np.unique(draws.round(5))) > 10
    nest = {"a": ITEMS, "b": ITEMS.astype("int64")}
    swap = per_item(lambda item: {"a": item["b"], "c": item["a"][0]})
    (x, _), *_ = augment(batches_of(nest), swap)
    assert x["a"].shape == (4, 1) and x["a"].dtype == tf.int64
    np.testing.assert_array_equal(x["c"], [0, 1, 2, 3])
    texts = np.array([f"  {number} " for number in range(12)])
    (x, _), *_ = augment(batches_of(texts), per_item(tf.strings.strip))
    assert x.numpy().tolist() == [b"0", b"1", b"2", b"3"]


def test_per_item_crops_each_image_elsewhere():
    images = np.tile(np.arange(100, dtype="float32").reshape(10, 10, 1), (12, 1, 1, 1))
    crop = keras.layers.RandomCrop(4, 4)
    (together, _), *_ = augment(batches_of(images, 12), crop)
    (alone, _), *_ = augment(batches_of(images, 12), per_item(crop))
    assert together.shape == alone.shape == (12, 4, 4, 1)
    assert len(set(together[:, 0, 0, 0].numpy())) == 1
    assert len(set(alone[:, 0, 0, 0].numpy())) > 5


def test_an_iterator_is_checkpointed(tmp_path):
    iterator = iter(augment(batches_of(), noise(), seed=0))
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "checkpoint")
    rest = [y.numpy().tolist() for _, y in iterator]
    iterator = iter(augment(batches_of(), noise(), seed=0))
    tf.train.Checkpoint(iterator=iterator).restore(path)
    assert [y.numpy().tolist() for _, y in iterator] == rest


def test_bad_input():
    for batches in (ITEMS, tf.data.Dataset.from_tensors(ITEMS)):
        with pytest.raises(ValueError, match=r"`batches` must be.*elements `\(x, \.\.\.\)`"):
            augment(batches, noise())
    with pytest.raises(ValueError, match="`augmentation` must be a Keras layer or a function"):
        augment(batches_of(), "flip")
    with pytest.raises(ValueError, match="`augmentation` must be a Keras layer or a function"):
        per_item(None)
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        augment(batches_of(), noise(), seed=-1)


@pytest.mark.parametrize("augmentation", [keras.layers.RandomFlip, [keras.layers.RandomFlip()]])
def test_what_is_not_yet_a_layer(augmentation):
    batches = tf.data.Dataset.from_tensors((np.zeros((2, 4, 4, 1)), np.zeros(2)))
    with pytest.raises(ValueError, match=r"as in `RandomFlip\(\)`; .* by `keras.Sequential`"):
        augment(batches, augmentation)
