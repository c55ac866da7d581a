import contextlib
import subprocess
import sys
import textwrap
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sampling.sampler import find_sampler
from keras_siamese.data.sources.arrays import as_source
from keras_siamese.data.sources.stream import from_stream

# 250 items of 12 classes, each class within one of 4 super-classes.
LABELS = 10 * np.random.default_rng(3).integers(0, 12, 250)
GROUPS = np.array(["a", "b", "c", "d"])[LABELS // 10 % 4]
ITEMS = np.arange(250)


def stream_of(*parts, buffer_size=100, **arguments):
    parts = parts or (ITEMS, LABELS)
    dataset = tf.data.Dataset.from_tensor_slices(parts)
    return from_stream(dataset, buffer_size=buffer_size, **arguments)


def batches_of(stream=None, **arguments):
    defaults = {"classes_per_batch": 4, "examples_per_class": 3, "seed": 0}
    return pk_batches(stream or stream_of(), **(defaults | arguments))


def epoch_of(dataset):
    return [items.tolist() for items, _ in dataset.as_numpy_iterator()]


def test_batches_hold_p_classes_of_k_items_of_one_buffer():
    dataset = batches_of()
    assert dataset.element_spec[0].shape == dataset.element_spec[1].shape == (12,)
    buffers = []
    for items, labels in dataset.as_numpy_iterator():
        np.testing.assert_array_equal(labels, LABELS[items])
        by_class = labels.reshape(4, 3)
        assert (by_class == by_class[:, :1]).all()
        assert len(set(by_class[:, 0].tolist())) == 4
        assert len(set(items.tolist())) == 12
        assert len(set(items // 100)) == 1
        buffers.append(items[0] // 100)
    # 100 items fill 8 batches; the 50 of the last buffer 4, or fewer without its short classes.
    assert buffers[:16] == [0] * 8 + [1] * 8
    assert set(buffers[16:]) == {2}


@pytest.mark.parametrize(
    "labels", [LABELS[:, None], LABELS.astype(np.uint8), 2**62 + LABELS, LABELS > 50]
)
def test_labels_of_any_kind(labels):
    stream = stream_of(ITEMS, labels, labels)
    dataset = batches_of(stream, classes_per_batch=2, super_classes_per_batch=2)
    assert dataset.element_spec[1] == tf.TensorSpec((6,), tf.int64)
    for items, y in dataset.as_numpy_iterator():
        np.testing.assert_array_equal(y, labels.ravel()[items])


def test_a_buffer_is_sampled_as_a_source_is():
    # One buffer of everything has the evenness of an epoch.
    dataset = batches_of(stream_of(buffer_size=250), steps_per_epoch=20)
    visits = Counter(label for _, y in dataset.as_numpy_iterator() for label in y[::3].tolist())
    assert set(visits) == set(LABELS.tolist())
    assert max(visits.values()) - min(visits.values()) <= 1
    seen = Counter(item for batch in epoch_of(dataset) for item in batch)
    for label in np.unique(LABELS):
        counts = [seen[item] for item in ITEMS[LABELS == label]]
        assert max(counts) - min(counts) <= 1


def test_a_dataset_is_a_stream():
    dataset = tf.data.Dataset.from_tensor_slices((ITEMS, LABELS))
    assert epoch_of(batches_of(dataset)) == epoch_of(batches_of(from_stream(dataset)))
    with pytest.raises(ValueError, match="has its own labels"):
        batches_of(dataset, y=LABELS)


def test_equal_seeds_give_equal_epochs_and_each_epoch_and_buffer_differ():
    first, second = batches_of(), batches_of()
    epochs = [epoch_of(first) for _ in range(3)]
    assert [epoch_of(second) for _ in range(3)] == epochs
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert epoch_of(batches_of(seed=1)) not in epochs
    alike = stream_of(np.tile(ITEMS[:100], 2), np.tile(LABELS[:100], 2))
    epoch = epoch_of(batches_of(alike))
    assert epoch[:8] != epoch[8:]


def test_epoch_counter_rules_the_order():
    dataset = batches_of().map(lambda x, y: (x, y)).prefetch(1)
    epochs = [epoch_of(dataset) for _ in range(3)]
    counter = find_sampler(dataset).epoch_counter
    assert counter.numpy() == 3
    counter.assign(1)
    assert epoch_of(dataset) == epochs[1]
    counter.assign(0)
    assert epoch_of(dataset.repeat(2)) == epochs[0] + epochs[1]


def test_steps_and_cardinality():
    whole = batches_of()
    assert whole.cardinality() == tf.data.UNKNOWN_CARDINALITY
    few, many = batches_of(steps_per_epoch=5), batches_of(steps_per_epoch=50)
    assert few.cardinality() == 5
    assert many.cardinality() == 50
    epoch = epoch_of(whole)
    assert epoch_of(few) == epoch[:5]
    longer = epoch_of(many)
    assert len(longer) == 50
    # The stream is read again, buffer by buffer, and other batches are made of it.
    assert longer[: len(epoch)] == epoch
    again = longer[len(epoch) :]
    assert {item // 100 for item in again[0]} == {0}
    assert again[: len(epoch)] != epoch


def test_an_endless_stream_says_so():
    endless = tf.data.Dataset.from_tensor_slices((ITEMS, LABELS)).repeat()
    dataset = batches_of(endless)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    assert len(list(dataset.take(100))) == 100
    assert batches_of(endless, steps_per_epoch=3).cardinality() == 3


def test_only_what_is_left_at_the_end_may_fill_no_batch():
    # The last 20 items have one class: enough for a batch, if they were mixed.
    labels = np.append(LABELS[:100], np.zeros(20, int))
    dataset = batches_of(stream_of(ITEMS[:120], labels), steps_per_epoch=16)
    with pytest.warns(UserWarning, match="end of the stream is left out.*20 items of 1 classes"):
        epoch = epoch_of(dataset)
    assert max(item for batch in epoch for item in batch) < 100
    # 11 items are not enough, however they come.
    assert len(epoch_of(batches_of(stream_of(ITEMS[:111], labels[:111])))) == 8


@pytest.mark.parametrize("p", [2, 11])
def test_short_classes_are_dropped_or_repeated(p):
    # In the buffer of 30 items, classes 0 to 9 have two items and class 10 has ten.
    labels = np.concatenate([np.repeat(np.arange(10), 2), np.full(10, 10)])
    stream = stream_of(ITEMS[:30], labels)
    repeated = list(batches_of(stream, classes_per_batch=p, short_classes="repeat"))
    for items, _ in repeated:
        assert all(len(set(visit)) >= 2 for visit in items.numpy().reshape(p, 3).tolist())
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(10 short ones were dropped\)"):
        list(batches_of(stream, classes_per_batch=p))
    with pytest.raises(ValueError, match='"drop" or "repeat"'):
        batches_of(stream, short_classes="error")


def test_ranges_of_examples():
    dataset = batches_of(examples_per_class=(2, 4), classes_per_batch=3)
    assert dataset.element_spec[0].shape == (None,)
    sizes = set()
    for items, labels in dataset.as_numpy_iterator():
        counts = Counter(labels.tolist())
        assert len(counts) == 3
        assert all(2 <= count <= 4 for count in counts.values())
        np.testing.assert_array_equal(labels, LABELS[items])
        sizes.add(len(items))
    assert len(sizes) > 1


def test_classes_of_few_super_classes():
    stream = stream_of(ITEMS, LABELS, GROUPS)
    dataset = batches_of(stream, super_classes_per_batch=2, examples_per_class=2)
    for items, _ in dataset.as_numpy_iterator():
        classes_of = {group: set() for group in GROUPS[items]}
        for item in items:
            classes_of[GROUPS[item]].add(LABELS[item])
        assert [len(classes) for classes in classes_of.values()] == [2, 2]
    assert len(epoch_of(dataset)) > 20
    with pytest.raises(ValueError, match=r"stream of \(x, label, group\)"):
        batches_of(super_classes_per_batch=2)


def test_weights_by_size():
    labels = np.array([0] * 60 + [1] * 30 + [2] * 30)
    stream = stream_of(ITEMS[:120], labels, buffer_size=120)
    dataset = batches_of(stream, classes_per_batch=2, class_weighting="size", steps_per_epoch=20)
    visits = Counter(label for _, y in dataset.as_numpy_iterator() for label in y[::3].tolist())
    assert visits[0] == 20
    assert visits[1] + visits[2] == 20


@pytest.mark.parametrize("buffer_size", [100, 250])
def test_iterator_checkpoint_continues_mid_buffer(tmp_path, buffer_size):
    shuffled = tf.data.Dataset.from_tensor_slices((ITEMS, LABELS)).shuffle(50, seed=1)
    stream = from_stream(shuffled, buffer_size=buffer_size, decode=lambda item: item + 1)
    dataset = batches_of(stream).map(lambda x, y: (2 * x, y))
    iterator = iter(dataset)
    for _ in range(3):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
    rest = [items.numpy().tolist() for items, _ in iterator]
    assert len(rest) > 12
    resumed = iter(dataset)
    tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
    assert [items.numpy().tolist() for items, _ in resumed] == rest


def test_only_chosen_items_are_decoded():
    decoded = []

    def note(number):
        decoded.append(int(number))
        return np.float32(number)

    def decode(text):
        number = tf.numpy_function(note, [tf.strings.to_number(text)], tf.float32)
        return tf.ensure_shape(number, ())

    stream = stream_of(np.array([str(item) for item in ITEMS]), LABELS, decode=decode)
    dataset = batches_of(stream, steps_per_epoch=4, classes_per_batch=2, examples_per_class=2)
    assert dataset.element_spec[0] == tf.TensorSpec((4,), tf.float32)
    items = [item for batch in epoch_of(dataset) for item in batch]
    assert sorted(decoded) == sorted(items)


def test_nests_keep_structure_dtypes_and_static_shapes():
    raw = {"image": np.zeros((250, 4, 4, 1), np.uint8), "more": (ITEMS, GROUPS)}
    dataset = batches_of(stream_of(raw, LABELS))
    assert dataset.element_spec[0]["image"] == tf.TensorSpec((12, 4, 4, 1), tf.uint8)
    x, labels = next(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(labels, LABELS[x["more"][0]])
    assert [name.decode() for name in x["more"][1]] == GROUPS[x["more"][0]].tolist()


@pytest.mark.parametrize("steps_per_epoch", [None, 30])
def test_an_empty_stream_is_refused_when_read(steps_per_epoch):
    nothing = tf.data.Dataset.from_tensor_slices((ITEMS, LABELS)).filter(lambda x, y: y < 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="The stream is empty"):
        list(batches_of(nothing, steps_per_epoch=steps_per_epoch))


def test_a_sorted_stream_starves_and_says_so():
    model = ks.SiameseModel(ks.encoders.mlp((1,), embedding_dim=2, hidden_units=()))
    model.compile(loss=ks.losses.TripletLoss())
    stream = stream_of(ITEMS[:, None].astype(np.float32), np.sort(LABELS), buffer_size=60)
    message = (
        "ValueError: No batch can be made of a buffer of 60 items of 3 classes. "
        "`classes_per_batch=4` is more than the 3 classes to draw from.* come sorted, mix them: "
        "shuffle the order of the files.*interleave.*buffer_size.*from_dataset"
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        model.fit(batches_of(stream), verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        next(iter(batches_of(stream)))


@pytest.mark.parametrize("num_short", [30, 31])
def test_a_stream_of_rare_classes_says_what_is_left_out(num_short):
    # Classes 0 to 4 have 6 items each; all others have one.
    labels = np.append(np.repeat(np.arange(5), 6), 5 + np.arange(num_short))
    batches = batches_of(stream_of(ITEMS[: 30 + num_short], labels))
    message = r"Most of the stream is left out: of the 61 items in its first buffer, 31 are of .*"
    is_most = num_short > 30
    with pytest.warns(UserWarning, match=message) if is_most else contextlib.nullcontext():
        assert len(list(batches)) == 2


def test_a_sorted_stream_that_fills_batches_says_so_too():
    labels = np.repeat(np.arange(25), 10)
    message = r"come sorted, so that only those in one buffer, 10 in the first, .* Better mix them"
    with pytest.warns(UserWarning, match=message):
        next(iter(batches_of(stream_of(ITEMS, labels))))
    # In one buffer all of them meet.
    next(iter(batches_of(stream_of(ITEMS, labels, buffer_size=250))))
    next(iter(batches_of(stream_of(ITEMS, labels, buffer_size=300))))


# What Keras says at the end of each epoch of a dataset of unknown cardinality.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_fit_from_a_stream_of_unknown_length():
    images = keras.utils.normalize(np.random.default_rng(0).normal(size=(250, 3)))
    stream = stream_of(images.astype(np.float32), LABELS)
    model = ks.SiameseModel(ks.encoders.mlp((3,), embedding_dim=2, hidden_units=()))
    model.compile(loss=ks.losses.TripletLoss())
    steps = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(batch)
    )
    dataset = batches_of(stream)
    model.fit(dataset, epochs=2, verbose=0, callbacks=[count])
    assert steps == 2 * list(range(len(epoch_of(dataset))))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_holds_two_buffers_of_a_long_stream():
    # 200 MB in all, 10 MB in a buffer, 2.4 MB in a batch.
    code = """
    import re
    import tensorflow as tf
    import keras_siamese as ks

    def own_megabytes():  # in memory for this process alone
        with open("/proc/self/status") as status:
            return int(re.search(r"RssAnon:\\s+(\\d+) kB", status.read())[1]) / 1024

    def item(i):
        return tf.fill((25_000,), tf.cast(i, tf.float32)), i % 10

    stream = ks.data.from_stream(tf.data.Dataset.range(2000).map(item), buffer_size=100)
    batches = ks.data.pk_batches(stream, classes_per_batch=8, examples_per_class=3, seed=0)
    start, peak = own_megabytes(), 0
    for x, y in batches.as_numpy_iterator():
        assert (x[:, 0] % 10 == y).all()
        peak = max(peak, own_megabytes() - start)
    print(peak)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert float(run.stdout) < 100


def test_streams_are_no_sources():
    for data in (stream_of(), tf.data.Dataset.from_tensor_slices((ITEMS, LABELS))):
        with pytest.raises(ValueError, match=r"becomes a source by `from_dataset`"):
            as_source(data)
