import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.sampling.two_views import two_views
from keras_siamese.data.sources.arrays import from_arrays

# Items are their own numbers.
ITEMS = np.arange(10, dtype="float32")[:, None]


def _noise(seed=None):
    return keras.layers.GaussianNoise(0.01, seed=seed)


def _collect(batches):
    """Both views of all batches, shape `(2, num_batches, batch_size)`."""
    return np.array([[view1, view2] for ((view1, view2),) in batches])[..., 0].swapaxes(0, 1)


def test_an_epoch():
    batches = two_views(ITEMS, _noise(), 3)
    spec = tf.TensorSpec((3, 1), tf.float32)
    assert batches.element_spec == ((spec, spec),)
    assert int(batches.cardinality()) == 3
    view1, view2 = _collect(batches)
    places = np.round(view1)
    np.testing.assert_array_equal(places, np.round(view2))
    assert len(np.unique(places)) == 9
    # Two draws, and another one for each batch.
    noise = np.stack([view1 - places, view2 - places])
    assert len(np.unique(np.round(noise, 5))) > 15
    assert 0.004 < noise.std() < 0.02


def test_epochs_differ():
    batches = two_views(ITEMS, _noise(), 5, seed=0)
    first, second = _collect(batches), _collect(batches)
    assert np.round(first).tolist() != np.round(second).tolist()
    assert set(np.round(first).ravel()) == set(np.round(second).ravel()) == set(range(10))


def test_seeds_make_it_reproducible():
    def epochs(seed):
        keras.utils.set_random_seed(1)
        batches = two_views(ITEMS, keras.Sequential([_noise(seed=7)]), 2, seed=seed)
        return np.stack([_collect(batches), _collect(batches)])

    np.testing.assert_array_equal(epochs(3), epochs(3))
    assert np.round(epochs(3)).tolist() != np.round(epochs(4)).tolist()


def test_layers_are_told_that_it_is_training():
    # Without, noise and dropout would do nothing; a layer that does not ask is not told.
    view1, view2 = _collect(two_views(ITEMS + 1, keras.layers.Dropout(0.5), 10))
    assert (view1 == 0).any() and (view1 != view2).any()
    view1, _ = _collect(two_views(ITEMS, keras.layers.Rescaling(2.0), 10))
    assert sorted(view1[0]) == (2 * ITEMS[:, 0]).tolist()


def test_images():
    images = np.zeros((6, 9, 9, 1), "uint8")
    images[:, 4, 4] = 255
    shift = keras.layers.RandomTranslation(0.4, 0.4, fill_mode="constant", interpolation="nearest")
    ((view1, view2),) = next(iter(two_views(images, shift, 6)))
    assert view1.shape == (6, 9, 9, 1)
    places = [tuple(np.argwhere(image)[0]) for image in np.concatenate([view1, view2])]
    assert len(set(places)) > 3


def test_functions():
    def flip(batch):
        return tf.where(tf.random.uniform([len(batch), 1]) < 0.5, -batch, batch)

    view1, view2 = _collect(two_views(ITEMS, flip, 5))
    np.testing.assert_array_equal(abs(view1), abs(view2))
    assert (view1 != view2).any()


@pytest.mark.parametrize("with_labels", [False, True])
def test_datasets(with_labels):
    dataset = tf.data.Dataset.from_tensor_slices(ITEMS)
    if with_labels:
        dataset = dataset.map(lambda item: (item, tf.constant(7)))
    view1, _ = _collect(two_views(dataset, _noise(), 3, seed=0))
    assert view1.shape == (3, 3)
    assert len(np.unique(np.round(view1))) == 9
    # In order, but for two of them.
    view1, _ = _collect(two_views(dataset, _noise(), 3, seed=0, shuffle_buffer=2))
    assert set(np.round(view1[0])) <= {0, 1, 2, 3}
    assert view1.shape == (3, 3)


def test_nests_and_streams():
    stream = tf.data.Dataset.from_tensor_slices({"a": ITEMS, "b": -ITEMS}).repeat()
    batches = two_views(stream, lambda item: {"a": item["a"] + 1, "b": item["b"]}, 4)
    ((view1, view2),) = next(iter(batches))
    assert batches.cardinality() == tf.data.INFINITE_CARDINALITY
    for view in (view1, view2):
        np.testing.assert_array_equal(view["a"] - 1, -view["b"])


def test_sources_are_read_when_needed(tmp_path):
    np.save(tmp_path / "x.npy", ITEMS)
    for x in (ITEMS, np.load(tmp_path / "x.npy", mmap_mode="r")):
        source = from_arrays(x, np.arange(10) % 2)
        view1, view2 = _collect(two_views(source, _noise(), 5, seed=0))
        assert sorted(np.round(view1).ravel()) == list(range(10))
        assert (view1 != view2).all()
        view1, _ = _collect(two_views(source.subset(source.labels == 1), _noise(), 5))
        assert sorted(np.round(view1[0])) == [1, 3, 5, 7, 9]


def test_items_of_several_arrays():
    x = (ITEMS, -ITEMS)
    for items in (from_arrays(x, np.arange(10)), tf.data.Dataset.from_tensor_slices((x,))):
        for ((view1, view2),) in two_views(items, _noise(), 5):
            for first, second in (view1, view2):
                np.testing.assert_array_equal(np.round(first), -np.round(second))


def test_a_weak_and_a_strong_view():
    def strong(batch):
        return batch + tf.random.uniform(tf.shape(batch), 10.0, 20.0)

    view1, view2 = _collect(two_views(ITEMS, (_noise(), strong), 5))
    assert (abs(view1 - np.round(view1)) < 0.1).all()
    assert ((view2 - view1 > 9) & (view2 - view1 < 21)).all()
    with pytest.raises(ValueError, match=r"a pair, one for each view. Received: a tuple of 3"):
        two_views(ITEMS, (strong, strong, strong), 5)
    with pytest.raises(ValueError, match="`augmentation` must be a Keras layer or a function"):
        two_views(ITEMS, (strong, None), 5)


def test_bad_input():
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 2"):
        two_views(ITEMS, _noise(), 1)
    with pytest.raises(ValueError, match=r"`batch_size=11` is more than the 10 items"):
        two_views(ITEMS, _noise(), 11)
    with pytest.raises(ValueError, match="more than the 0 items"):
        two_views(ITEMS[:0], _noise(), 2)
    with pytest.raises(ValueError, match="more than the 1 items"):
        two_views(tf.data.Dataset.from_tensor_slices(ITEMS).batch(10), _noise(), 2)
    with pytest.raises(ValueError, match="`augmentation` must be a Keras layer or a function"):
        two_views(ITEMS, "flip", 2)
    with pytest.raises(ValueError, match="`x` must be a source, an array"):
        two_views({"a": ITEMS}, _noise(), 2)
    with pytest.raises(ValueError, match="`shuffle_buffer` must be an integer of at least 1"):
        two_views(ITEMS, _noise(), 2, shuffle_buffer=0)
    with pytest.raises(ValueError, match="`seed` must be an integer of at least 0"):
        two_views(ITEMS, _noise(), 2, seed=-1)


@pytest.mark.parametrize("x", [(np.zeros((5, 2)), np.zeros(5)), {"a": np.zeros((5, 2))}])
def test_items_of_several_parts_need_a_source(x):
    with pytest.raises(ValueError, match=f"an object of type {type(x).__name__}.*`from_arrays`"):
        two_views(x, keras.layers.GaussianNoise(0.1), batch_size=2)
