import numpy as np
import pytest
from keras import ops
from loss_harness import LABELS, triplet_set
from miner_battery import MinerBattery
from reference import mining

from keras_siamese.losses import TripletLoss
from keras_siamese.miners import DistanceWeightedMiner

SETTINGS = {
    "sphere": DistanceWeightedMiner(seed=3),
    "narrow": DistanceWeightedMiner(0.8, 1.2, seed=3),
    "histogram": DistanceWeightedMiner(upper_distance=1.9, density="histogram", seed=3),
}


def _probabilities(miner, x, candidates, sides):
    config = miner.get_config()
    del config["seed"]
    return mining.draw_probabilities(x, candidates, sides, **config)


def _chi_square(observed, expected):
    observed, expected = np.asarray(observed), np.asarray(expected)
    assert expected.min() > 5
    return ((observed - expected) ** 2 / expected).sum()


def _draws(miner, dim):
    """Thousands of draws for one anchor of three positives, and the probabilities of negatives."""
    # At angles of 10 to 100 degrees: 0.17 to 1.53 away. Three at once at 50 degrees.
    angles = np.radians([10, 20, 40, 50, 50, 50, 60, 70, 80, 100])
    negatives = np.zeros((10, dim))
    negatives[:, 0], negatives[:, 1] = np.cos(angles), np.sin(angles)
    anchor = np.eye(1, dim)
    candidates = np.concatenate([negatives, np.tile(anchor, (3, 1))]) * 2.5
    labels, candidate_labels = np.zeros(4000, "int32"), np.array([*range(1, 11), 0, 0, 0])
    triplets = miner(labels, np.tile(anchor, (4000, 1)), candidate_labels, candidates)
    assert ops.convert_to_numpy(triplets.mask).all()
    [row] = _probabilities(miner, anchor, candidates, [([], list(range(10)))])
    return ops.convert_to_numpy(triplets.negative), row


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("dim", [3, 5])
def test_distribution(setting, dim):
    negative, row = _draws(DistanceWeightedMiner(**SETTINGS[setting].get_config()), dim)
    drawn = np.bincount(negative.ravel(), minlength=10)
    assert set(np.flatnonzero(drawn)) == set(row)
    expected = [negative.size * row[n] for n in sorted(row)]
    # At most 9 degrees of freedom: 27.9 is exceeded once in a thousand seeds.
    assert _chi_square(drawn[sorted(row)], expected) < 27.9


def test_draws_of_an_anchor_are_independent():
    miner = DistanceWeightedMiner(0.8, 1.2, seed=3)
    negative, row = _draws(miner, 3)
    likely = sorted(row)
    first, second = negative[:, 0], negative[:, 1]
    observed = [((first == i) & (second == j)).sum() for i in likely for j in likely]
    expected = [4000 * row[i] * row[j] for i in likely for j in likely]
    # 8 negatives are below 73.7 degrees, so within 1.2 of the anchor. With 63 degrees of freedom,
    # 103.4 is exceeded once in a thousand seeds.
    assert len(observed) == 64
    assert _chi_square(observed, expected) < 103.4


def test_the_probabilities_by_hand():
    # On the circle (D = 2) q(d) = (1 - d^2 / 4)^(-1/2), so 1 / q = sqrt(1 - d^2 / 4), the cosine of
    # half the angle; the cutoff 0.5 bounds it to sqrt(0.9375). Angles 20, 60, 80: 0.347 and so cut
    # off, 1 and 1.286.
    angles = np.radians([0, 20, 60, 80, 120])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    [row] = _probabilities(DistanceWeightedMiner(), x[:1], x, [([], [1, 2, 3, 4])])
    weights = np.array([np.sqrt(0.9375), np.cos(np.radians(30)), np.cos(np.radians(40))])
    assert [row[n] for n in (1, 2, 3)] == pytest.approx(weights / weights.sum())
    assert 4 not in row


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("density", ["sphere", "histogram"])
def test_high_dimensions(rng, dtype, density):
    # 1 / q(0.5) is 1e153 in 512 dimensions.
    labels, x = np.repeat(np.arange(6), 4), rng.normal(size=(24, 512))
    x[:, 0] += 40  # within 1.4 of each other
    miner = DistanceWeightedMiner(density=density, seed=0)
    triplets = miner(labels, x.astype(dtype))
    assert len(triplet_set(triplets)) == 24 * 3
    if density == "histogram":
        return
    drawn = ops.convert_to_numpy(triplets.negative).ravel()
    rows = _probabilities(miner, x, x, mining.sides(labels))
    likely = [rows[i // 3][n] for i, n in enumerate(drawn)]
    assert np.mean(likely) > 0.5 * np.mean([max(row.values()) for row in rows])


def test_anchors_with_all_negatives_beyond():
    x = np.array([[1.0, 0], [1, 0.1], [-1, 0], [-1, 0.1]])
    triplets = DistanceWeightedMiner()([0, 0, 1, 1], x)
    assert triplet_set(triplets) == []
    assert int(triplets.num_pairs) == 4


def test_the_seed_repeats_the_draws(rng):
    labels, x = np.repeat([0, 1, 2], 8), rng.normal(size=(24, 3)).astype("float32")

    def draws(seed):
        miner = DistanceWeightedMiner(upper_distance=1.9, seed=seed)
        return [triplet_set(miner(labels, x)) for _ in range(3)]

    first = draws(5)
    assert first[0] != first[1] != first[2]
    assert draws(5) == first != draws(6)


def test_in_a_loss(rng):
    labels, x = LABELS["p_x_k"], rng.normal(size=(12, 3))
    loss = TripletLoss(0.2, miner="distance_weighted")
    assert float(loss(labels, x)) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cutoff": 0.0}, "`cutoff` must be a finite number above 0"),
        ({"upper_distance": 0.5}, r"`upper_distance` must be a finite number above 0\.5"),
        ({"upper_distance": 2.0}, r"`upper_distance` must be below 2.*1\.99"),
        ({"density": "histogramm"}, "Unknown `density`.*Did you mean 'histogram'"),
    ],
)
def test_arguments_that_are_none(arguments, message):
    with pytest.raises(ValueError, match=message):
        DistanceWeightedMiner(**arguments)


class TestBattery(MinerBattery):
    settings = SETTINGS

    def check(self, miner, result, x, candidates, sides, distance):
        # Each pair has one negative, which may be drawn.
        rows = _probabilities(miner, x, candidates, sides)
        mined = triplet_set(result)
        for a, _, n in mined:
            assert rows[a].get(n, 0) > 0
        pairs = [(a, p) for a, (positives, _) in enumerate(sides) for p in positives if rows[a]]
        assert [triplet[:2] for triplet in mined] == sorted(pairs)
        assert int(result.num_pairs) == sum(len(positives) for positives, _ in sides)
