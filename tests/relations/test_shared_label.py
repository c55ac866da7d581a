import numpy as np
import pytest
from keras import ops

from keras_siamese.losses import ContrastiveLoss
from keras_siamese.relations import SharedLabel


@pytest.mark.parametrize("least", [1, 2])
def test_against_loops(rng, least):
    labels = rng.integers(0, 2, (9, 4))
    others = np.where(rng.integers(0, 2, (7, 4)), rng.integers(1, 9, (7, 4)), 0)
    relation = SharedLabel(least)
    expected = [
        [sum(bool(p) and bool(q) for p, q in zip(a, b, strict=True)) >= least for b in others]
        for a in labels
    ]
    matches = relation.matches(relation.as_labels(labels), relation.as_labels(others))
    assert ops.convert_to_numpy(matches).tolist() == expected


def test_golden():
    # 0 and 1 share a label, 1 and 2 share another, 3 has none. Distances: 0-1 and 1-2 are 1, which
    # match: 1 / 2 each. Others: 2 and 3, beyond the margin, but for 2-3: (1.5 - 1)^2 / 2 = 0.125.
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    places = np.array([[0.0], [1.0], [2.0], [3.0]])
    loss = ContrastiveLoss(1.5, reduction="sum", relation=SharedLabel())
    assert float(loss(labels, places)) == pytest.approx(2 * (0.5 + 0.5 + 0.125))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.ones((3, 1), int), r"\(batch_size, num_labels\), multi-hot, with 2 columns or more"),
        (np.ones(3, int), r"Received: shape \(3,\)"),
        (np.ones((3, 2)), "Labels must be integer"),
    ],
)
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        SharedLabel(2).as_labels(labels)


def test_bad_arguments():
    with pytest.raises(ValueError, match="`least` must be an integer of at least 1"):
        SharedLabel(0)
