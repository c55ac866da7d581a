import numpy as np
import pytest
from loss_harness import LABELS, triplet_set
from reference import loops

from keras_siamese.miners import BatchAllMiner


def test_number_of_triplets_of_a_p_x_k_batch(rng):
    # B (K - 1) (B - K) = 12 * 3 * 8, of 12 * 3 pairs.
    triplets = BatchAllMiner()(LABELS["p_x_k"], rng.normal(size=(12, 3)))
    assert len(triplet_set(triplets)) == 288
    assert int(triplets.num_pairs) == 36


@pytest.mark.parametrize("name", LABELS)
def test_against_loops(rng, name):
    labels = LABELS[name]
    triplets = BatchAllMiner()(labels, rng.normal(size=(12, 3)))
    assert triplet_set(triplets) == loops.batch_all(None, labels)
    assert int(triplets.num_pairs) == len(list(loops.positive_pairs(labels)))


def test_two_sets(rng):
    labels, candidate_labels = LABELS["ragged"], np.array([5, 1, 1, 7, 5, 2, 7])
    triplets = BatchAllMiner()(
        labels, rng.normal(size=(12, 3)), candidate_labels, rng.normal(size=(7, 3))
    )
    assert triplet_set(triplets) == loops.batch_all(None, labels, candidate_labels)
