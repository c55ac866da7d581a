"""few_shot_accuracy: against an enumeration of all episodes, ties, groups, bad input."""

import itertools

import keras
import numpy as np
import pytest

from keras_siamese.evaluation import few_shot, few_shot_accuracy


def nearest_support(query, support):
    return min(np.linalg.norm(query - item) for item in support)


def nearest_prototype(query, support):
    return np.linalg.norm(query - np.mean(support, axis=0))


def every_episode(embeddings, labels, ways, shots, to_class=nearest_prototype):
    """Exact expected accuracy with one query a class, by going through all episodes in float64."""
    credits = []
    draws = {
        c: [
            ([embeddings[i] for i in support], embeddings[query])
            for support in itertools.combinations(
                [i for i in range(len(labels)) if labels[i] == c], shots
            )
            for query in range(len(labels))
            if labels[query] == c and query not in support
        ]
        for c in set(labels)
    }
    for classes in itertools.combinations(sorted(draws), ways):
        for episode in itertools.product(*(draws[c] for c in classes)):
            for own, (_, query) in enumerate(episode):
                d = [to_class(query, support) for support, _ in episode]
                credits.append((d[own] == min(d)) / d.count(min(d)))
    return np.mean(credits)


@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (3, 1), (2, 2), (4, 3)])
def test_agrees_with_all_episodes(ways, shots, rng):
    labels = np.repeat(["a", "b", "c", "d"], 3 if ways == 3 else 4)
    means = np.repeat(rng.normal(size=(4, 2)), len(labels) // 4, axis=0)
    embeddings = means + rng.normal(size=(len(labels), 2))
    wanted = every_episode(embeddings, labels.tolist(), ways, shots)
    assert 0.3 < wanted < 0.9
    order = rng.permutation(len(labels))
    result = few_shot_accuracy(
        embeddings[order], labels[order], ways=ways, shots=shots, episodes=20_000
    )
    # 2.5 half-widths are 4.9 standard errors: a right result fails once in a million seeds.
    assert abs(result.accuracy - wanted) < 2.5 * result.interval < 0.02
    assert result.error == 1.0 - result.accuracy


@pytest.mark.parametrize("shots", [1, 2])
def test_nearest_support_item(shots, rng):
    labels = np.repeat(list("abcd"), 4)
    # Classes of two clusters each: their means say less than their items.
    places = np.tile([[0.0], [0.0], [9.0], [9.0]], (4, 1)) + np.repeat(np.arange(4), 4)[:, None]
    embeddings = places + rng.normal(size=(16, 1))
    wanted = every_episode(embeddings, labels.tolist(), 3, shots, nearest_support)
    arguments = {"ways": 3, "shots": shots, "episodes": 20_000}
    result = few_shot_accuracy(embeddings, labels, classifier="nearest", **arguments)
    assert abs(result.accuracy - wanted) < 2.5 * result.interval < 0.02
    prototype = few_shot_accuracy(embeddings, labels, **arguments)
    assert (prototype == result) if shots == 1 else (prototype.accuracy < result.accuracy - 0.02)


def test_several_queries_have_the_expectation_of_one(rng):
    labels = np.repeat(np.arange(6), 5)
    embeddings = rng.normal(size=(6, 2))[labels] + rng.normal(size=(30, 2))
    one = few_shot_accuracy(embeddings, labels, ways=3, shots=2, episodes=20_000)
    three = few_shot_accuracy(embeddings, labels, ways=3, shots=2, queries=3, episodes=20_000)
    assert abs(one.accuracy - three.accuracy) < 2.5 * (one.interval + three.interval)
    assert three.interval < one.interval


def test_example_of_the_docstring():
    embeddings, labels = [[0.0], [0.1], [1.0], [1.1]], ["a", "a", "b", "b"]
    result = few_shot_accuracy(embeddings, labels, ways=2)
    assert (result.accuracy, result.error, result.interval) == (1.0, 0.0, 0.0)
    assert (result.episodes, result.ways, result.shots, result.queries) == (1000, 2, 1, 1)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "manhattan", "inner_product"])
@pytest.mark.parametrize(
    ("shots", "classifier"), [(1, "prototype"), (3, "prototype"), (3, "nearest")]
)
def test_collapsed_embeddings_score_by_chance(shots, classifier, distance, rng):
    embeddings = np.tile(rng.normal(size=33).astype("float32"), (40, 1))
    labels = np.repeat(np.arange(8), 5)
    result = few_shot_accuracy(
        embeddings,
        labels,
        ways=5,
        shots=shots,
        queries=2,
        episodes=10,
        classifier=classifier,
        distance=distance,
    )
    assert result.accuracy == pytest.approx(0.2)
    assert result.interval == pytest.approx(0.0)


def test_a_tie_of_some_classes_counts_its_expected_value():
    # a and b share a point: half of their queries come out right, and all of c's: 2 / 3.
    result = few_shot_accuracy(
        [[0.0], [0.0], [0.0], [0.0], [1.0], [1.0]], list("aabbcc"), ways=3, episodes=10
    )
    assert result.accuracy == pytest.approx(2 / 3)


def test_distance_is_used():
    # The inner product prefers the long b to a; nearest in space is right.
    embeddings, labels = [[1.0, 0.0], [1.0, 0.1], [5.0, 5.0], [5.0, 5.1]], [0, 0, 1, 1]
    arguments = {"ways": 2, "episodes": 50}
    assert few_shot_accuracy(embeddings, labels, **arguments).accuracy == 1.0
    inner_product = few_shot_accuracy(embeddings, labels, distance="inner_product", **arguments)
    assert inner_product.accuracy == 0.5


def test_episodes_stay_within_a_group():
    # Two alphabets on the same two points: only an episode that mixes them meets a tie.
    embeddings = np.repeat([[0.0], [1.0], [0.0], [1.0]], 2, axis=0)
    groups = np.repeat(["latin", "greek"], 4)
    letters = np.repeat(np.arange(4), 2)
    assert few_shot_accuracy(embeddings, letters, ways=2, groups=groups).accuracy == 1.0
    assert few_shot_accuracy(embeddings, letters, ways=2).accuracy < 1.0
    # The same label in two groups is two classes.
    numbers = np.tile(np.repeat([0, 1], 2), 2)[:, None]
    assert few_shot_accuracy(embeddings, numbers, ways=2, groups=groups).accuracy == 1.0


def test_groups_are_drawn_uniformly_and_small_ones_left_out():
    # Group x: 2 classes apart. Group y: 6 classes on one point. Group z: 1 class and a single item.
    classes = np.repeat(np.arange(9), 2)
    groups = np.repeat(["x", "y", "z"], [4, 12, 2])
    embeddings = np.where(classes < 2, classes, 5)[:, None].astype("float32")
    classes = np.append(classes, 99)
    groups = np.append(groups, "z")
    embeddings = np.append(embeddings, [[7.0]], axis=0)
    result = few_shot_accuracy(embeddings, classes, ways=2, episodes=20_000, groups=groups)
    # Half of the episodes score 1, half 1 / 2: mean 3 / 4, standard deviation 1 / 4.
    assert result.interval == pytest.approx(1.96 * 0.25 / np.sqrt(20_000), rel=1e-3)
    assert abs(result.accuracy - 0.75) < 2.5 * result.interval
    assert result.left_out_groups == ("z",)
    assert result.num_left_out_classes == 1


def test_the_seed_decides(rng):
    embeddings, labels = rng.normal(size=(60, 2)), np.repeat(np.arange(20), 3)
    first, again, other = (
        few_shot_accuracy(embeddings, labels, ways=5, episodes=100, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again
    assert first.accuracy != other.accuracy


def test_blocks_do_not_change_the_result(rng, monkeypatch):
    embeddings, labels = rng.normal(size=(60, 2)), np.repeat(np.arange(20), 3)
    whole = few_shot_accuracy(embeddings, labels, ways=5, episodes=101)
    monkeypatch.setattr(few_shot, "_BLOCK_SIZE", 7 * 5 * 5 * 2)  # 7 episodes at a time
    assert few_shot_accuracy(embeddings, labels, ways=5, episodes=101) == whole


def test_takes_tensors_of_half_precision(rng):
    embeddings, labels = rng.normal(size=(8, 2)), np.repeat(np.arange(4), 2)
    half = keras.ops.convert_to_tensor(embeddings, "bfloat16")
    full = keras.ops.cast(half, "float32")
    assert few_shot_accuracy(half, labels, ways=3) == few_shot_accuracy(full, labels, ways=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ways": 3}, r"3 classes.*at least 2 items.*at most 2 such classes.*fewer `ways`"),
        ({"shots": 2}, r"at least 3 items.*at most 0 such classes, and 2 classes with fewer"),
        ({"groups": [0, 0, 1, 1]}, r"2 classes.*in one group.*at most 1 such classes in one"),
        ({"groups": [0, 0, 1]}, r"Expected as many"),
        ({"labels": [0, 0, 1]}, r"Expected as many"),
        ({"labels": [0.0, 0.0, 1.0, 1.0]}, "dtype float64"),
        ({"embeddings": [[0.0], [np.nan], [1.0], [np.inf]]}, "NaN or infinity in 2 of 4 rows"),
        ({"embeddings": [0.0, 1.0, 2.0, 3.0]}, "embedding_dim"),
        ({"ways": 1}, "`ways`"),
        ({"shots": 0}, "`shots`"),
        ({"queries": 0}, "`queries`"),
        ({"episodes": 1}, "`episodes`.*interval"),
        ({"classifier": "nearst"}, "classifier.*nearest"),
        ({"distance": "euclidian"}, "euclidean"),
    ],
)
def test_bad_input(arguments, message):
    good = {"embeddings": [[0.0], [1.0], [2.0], [3.0]], "labels": [0, 0, 1, 1], "ways": 2}
    with pytest.raises(ValueError, match=message):
        few_shot_accuracy(**{**good, **arguments})
