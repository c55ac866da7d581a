import itertools
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

import keras_siamese as ks
from keras_siamese.data.sampling import verification
from keras_siamese.data.sampling.plan import Members
from keras_siamese.data.sampling.verification import verification_pairs

# 10 items: 10 matching pairs, 35 different ones.
LABELS = np.array([5, -2, 9, 5, 1, -2, 5, 9, 5, -2])


def unordered(pairs):
    return list(zip(*np.sort([pairs.first, pairs.second], axis=0).tolist(), strict=True))


def check(pairs, labels, num_pairs, num_matching):
    assert pairs.first.dtype == pairs.second.dtype == np.int64
    assert pairs.same.dtype == np.int32
    assert pairs.first.shape == pairs.second.shape == pairs.same.shape == (num_pairs,)
    assert pairs.same.sum() == num_matching
    assert (pairs.first != pairs.second).all()
    assert len(set(unordered(pairs))) == num_pairs
    np.testing.assert_array_equal(labels[pairs.first] == labels[pairs.second], pairs.same == 1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("num_pairs", "fraction", "num_matching"),
    [(1, 1, 1), (4, 0.5, 2), (20, 0.5, 10), (45, 10 / 45, 10), (30, 0, 0), (10, 1, 10)],
)
def test_pairs_are_distinct_and_what_same_says(num_pairs, fraction, num_matching, seed):
    pairs = verification_pairs(LABELS, num_pairs, positive_fraction=fraction, seed=seed)
    check(pairs, LABELS, num_pairs, num_matching)


@pytest.mark.parametrize(
    "labels", [np.arange(3), np.zeros(4, int), [0, 0, 1], [2, 1, 2, 1, 0], LABELS], ids=str
)
def test_all_pairs_there_are(labels):
    labels = np.array(labels)
    pairs = list(itertools.combinations(range(len(labels)), 2))
    matching = sum(labels[a] == labels[b] for a, b in pairs)
    drawn = verification_pairs(labels, len(pairs), positive_fraction=matching / len(pairs))
    check(drawn, labels, len(pairs), matching)
    assert sorted(unordered(drawn)) == pairs


@pytest.mark.parametrize(("num_pairs", "num_matching"), [(4, 2), (16, 8)])
def test_pairs_of_each_kind_are_uniform(num_pairs, num_matching):
    counts, firsts = Counter(), 0
    for seed in range(1500):
        pairs = verification_pairs(LABELS, num_pairs, seed=seed)
        counts.update(unordered(pairs))
        firsts += (pairs.first < pairs.second).sum()
    for a, b in itertools.combinations(range(10), 2):
        share = num_matching / (10 if LABELS[a] == LABELS[b] else 35)
        deviation = np.sqrt(1500 * share * (1 - share))
        assert abs(counts[a, b] - 1500 * share) < 5 * deviation
    assert firsts / (1500 * num_pairs) == pytest.approx(0.5, abs=0.03)


def test_kinds_come_in_random_order():
    same = verification_pairs(np.arange(1000) % 10, 1000).same
    assert 0.4 < same[:200].mean() < 0.6


def test_seeds():
    default, zero, other = (
        verification_pairs(LABELS, 10, **s) for s in ({}, {"seed": 0}, {"seed": 1})
    )
    assert unordered(default) == unordered(zero) != unordered(other)
    drawn = [unordered(verification_pairs(LABELS, 10, seed=None)) for _ in range(2)]
    assert drawn[0] != drawn[1]


def test_names_columns_and_sources():
    names = np.array([f"class {label}" for label in LABELS])[:, None]
    source = ks.data.from_arrays(np.arange(10), LABELS)
    expected = verification_pairs(LABELS, 8)
    for labels in (source, LABELS[:, None]):
        assert unordered(verification_pairs(labels, 8)) == unordered(expected)
    check(verification_pairs(names, 8), names[:, 0], 8, 4)


def test_large_sets_are_not_enumerated():
    # A million items make 5 * 10**11 pairs.
    labels = np.random.default_rng(0).integers(0, 10, 1_000_000)
    pairs = verification_pairs(labels, 200_000)
    low, high = np.sort([pairs.first, pairs.second], axis=0)
    assert len(set((low * 1_000_000 + high).tolist())) == 200_000
    np.testing.assert_array_equal(labels[low] == labels[high], pairs.same == 1)


@pytest.mark.parametrize("last", [10, 10**5 + 3, 123_456_789, 10**9])
def test_ranks_of_pairs_are_exact(last, monkeypatch):
    # Around the rank of the first pair of item `last`, where the square root is rounded.
    first_rank = last * (last - 1) // 2
    ranks = np.array([first_rank - 1, first_rank, first_rank + 1])
    monkeypatch.setattr(verification, "_distinct_ranks", lambda *_: ranks)
    items = Members(np.empty(0, np.int64), np.array([last + 2]))
    pairs = verification._matching_pairs(items, 3, np.random.default_rng(0))
    assert pairs.T.tolist() == [[last - 2, last - 1], [0, last], [1, last]]


def test_batches_hold_the_pairs_in_their_order():
    source = ks.data.from_arrays({"id": np.arange(10)}, LABELS)
    pairs = verification_pairs(source, 15, positive_fraction=0.4)
    dataset = pairs.batches(source, batch_size=4)
    assert dataset.cardinality() == 4
    assert dataset.element_spec[1].dtype == tf.int32
    parts = list(dataset.as_numpy_iterator())
    for i in range(2):
        ids = np.concatenate([x[i]["id"] for x, _ in parts])
        np.testing.assert_array_equal(ids, pairs[i])
    np.testing.assert_array_equal(np.concatenate([same for _, same in parts]), pairs.same)


def test_models_evaluate_them(rng):
    x = rng.normal(size=(10, 3)).astype("float32")
    source = ks.data.from_arrays(x, LABELS)
    pairs = verification_pairs(source, 15, positive_fraction=0.4)
    model = ks.SiameseModel(ks.encoders.mlp((3,), 2, hidden_units=(4,)))
    model.compile("sgd", ks.losses.ContrastiveLoss(1.0), metrics=[ks.metrics.PairAUC()])
    results = model.evaluate(pairs.batches(source), verbose=0)
    arrays = (x[pairs.first], x[pairs.second]), pairs.same
    np.testing.assert_allclose(results, model.evaluate(*arrays, verbose=0), rtol=1e-5)
    embeddings = model.predict(x, verbose=0)
    d = np.linalg.norm(embeddings[pairs.first] - embeddings[pairs.second], axis=1)
    auc = (d[pairs.same == 0] > d[pairs.same == 1][:, None]).mean()
    assert results[1] == pytest.approx(auc, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_pairs": 22}, "Expected 11 matching pairs. Received: items that make 10 of them"),
        ({"num_pairs": 36, "positive_fraction": 0}, "Expected 36 different pairs.*35 of them"),
        ({"num_pairs": 0}, "num_pairs"),
        ({"num_pairs": 4, "positive_fraction": -1}, "positive_fraction"),
        ({"num_pairs": 4, "seed": -1}, "seed"),
        ({"num_pairs": 2, "labels": ["a", None, "a"]}, "No label may be missing"),
        ({"num_pairs": 2, "labels": [0, 0]}, "Expected 1 different pairs. Received: .* 0 of them"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        verification_pairs(**({"labels": LABELS} | arguments))


def test_pairs_of_another_source_are_refused():
    source = ks.data.from_arrays(np.arange(5), LABELS[:5])
    with pytest.raises(ValueError, match=r"0 to 4\. Received: 0 to 9"):
        verification_pairs(LABELS, 20).batches(source)


def test_batches_of_what_is_no_source():
    with pytest.raises(ValueError, match=r"`from_arrays\(x, y\)`. Received: .* type ndarray"):
        verification_pairs(["a", "a", "b"], 2).batches(np.zeros(3))
