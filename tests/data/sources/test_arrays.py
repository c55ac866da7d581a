import gc
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.inputs import is_mapped
from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sources.arrays import as_source, from_arrays

LABELS = np.arange(40) % 4
ROWS = np.arange(240, dtype=np.float32).reshape(40, 3, 2)


def mapped(folder, array, name="array"):
    np.save(folder / f"{name}.npy", array)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


@pytest.mark.parametrize("dtype", ["f4", "f2", ">f4", ">i2", "u1", "?", "u8", "S5"])
def test_mapped_rows_are_those_in_memory(tmp_path, dtype):
    array = np.arange(40).astype(dtype)
    in_memory, in_file = from_arrays(array, LABELS), from_arrays(mapped(tmp_path, array), LABELS)
    for source in (in_memory, in_file):
        x, _ = source.arrays()
        assert x.tolist() == array.tolist()
    for dataset in (
        lambda source: source.batches(16),
        lambda source: pk_batches(source, classes_per_batch=2, examples_per_class=3, seed=0),
    ):
        first, second = dataset(in_memory), dataset(in_file)
        assert first.element_spec == second.element_spec
        for expected, received in zip(first, second, strict=True):
            np.testing.assert_array_equal(expected[0], received[0])
            np.testing.assert_array_equal(expected[1], received[1])


def test_names_in_a_file(tmp_path):
    texts = np.array([f"täxt {i}" for i in range(40)])
    source = from_arrays(mapped(tmp_path, texts), LABELS)
    x = np.concatenate([x for x, _ in source.batches(16).as_numpy_iterator()])
    assert [text.decode() for text in x] == texts.tolist()
    part, _ = source.subset([3, 1]).subset([1, 0]).arrays()
    assert part.tolist() == [texts[1], texts[3]]


def test_nests_mix_mapped_and_in_memory(tmp_path):
    image = mapped(tmp_path, ROWS)
    source = from_arrays({"image": image, "more": (np.arange(40), [1.5] * 40)}, LABELS)
    part = source.subset(LABELS == 3).subset([2, 0])
    x, _ = part.arrays()
    np.testing.assert_array_equal(x["image"], ROWS[[11, 3]])
    assert x["more"][0].tolist() == [11, 3]
    dataset = pk_batches(source, classes_per_batch=2, examples_per_class=3)
    assert dataset.element_spec[0]["image"] == tf.TensorSpec((6, 3, 2), tf.float32)


def test_parts_of_mapped_arrays_are_mapped(tmp_path):
    array = mapped(tmp_path, ROWS)
    for part in (array[10:], array[::2], array.reshape(40, 6), np.asarray(array)):
        assert is_mapped(part)
        assert not is_mapped(part.copy())
        x, _ = from_arrays(part, LABELS[: len(part)]).arrays()
        np.testing.assert_array_equal(x, part)


def test_mapped_rows_are_read_when_they_are_asked_for(tmp_path):
    array = np.lib.format.open_memmap(tmp_path / "array.npy", "w+", np.int64, (40,))
    source = from_arrays(array, LABELS)
    part = source.subset([3, 5])
    batches = part.batches()
    array[:] = np.arange(40)
    assert part.arrays()[0].tolist() == [3, 5]
    array[5] = -1
    assert next(batches.as_numpy_iterator())[0].tolist() == [3, -1]


def test_files_are_closed_with_the_source(tmp_path):
    array = mapped(tmp_path, ROWS)
    file = weakref.ref(array)
    iterator = iter(from_arrays(array, LABELS).subset(np.arange(20)).batches(5).prefetch(1))
    del array
    gc.collect()
    assert len(list(iterator)) == 4
    del iterator
    gc.collect()
    assert file() is None


def test_iterator_checkpoint_over_a_mapped_array(tmp_path):
    source = from_arrays(mapped(tmp_path, ROWS), LABELS)
    for dataset in (
        pk_batches(source, classes_per_batch=2, examples_per_class=2, seed=0),
        source.subset(LABELS > 0).batches(5),
    ):
        iterator = iter(dataset)
        next(iterator)
        path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
        rest = [x.numpy().tolist() for x, _ in iterator]
        assert len(rest) > 3
        resumed = iter(dataset)
        tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
        assert [x.numpy().tolist() for x, _ in resumed] == rest


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_epoch_over_a_large_file_takes_constant_memory(tmp_path):
    # 200 MB in the file, 2.4 MB in a batch.
    code = """
    import re, sys
    import numpy as np
    import keras_siamese as ks

    def own_megabytes():  # in memory for this process alone, without pages of files
        with open("/proc/self/status") as status:
            return int(re.search(r"RssAnon:\\s+(\\d+) kB", status.read())[1]) / 1024

    array = np.lib.format.open_memmap(sys.argv[1], "w+", np.float32, (2000, 25_000))
    labels = np.arange(2000) % 10
    array[:, 0] = labels
    array = np.load(sys.argv[1], mmap_mode="r")
    source = ks.data.from_arrays(array, labels)
    start = own_megabytes()
    parts = ks.data.class_disjoint_split(source, fractions=(0.8, 0.2), seed=0)
    print("split", own_megabytes() - start)
    batches = ks.data.pk_batches(parts[0], classes_per_batch=8, examples_per_class=3, seed=0)
    peak = 0
    for x, y in batches.as_numpy_iterator():
        assert (x[:, 0] == y).all()
        peak = max(peak, own_megabytes() - start)
    print("epoch", peak)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "array.npy")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    megabytes = dict(line.split() for line in run.stdout.splitlines())
    assert float(megabytes["split"]) < 5
    assert float(megabytes["epoch"]) < 100


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(40, [("a", "f4"), ("b", "i4")]), "structured array.*dict of arrays"),
        (np.zeros(40, "M8[D]"), r"astype\(\"int64\"\)"),
        ({"a": np.zeros(40), "b": np.zeros(39)}, "as many labels"),
        (np.array([None] * 40), "numbers or strings"),
    ],
)
def test_bad_arrays_are_refused(tmp_path, x, message):
    with pytest.raises(ValueError, match=message):
        from_arrays(x, LABELS)


def test_structured_files_are_refused(tmp_path):
    records = mapped(tmp_path, np.zeros(40, [("pixels", "u1", (4,)), ("label", "u1")]))
    with pytest.raises(ValueError, match="dict of arrays"):
        from_arrays(records, LABELS)
    x, _ = from_arrays(records["pixels"], records["label"]).arrays()
    assert x.shape == (40, 4)


def test_sources_and_arrays_become_sources():
    source = from_arrays(ROWS, LABELS)
    assert as_source(source) is source
    np.testing.assert_array_equal(as_source(ROWS, LABELS).arrays()[0], ROWS)
    with pytest.raises(ValueError, match="its own labels"):
        as_source(source, LABELS)
    with pytest.raises(ValueError, match="`x` of type ndarray, and no `y`"):
        as_source(ROWS)
