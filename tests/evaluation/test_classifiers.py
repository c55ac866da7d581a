"""Classifiers of embeddings: scikit-learn's own checks, by hand, ties, unknown queries."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.utils.estimator_checks import check_estimator

from keras_siamese.distances import Cosine
from keras_siamese.evaluation import classifiers
from keras_siamese.evaluation.classifiers import NearestNeighbourClassifier, PrototypeClassifier

BOTH = [NearestNeighbourClassifier, PrototypeClassifier]


@pytest.mark.parametrize(
    "classifier",
    [
        NearestNeighbourClassifier(),
        NearestNeighbourClassifier(3, distance="manhattan"),
        PrototypeClassifier(),
        PrototypeClassifier(distance="squared_euclidean"),
    ],
    ids=repr,
)
def test_follows_scikit_learn(classifier):
    results = check_estimator(classifier, on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert sum(result["status"] == "passed" for result in results) > 40


@pytest.mark.parametrize("block", [2**22, 50])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_neighbours_equal_scikit_learn(k, block, rng, monkeypatch):
    monkeypatch.setattr(classifiers, "_BLOCK_ELEMENTS", block)
    labels = rng.integers(0, 2, 60)
    embeddings = rng.normal(size=(60, 3)) + labels[:, None]
    queries = rng.normal(size=(50, 3)) + 0.5
    theirs = KNeighborsClassifier(k).fit(embeddings, labels)
    ours = NearestNeighbourClassifier(k).fit(embeddings, labels)
    assert (ours.predict(queries) == theirs.predict(queries)).all()
    np.testing.assert_allclose(ours.predict_proba(queries), theirs.predict_proba(queries))
    assert ours.score(queries, labels[:50]) == theirs.score(queries, labels[:50])


def test_prototypes_equal_scikit_learn(rng):
    labels = rng.integers(0, 4, 60)
    embeddings = (rng.normal(size=(60, 3)) + labels[:, None]).astype("float32")
    theirs = NearestCentroid().fit(embeddings, labels)
    ours = PrototypeClassifier().fit(embeddings, labels)
    queries = rng.normal(size=(200, 3)).astype("float32") + 1.5
    assert (ours.predict(queries) == theirs.predict(queries)).all()
    np.testing.assert_allclose(ours.references_, theirs.centroids_, rtol=1e-6)


def test_probability_by_hand():
    # Distances 1 and 3 from the prototypes: 1 / (1 + exp(-2)).
    prototypes = PrototypeClassifier().fit([[0.0], [4.0]], ["a", "b"])
    near = 1 / (1 + np.exp(-2))
    np.testing.assert_allclose(prototypes.predict_proba([[1.0]]), [[near, 1 - near]])
    # Far away, where exp(-d) is 0 for both.
    np.testing.assert_allclose(prototypes.predict_proba([[-9000.0]]).sum(), 1)
    neighbours = NearestNeighbourClassifier(3).fit([[0.0], [1.0], [2.0], [9.0]], list("abbb"))
    np.testing.assert_allclose(neighbours.predict_proba([[0.0]]), [[1 / 3, 2 / 3]])


def test_as_many_votes():
    embeddings, labels = [[0.0], [1.0], [5.0]], [0, 2, 1]
    classifier = NearestNeighbourClassifier(3).fit(embeddings, labels)
    assert classifier.predict([[0.9], [4.0]]).tolist() == [0, 0]


@pytest.mark.parametrize("kind", BOTH)
def test_distance_of_choice(kind):
    embeddings, labels, query = [[9.0, 0.0], [0.0, 1.0]], ["long", "short"], [[2.0, 1.0]]
    assert kind().fit(embeddings, labels).predict(query) == ["short"]
    for distance in ("cosine", Cosine()):
        assert kind(distance=distance).fit(embeddings, labels).predict(query) == ["long"]


def test_unknown_neighbours():
    classifier = NearestNeighbourClassifier(3, threshold=1.0, unknown="nobody")
    classifier.fit([[0.0], [1.0], [1.5], [9.0]], ["a", "b", "b", "c"])
    # Within 1: a and b, of which b is nearer; then both b; then the borderline; then nothing.
    queries = [[0.7], [2.0], [-1.0], [-1.1]]
    assert classifier.predict(queries).tolist() == ["b", "b", "a", "nobody"]
    shares = [[1 / 3, 2 / 3, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(classifier.predict_proba(queries), shares)


def test_unknown_by_prototype():
    classifier = PrototypeClassifier(threshold=1.0).fit([[0.0], [2.0], [9.0]], [5, 5, 7])
    queries = [[0.0], [-0.1], [8.5], [100.0]]
    assert classifier.predict(queries).tolist() == [5, -1, 7, -1]
    np.testing.assert_allclose(classifier.predict_proba(queries).sum(axis=1), [1, 0, 1, 0])


@pytest.mark.parametrize("kind", BOTH)
def test_serve_as_scikit_learns(kind, rng):
    labels = np.repeat(["a", "b"], 20)
    embeddings = rng.normal(size=(40, 2)) + 3 * (labels == "b")[:, None]
    search = GridSearchCV(kind(), {"distance": ["euclidean", "cosine"]}, cv=2)
    assert search.fit(embeddings, labels).best_score_ > 0.8
    fitted = kind(threshold=3.0, unknown="?").fit(embeddings, labels)
    copy = pickle.loads(pickle.dumps(fitted))
    assert (copy.predict(embeddings) == fitted.predict(embeddings)).all()
    assert clone(fitted).get_params() == fitted.get_params()


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("arguments", "labels", "message"),
    [
        ({"distance": "euclidian"}, [0, 1, 1], "euclidean"),
        ({"threshold": np.nan}, [0, 1, 1], r"`threshold`.*nan"),
        ({"threshold": "far"}, [0, 1, 1], r"`threshold`.*far"),
        ({"threshold": 1.0}, ["a", "b", "b"], r"`unknown`.*same kind.*-1"),
        ({"threshold": 1.0, "unknown": "?"}, [0, 1, 1], r"`unknown`.*same kind"),
        ({"threshold": 1.0, "unknown": 1}, [0, 1, 1], r"`unknown` must be none of the classes"),
        ({}, [0, 1], "inconsistent numbers"),
        ({}, [0.5, 1.5, 2.5], "continuous"),
        ({}, [0, np.nan, 1], "NaN"),
    ],
)
def test_bad_input(kind, arguments, labels, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments).fit([[0.0], [1.0], [2.0]], labels)


def test_bad_k():
    with pytest.raises(ValueError, match=r"k=4 with n_samples=3"):
        NearestNeighbourClassifier(4).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    with pytest.raises(ValueError, match="`k`"):
        NearestNeighbourClassifier(0).fit([[0.0], [1.0], [2.0]], [0, 1, 1])


@pytest.mark.parametrize("kind", BOTH)
def test_bad_queries(kind):
    classifier = kind().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="NaN"):
        classifier.predict([[np.nan]])
    with pytest.raises(ValueError, match="2 features"):
        classifier.predict([[0.0, 1.0]])
