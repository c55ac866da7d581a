"""read_space: embeddings of any shape and labels of any kind, checked."""

import numpy as np
import pytest

from keras_siamese.evaluation.labelled_space import read_space


def test_images_are_flattened_and_names_numbered():
    space = read_space(np.zeros((3, 2, 2), np.uint8), ["b", "a", "b"])
    assert space.embeddings.shape == (3, 4) and space.embeddings.dtype == np.float32
    assert space.class_ids.tolist() == [1, 0, 1] and space.classes.tolist() == ["a", "b"]
    assert len(space) == 3 and space.name(0) == "b"
    assert read_space([1.0, 2.0], [7, 8]).embeddings.shape == (2, 1)


def test_bad_input():
    with pytest.raises(ValueError, match="as many labels"):
        read_space([[0.0]], [1, 2])
    with pytest.raises(ValueError, match="finite"):
        read_space([[0.0], [np.inf]], [1, 2])
    with pytest.raises(ValueError, match="floats"):
        read_space([[0.0], [1.0]], [1.5, 2.0])
