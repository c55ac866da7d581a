import numpy as np
import pytest

from keras_siamese import distances
from keras_siamese.callbacks.computed_columns import COMPUTED, compute_columns

EUCLIDEAN = distances.get("euclidean")


def compute(embeddings, labels, columns=COMPUTED, distance=EUCLIDEAN, names=None):
    labels = np.asarray(labels)
    embeddings = np.asarray(embeddings, "float32")
    return compute_columns(columns, embeddings, labels, names or labels.tolist(), distance)


def test_points_on_a_line():
    # 0 a, 1 a, 3 b, 9 c: the nearest of 0 is 1, of 1 is 0, of 3 is 1, of 9 is 3.
    columns = compute([[0.0], [1.0], [3.0], [9.0]], ["a", "a", "b", "c"])
    assert columns == {
        "predicted_label": ["a", "a", "a", "b"],
        "nearest_is_correct": [1, 1, None, None],
        "distance_to_centre": ["0.5", "0.5", "0", "0"],
    }
    assert list(columns) == list(COMPUTED)


def test_of_two_as_near_the_first_decides():
    columns = compute([[0.0], [1.0], [-1.0], [1.0]], [0, 1, 0, 1])
    assert columns["predicted_label"] == [1, 1, 0, 1]
    assert columns["nearest_is_correct"] == [0, 1, 1, 1]


def test_labels_are_shown_by_their_names():
    columns = compute([[0.0], [1.0], [3.0]], [7, 8, 8], names=["seven", "eight", "eight"])
    assert columns["predicted_label"] == ["eight", "seven", "eight"]


def test_only_what_is_asked_for_is_computed():
    points = [[0.0], [1.0]], ["a", "b"]
    assert compute(*points, columns=()) == {}
    for name in COMPUTED:
        assert list(compute(*points, columns=(name,))) == [name]


@pytest.mark.parametrize("name", ["euclidean", "cosine", "manhattan", "squared_euclidean"])
def test_a_loop_in_float64_gives_the_same(rng, name):
    distance = distances.get(name)
    embeddings, labels = rng.normal(size=(60, 5)).astype("float32"), rng.integers(0, 6, 60)
    columns = compute(embeddings, labels, distance=distance)
    exact = embeddings.astype("float64")
    for place, point in enumerate(exact):
        others = np.array(distance.pairwise(point[None], exact))[0]
        others[place] = np.inf
        nearest = labels[others.argmin()]
        assert columns["predicted_label"][place] == nearest
        assert columns["nearest_is_correct"][place] == (nearest == labels[place])
        centre = exact[labels == labels[place]].mean(axis=0)
        expected = float(np.asarray(distance.paired(point, centre)))
        assert float(columns["distance_to_centre"][place]) == pytest.approx(expected, rel=1e-5)


def test_the_distance_decides():
    # By angle the first is nearest to the third, by length to the second.
    points = [[1.0, 0.0], [1.0, 1.0], [5.0, 0.0]], ["a", "b", "c"]
    assert compute(*points)["predicted_label"][0] == "b"
    assert compute(*points, distance=distances.get("cosine"))["predicted_label"][0] == "c"
