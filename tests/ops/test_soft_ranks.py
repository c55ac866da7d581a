import math

import numpy as np
import pytest
from keras import ops
from loss_harness import MODES, differentiate, tensor
from reference import loops

from keras_siamese.ops.soft_ranks import soft_ranks


def _ranks(similarity, among, items, temperature):
    """Ranks of the items at some places of each row."""
    return np.array(
        [
            [
                1
                + sum(
                    1 / (1 + math.exp((row[item] - row[j]) / temperature))
                    for j in range(len(row))
                    if j != item and some[j]
                )
                for item in chosen
            ]
            for row, some, chosen in zip(similarity, among, items, strict=True)
        ]
    )


def test_golden():
    # Far apart, the ranks are whole numbers; of two equal ones, each is half above the other.
    similarity = tensor([[0.9, 0.5, 0.1, 0.1]])
    ranks = soft_ranks(similarity, tensor([[True] * 4]), similarity, 0.001)
    assert ops.convert_to_numpy(ranks) == pytest.approx(np.array([[1.0, 2.0, 3.5, 3.5]]))


@pytest.mark.parametrize("mode", MODES)
def test_values_and_gradients(rng, mode):
    similarity = rng.normal(size=(5, 7))
    items = np.array([rng.permutation(7)[:3] for _ in range(5)])
    among = rng.random((5, 7)) < 0.6
    np.put_along_axis(among, items, True, axis=1)
    weights = rng.normal(size=(5, 3))

    def weighted(similarity):
        chosen = ops.take_along_axis(similarity, tensor(items), axis=1)
        ranks = soft_ranks(similarity, tensor(among), chosen, 0.3)
        return ops.sum(ranks * tensor(weights))

    value, gradient = differentiate(weighted, mode)(similarity)

    def expected(similarity):
        return (_ranks(similarity, among, items, 0.3) * weights).sum()

    assert value == pytest.approx(expected(similarity), rel=1e-9)
    differences = loops.finite_differences(expected, similarity)
    assert gradient == pytest.approx(differences, abs=1e-7)


def test_far_beyond_the_range_of_the_exponential():
    similarity = np.array([[1e4, 0.0, -1e4]], "float32")
    value, gradient = differentiate(
        lambda s: ops.sum(soft_ranks(s, tensor([[True] * 3]), s, 0.01))
    )(similarity)
    assert value == 6.0  # 1 + 2 + 3
    assert not gradient.any()
