"""Classifiers of embeddings, by neighbours and by prototypes, that are scikit-learn estimators."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from keras import ops
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_siamese import distances
from keras_siamese.distances import Distance
from keras_siamese.ops.blocks import rows_within
from keras_siamese.ops.checks import check_count, is_text

_BLOCK_ELEMENTS = 2**22  # Distances in a block: 16 MiB in float32.


class _EmbeddingClassifier(ClassifierMixin, BaseEstimator):
    """What both classifiers share: their input, and queries that are far from everything."""

    distance: str | Distance
    threshold: float | None
    unknown: Any

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 (scikit-learn's names)
        """Learns labelled embeddings.

        Args:
            X: Finite floats, shape `(num_items, embedding_dim)`.
            y: Class of each item, integers or names, shape `(num_items,)`.

        Returns: The classifier.

        Raises: ValueError: If an argument of the classifier is out of its range, embeddings are not
            finite, lengths differ, or labels are missing or continuous.
        """
        X, y = validate_data(self, X, y, dtype=(np.float32, np.float64))  # noqa: N806
        check_classification_targets(y)
        self.classes_, class_ids = np.unique(y, return_inverse=True)
        self._check_arguments(len(X))
        self._learn(X, class_ids)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The class of each query.

        Args:
            X: Finite floats, shape `(num_queries, embedding_dim)`.

        Returns: Labels, shape `(num_queries,)`: `unknown` for a query farther than `threshold`
            from everything.
        """
        found, is_known = [], []
        for to_classes, scores in self._blocks(X):
            found.append(scores.argmax(axis=1))
            is_known.append(self._is_known(to_classes).any(axis=1))
        labels = self.classes_[np.concatenate(found)]
        if self.threshold is None:
            return labels
        return np.where(np.concatenate(is_known), labels, np.asarray(self.unknown))

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """How likely each class is, as the description of the classifier says.

        Args:
            X: Finite floats, shape `(num_queries, embedding_dim)`.

        Returns: Shape `(num_queries, num_classes)`, in the order of `classes_`. Rows sum up to 1,
            those of unknown queries to 0.
        """
        return np.concatenate(
            [
                scores * self._is_known(to_classes).any(axis=1, keepdims=True)
                for to_classes, scores in self._blocks(X)
            ]
        )

    def _blocks(self, X: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # noqa: N803
        """Yields distances to the classes and their scores, both `(queries, num_classes)`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float32, np.float64))  # noqa: N806
        distance = distances.get(self.distance)
        size = rows_within(_BLOCK_ELEMENTS, len(self.references_))
        references = ops.convert_to_tensor(self.references_)
        for start in range(0, len(X), size):
            queries = ops.convert_to_tensor(X[start : start + size].astype(self.references_.dtype))
            yield self._score(ops.convert_to_numpy(distance.pairwise(queries, references)))

    def _is_known(self, to_classes: np.ndarray) -> np.ndarray:
        return to_classes <= (np.inf if self.threshold is None else self.threshold)

    def _check_arguments(self, num_items: int) -> None:
        distances.get(self.distance)
        if self.threshold is None:
            return
        if isinstance(self.threshold, str | bool) or not np.isfinite(self.threshold):
            raise ValueError(
                "`threshold` must be None or a finite distance. "
                f"Received: {self.threshold!r}. Calibrate it on a validation set."
            )
        if is_text(self.classes_) != isinstance(self.unknown, str):
            raise ValueError(
                "`unknown` must be a label of the same kind as the classes. Received: "
                f"{self.unknown!r} for classes such as {self.classes_.tolist()[0]!r}."
            )
        if self.unknown in self.classes_:
            raise ValueError(
                "`unknown` must be none of the classes. "
                f"Received: {self.unknown!r}, which is one. Choose another label."
            )

    def _learn(self, embeddings: np.ndarray, class_ids: np.ndarray) -> None:
        raise NotImplementedError

    def _score(self, to_references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


class NearestNeighbourClassifier(_EmbeddingClassifier):
    """Gives a query the class that most of its `k` nearest items have.

    Among classes with as many votes, the first of `classes_` is taken, as in scikit-learn.
    `predict_proba` gives the shares of the votes. Memory beside the items is a block of distances,
    16 MiB.

    It follows scikit-learn's conventions, works in its pipelines and searches, and serves for new
    classes without training of the encoder: `fit` takes a few labelled items of each.

    Args:
        k: Number of nearest items that vote. Defaults to 1.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        threshold: Distance beyond which items have no vote; a query without votes is unknown.
            Defaults to None: no query is.
        unknown: Label for unknown queries, of the same kind as the classes and none of them.
            Defaults to -1. For classes with names, give a name.

    Example:
        >>> classifier = keras_siamese.evaluation.NearestNeighbourClassifier(
        ...     threshold=1.0, unknown="?"
        ... )
        >>> classifier = classifier.fit([[0.0], [1.0], [5.0]], ["a", "a", "b"])
        >>> classifier.predict([[1.5], [4.5], [9.0]]).tolist()
        ['a', 'b', '?']
    """

    def __init__(
        self,
        k: int = 1,
        *,
        distance: str | Distance = "euclidean",
        threshold: float | None = None,
        unknown: Any = -1,
    ) -> None:
        self.k = k
        self.distance = distance
        self.threshold = threshold
        self.unknown = unknown

    def _check_arguments(self, num_items: int) -> None:
        super()._check_arguments(num_items)
        if check_count("k", self.k) > num_items:
            raise ValueError(
                f"`k` must not exceed the number of items. Received: k={self.k} with "
                f"n_samples={num_items}. Use a smaller `k`, or fit more items."
            )

    def _learn(self, embeddings: np.ndarray, class_ids: np.ndarray) -> None:
        self.references_, self._class_ids = embeddings, class_ids

    def _score(self, to_references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nearest = np.argpartition(to_references, self.k - 1, axis=1)[:, : self.k]
        reached = np.take_along_axis(to_references, nearest, axis=1)
        places = (np.arange(len(nearest))[:, None], self._class_ids[nearest])
        to_classes = np.full((len(nearest), len(self.classes_)), np.inf)
        np.minimum.at(to_classes, places, reached)
        votes = np.zeros_like(to_classes)
        np.add.at(votes, places, self._is_known(reached))
        return to_classes, votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)


class PrototypeClassifier(_EmbeddingClassifier):
    """Gives a query the class whose prototype, the mean of its items, is nearest.

    `predict_proba` gives the softmax of the negated distances, as prototypical networks do with
    `distance="squared_euclidean"`: it is as sharp as the embeddings' scale makes it, and not
    calibrated. Only the prototypes are kept.

    It follows scikit-learn's conventions, works in its pipelines and searches, and serves for new
    classes without training of the encoder: `fit` takes a few labelled items of each.

    Args:
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        threshold: Distance from the nearest prototype beyond which a query is unknown. Defaults to
            None: no query is.
        unknown: Label for unknown queries, of the same kind as the classes and none of them.
            Defaults to -1. For classes with names, give a name.

    Example:
        >>> classifier = keras_siamese.evaluation.PrototypeClassifier(threshold=2.0)
        >>> classifier = classifier.fit([[0.0], [1.0], [5.0]], [3, 3, 4])
        >>> classifier.predict([[2.0], [4.0], [9.0]]).tolist()  # prototypes at 0.5 and 5
        [3, 4, -1]

    Reference: [Snell et al., 2017](https://arxiv.org/abs/1703.05175), section 2.2.
    """

    def __init__(
        self,
        *,
        distance: str | Distance = "euclidean",
        threshold: float | None = None,
        unknown: Any = -1,
    ) -> None:
        self.distance = distance
        self.threshold = threshold
        self.unknown = unknown

    def _learn(self, embeddings: np.ndarray, class_ids: np.ndarray) -> None:
        order = np.argsort(class_ids, kind="stable")
        sizes = np.bincount(class_ids)
        sums = np.add.reduceat(
            embeddings[order], np.cumsum(sizes) - sizes, axis=0, dtype=np.float64
        )
        self.references_ = (sums / sizes[:, None]).astype(embeddings.dtype)

    def _score(self, to_references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shares = np.exp(to_references.min(axis=1, keepdims=True) - to_references)
        return to_references, shares / shares.sum(axis=1, keepdims=True)
