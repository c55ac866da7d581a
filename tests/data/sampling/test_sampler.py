import copy
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from keras_siamese.data.sampling.pk import pk_batches
from keras_siamese.data.sampling.planner import PKOptions
from keras_siamese.data.sampling.sampler import PKSampler, Sampler, find_sampler

LABELS = np.repeat(10 * np.arange(12), 6)
ITEMS = np.arange(len(LABELS))


def batches_of(**arguments):
    defaults = {"classes_per_batch": 4, "examples_per_class": 2, "seed": 0}
    return pk_batches(ITEMS, LABELS, **(defaults | arguments))


def epoch_of(dataset):
    return [items.tolist() for items, _ in dataset.as_numpy_iterator()]


def meetings_of(epoch):
    """How often two classes share a batch."""
    return Counter(
        (a, b)
        for batch in epoch
        for a in set(LABELS[batch].tolist())
        for b in set(LABELS[batch].tolist())
        if a < b
    )


def test_sampler_is_found_behind_other_datasets():
    dataset = batches_of()
    other = tf.data.Dataset.range(5)
    assert isinstance(dataset.sampler, PKSampler)
    assert dataset.sampler.options == PKOptions(4, 2)
    assert dataset.sampler.classes.tolist() == list(range(0, 120, 10))
    assert find_sampler(dataset) is dataset.sampler
    assert find_sampler(dataset.repeat().batch(2)) is dataset.sampler
    assert find_sampler(tf.data.Dataset.zip(other, dataset)) is dataset.sampler
    assert find_sampler(other) is None
    assert find_sampler(ITEMS) is None


def test_a_deep_copy_is_the_sampler_itself():
    sampler = batches_of().sampler
    assert copy.deepcopy({"of": sampler})["of"] is sampler


def test_a_sampler_of_other_batches_has_no_options():
    assert Sampler().options is None


def test_table_of_those_alike():
    sampler = PKSampler(PKOptions(2, 2), np.array([3, 5, 9]))
    assert sampler.alike.shape[0] == 3 and sampler.alike.numpy().size == 0
    sampler.keep_together({9: [5, 7, 3], 4: [3], 3: []})
    np.testing.assert_array_equal(sampler.alike, [[-1] * 3, [-1] * 3, [1, 0, -1]])
    sampler.keep_together({})
    assert sampler.alike.numpy().size == 0


def test_classes_are_kept_together_from_the_next_epoch_on():
    dataset = batches_of(steps_per_epoch=30)
    plain = [epoch_of(dataset) for _ in range(2)]
    together = {10 * i: [10 * (i ^ 1)] for i in range(12)}  # 0 and 10, 20 and 30, ...

    dataset.sampler.epoch_counter.assign(0)
    iterator = dataset.as_numpy_iterator()
    first = [next(iterator)[0].tolist()]
    dataset.sampler.keep_together(together)
    first += [items.tolist() for items, _ in iterator]
    second = epoch_of(dataset)
    assert first == plain[0]
    assert second != plain[1]

    meetings = meetings_of(second)
    pairs = {(a, others[0]) for a, others in together.items() if a < others[0]}
    # 30 batches are ten rounds: a pair meets once in each.
    assert all(meetings[pair] == 10 for pair in pairs)
    assert np.mean([meetings_of(plain[1])[pair] for pair in pairs]) < 5
    assert Counter(LABELS[np.ravel(second)].tolist()) == dict.fromkeys(range(0, 120, 10), 20)
    counts = np.bincount(np.ravel(second)).reshape(12, 6)
    assert (np.ptp(counts, axis=1) <= 1).all()

    dataset.sampler.epoch_counter.assign(1)
    assert epoch_of(dataset) == second
    dataset.sampler.epoch_counter.assign(1)
    dataset.sampler.keep_together({})
    assert epoch_of(dataset) == plain[1]


def test_names_of_classes_are_refused():
    dataset = pk_batches(ITEMS, LABELS.astype(str), classes_per_batch=2, examples_per_class=2)
    dataset.sampler.keep_together({0: [1]})
    with pytest.raises(ValueError, match=r"`source\.class_ids`.*none of them, but \['0'\]"):
        dataset.sampler.keep_together({"0": ["10"]})


def test_classes_of_super_classes_are_not_kept_together():
    sampler = PKSampler(PKOptions(4, 2, super_classes_per_batch=2), np.arange(12))
    with pytest.raises(ValueError, match=r"super_classes_per_batch=2`\. Leave it out"):
        sampler.keep_together({1: [2]})


def test_iterator_checkpoint_holds_who_was_kept_together(tmp_path):
    dataset = batches_of(steps_per_epoch=30)
    dataset.sampler.keep_together({0: [110], 20: [90]})
    iterator = iter(dataset)
    for _ in range(4):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
    dataset.sampler.keep_together({0: [10, 20, 30]})
    dataset.sampler.epoch_counter.assign(77)
    rest = [items.numpy().tolist() for items, _ in iterator]
    assert len(rest) == 26
    resumed = iter(dataset)
    tf.train.Checkpoint(iterator=resumed).restore(path).assert_consumed()
    assert [items.numpy().tolist() for items, _ in resumed] == rest


PROGRAM = """
import sys
import numpy as np, tensorflow as tf
from keras_siamese.data import from_arrays, pk_batches
labels = np.repeat([f"class {i}" for i in range(12)], 6)
source = from_arrays(np.arange(72), labels, groups=np.repeat(np.arange(3), 24))
options = dict(classes_per_batch=4, examples_per_class=2, steps_per_epoch=30, seed=11)
dataset = pk_batches(source, **options)
dataset.sampler.keep_together({0: [11], 2: [9]})
by_group = pk_batches(source, super_classes_per_batch=2, class_weighting="sqrt", **options)
iterator = iter(dataset)
checkpoint = tf.train.Checkpoint(iterator=iterator, epoch=dataset.sampler.epoch_counter)
if sys.argv[1] == "save":
    for _ in range(17):
        next(iterator)
    checkpoint.write(sys.argv[2])
else:
    checkpoint.read(sys.argv[2]).assert_consumed()
batches = [x.numpy().tolist() for x, _ in iterator]
batches += [x.numpy().tolist() for x, _ in dataset] + [x.numpy().tolist() for x, _ in by_group]
print(batches)
"""


def test_another_process_goes_on_with_the_next_batch(tmp_path, monkeypatch, capsys):
    path = str(tmp_path / "state")
    monkeypatch.setattr(sys, "argv", ["", "save", path])
    exec(PROGRAM, {})
    saved = capsys.readouterr().out
    assert saved.count("],") == 13 + 30 + 30 - 1
    restore = [sys.executable, "-c", PROGRAM, "restore", path]
    run = subprocess.run(restore, capture_output=True, text=True, timeout=300, check=True)
    assert run.stdout == saved
