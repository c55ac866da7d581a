import numpy as np

from keras_siamese import distances
from keras_siamese.ops.labelled_set import LabelledSet


def test_counts():
    labels = np.array([4, 9, 4, 4, 1])
    data = LabelledSet(labels, np.zeros((5, 2), np.float32), distances.get("cosine"))
    assert data.num_items == 5
    assert data.class_sizes.tolist() == [1, 3, 1]
    assert data.num_positive_pairs == 3
    assert data.num_negative_pairs == 7
