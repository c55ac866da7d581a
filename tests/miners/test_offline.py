from collections import Counter

import keras
import numpy as np
import pytest
from loss_harness import DISTANCES, LABELS, tensorflow_only
from reference import loops

from keras_siamese.losses import TripletLoss
from keras_siamese.miners import mine_triplets
from keras_siamese.miners import offline as module

# The case that tells all readings of "semi-hard" apart, with margin 0.6: see test_semi_hard.py.
POINTS = np.array([[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]])
POINT_LABELS = np.array([0, 0, 0, 1, 1, 1])
NEAREST = [(0, 1, 3), (0, 2, 4), (1, 0, 3), (1, 2, 4), (4, 3, 1), (5, 3, 1), (5, 4, 2)]


def triplet_set(triplets):
    assert triplets.dtype == np.int64
    assert triplets.ndim == 2 and triplets.shape[1] == 3
    mined = sorted(map(tuple, triplets.tolist()))
    assert len(set(mined)) == len(mined)
    return mined


def test_golden():
    mined = mine_triplets(POINTS, POINT_LABELS, 100, margin=0.6)
    assert triplet_set(mined) == NEAREST
    # The nearest of all: 3 from 0, 0.2 and 0.9 but for 0.9, from which 4 is nearer; 2 from 3; ...
    mined = mine_triplets(POINTS, POINT_LABELS, 100, negative="hardest")
    nearest = {0: 3, 1: 3, 2: 4, 3: 1, 4: 2, 5: 2}
    pairs = [(a, p) for a in range(6) for p in range(6) if a != p and a // 3 == p // 3]
    assert triplet_set(mined) == [(a, p, nearest[a]) for a, p in pairs]


def test_golden_without_an_upper_end():
    mined = mine_triplets(POINTS, POINT_LABELS, 100, margin=None)
    assert triplet_set(mined) == sorted([*NEAREST, (2, 0, 5), (2, 1, 5)])


@pytest.mark.parametrize("block", [1, 40, 2**22])
@pytest.mark.parametrize("distance", DISTANCES)
def test_against_loops(rng, distance, block, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", block)
    for name in ("shuffled", "ragged"):
        labels, embeddings = LABELS[name], rng.normal(size=(12, 3)).astype("float32")
        d = loops.distances(distance, embeddings)
        expected = loops.semi_hard(d, labels, negative="nearest", fallback="skip", margin=0.3)
        mined = mine_triplets(embeddings, labels[:, None], 1000, margin=0.3, distance=distance)
        assert triplet_set(mined) == sorted(expected)
        expected = [
            (a, p, min(negatives, key=lambda n: d[a][n]))
            for a, p, negatives in loops.positive_pairs(labels)
        ]
        mined = mine_triplets(embeddings, labels, 1000, negative="hardest", distance=distance)
        assert triplet_set(mined) == sorted(expected)


def test_no_anchor_makes_up_for_another():
    # 6 anchors, of which two have no such negative and one has one positive: 4 of 6, and 7 of 12.
    assert [len(mine_triplets(POINTS, POINT_LABELS, n, margin=0.6)) for n in (6, 7)] == [4, 7]


def test_names_as_labels():
    mined = mine_triplets(POINTS, list("aaabbb"), 100, margin=0.6)
    assert triplet_set(mined) == NEAREST


@pytest.mark.parametrize("negative", ["semi_hard", "hardest"])
def test_anchors_come_evenly(rng, negative, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 40 * 7)
    x, labels = rng.normal(size=(40, 2)), np.append(np.arange(39) % 3, 9)
    for num_triplets, most in ((25, 1), (39, 1), (40, 2), (100, 3)):
        mined = mine_triplets(x, labels, num_triplets, negative=negative, margin=10.0, seed=1)
        assert len(triplet_set(mined)) <= num_triplets
        anchors = Counter(mined[:, 0].tolist())
        assert max(anchors.values()) == most
        assert 39 not in anchors
        if negative == "hardest":
            assert len(mined) == num_triplets
    assert len(anchors) > 30


def test_positives_and_anchors_are_random(rng):
    x, labels = rng.normal(size=(8, 2)), np.arange(8) % 2
    positives, firsts = Counter(), Counter()
    for seed in range(600):
        mined = mine_triplets(x, labels, 8, negative="hardest", seed=seed)
        positives[mined[mined[:, 0] == 0][0, 1]] += 1
        firsts[mined[0, 0]] += 1
    assert set(positives) == {2, 4, 6}
    assert all(140 < count < 260 for count in positives.values())
    assert all(40 < firsts[item] < 115 for item in range(8))


def test_seed(rng):
    x, labels = rng.normal(size=(40, 2)), np.arange(40) % 3
    mined = [mine_triplets(x, labels, 20, margin=5.0, seed=seed).tolist() for seed in (3, 3, 4)]
    assert mined[0] == mined[1] != mined[2]
    keras.utils.set_random_seed(1)
    first, second = (mine_triplets(x, labels, 20, margin=5.0).tolist() for _ in range(2))
    keras.utils.set_random_seed(1)
    assert mine_triplets(x, labels, 20, margin=5.0).tolist() == first != second


def test_collapsed_embeddings_have_no_semi_hard_negatives():
    x, labels = np.ones((6, 2)), [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match=r"None of the 6 anchors .* margin=0\.2.*collapsed"):
        mine_triplets(x, labels, 5)
    assert len(mine_triplets(x, labels, 5, negative="hardest")) == 5


@tensorflow_only
def test_mined_triplets_train(rng):
    import keras_siamese as ks

    labels = np.arange(60) % 3
    x = (np.eye(3)[labels] + rng.normal(size=(60, 3))).astype("float32")
    source = ks.data.from_arrays(x, labels)
    model = ks.SiameseModel(ks.encoders.mlp((3,), 2, hidden_units=(4,)))
    model.compile(keras.optimizers.SGD(0.0), TripletLoss(0.2))
    embeddings = model.predict(x, verbose=0)
    triplets = mine_triplets(embeddings, source.class_ids, 30)
    batches = ks.data.triplet_batches(source, batch_size=len(triplets), triplets=triplets)
    a, p, n = embeddings[triplets.T]
    d_ap, d_an = np.linalg.norm(a - p, axis=1), np.linalg.norm(a - n, axis=1)
    assert ((d_an > d_ap) & (d_an < d_ap + 0.2)).all()
    loss = model.fit(batches, verbose=0).history["loss"][0]
    assert loss == pytest.approx((d_ap - d_an + 0.2).mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_triplets": 0}, "num_triplets"),
        ({"negative": "semihard"}, "Did you mean 'semi_hard'"),
        ({"margin": 0.0}, "margin"),
        ({"distance": "euclid"}, "Did you mean 'euclidean'"),
        ({"labels": [0, 0, 0]}, "no negative"),
        ({"labels": [0, 1, 2]}, "no positive"),
        ({"labels": [0, 1]}, "as many labels"),
        ({"labels": [0.0, 0.0, 1.0]}, "whole numbers"),
        ({"seed": -1}, "seed"),
        ({"embeddings": np.zeros((3, 2, 2))}, "embedding_dim"),
        ({"embeddings": [[0.0], [np.nan], [np.inf]]}, "NaN or infinity in 2 of 3 rows"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    good = {"embeddings": np.arange(3.0)[:, None], "labels": [0, 0, 1], "num_triplets": 2}
    with pytest.raises(ValueError, match=message):
        mine_triplets(**(good | arguments))
