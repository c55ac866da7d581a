"""How well clusters found without labels, or the classes themselves, match the other."""

from typing import Any

import keras
import numpy as np

from keras_siamese.distances import Distance
from keras_siamese.metrics.space_metric import SpaceMetric
from keras_siamese.ops.checks import check_class_sizes, check_count
from keras_siamese.ops.clusters import silhouettes
from keras_siamese.ops.embedding_space import EmbeddingSpace


class ClusterMetric(SpaceMetric):
    """Base of the metrics that compare classes with clusters found by k-means.

    There are as many clusters as classes. k-means takes the embeddings as they are and compares
    them by the Euclidean distance, whatever the distance of the model. It runs once in an
    evaluation for all metrics of one `seed`: scikit-learn's `KMeans` from one k-means++ start, or,
    above 2**22 items times classes, from random items and for 25 iterations, as is usual for large
    sets; that finds clusters a little worse, so that figures of sets of other sizes are not to be
    compared.

    A subclass defines `of_clusters`.

    Args:
        seed: Seed of k-means. Defaults to 0.
        distance: None only.
        name: Defaults to that of the figure.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If `seed` is negative, or a distance is given. In evaluation: if there is
        one class only, each item has a class of its own, or pairs instead of items are evaluated.
    """

    _direction = "up"

    def __init__(
        self,
        seed: int = 0,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.seed = check_count("seed", seed, least=0)
        super().__init__(None, name, dtype)
        if distance is not None:
            raise ValueError(
                f"`{self.name}` clusters by k-means, which knows the Euclidean distance only. "
                f"Expected `distance=None`. Received: {distance!r}."
            )

    def of_clusters(self, class_ids: np.ndarray, clusters: np.ndarray) -> float:
        """The figure of two labellings of the items, each of shape `(num_items,)`."""
        raise NotImplementedError

    def of_space(self, space: EmbeddingSpace) -> float:
        """See `SpaceMetric.of_space`."""
        check_class_sizes(space.class_sizes)
        return self.of_clusters(space.class_ids, space.clusters(self.seed))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"seed": self.seed, **super().get_config()}


@keras.saving.register_keras_serializable(package="keras_siamese")
class NormalizedMutualInformation(ClusterMetric):
    """Mutual information of classes and k-means clusters, over the mean of their entropies.

    0 to 1, larger is better. By chance it is well above 0 where clusters are small:
    `AdjustedMutualInformation` is not.

    Args:
        seed: Seed of k-means. Defaults to 0.
        distance: None only.
        name: Defaults to `normalized_mutual_information`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: See `ClusterMetric`.

    Example:
        >>> metric = keras_siamese.metrics.NormalizedMutualInformation()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [8.0], [9.0]])
        >>> round(float(metric.result()), 4)
        1.0

    Reference: [scikit-learn](https://scikit-learn.org/stable/modules/clustering.html), with its
        arithmetic mean.
    """

    default_name = "normalized_mutual_information"

    def of_clusters(self, class_ids: np.ndarray, clusters: np.ndarray) -> float:
        """See `ClusterMetric.of_clusters`."""
        from sklearn.metrics import normalized_mutual_info_score

        return normalized_mutual_info_score(class_ids, clusters)


@keras.saving.register_keras_serializable(package="keras_siamese")
class AdjustedMutualInformation(ClusterMetric):
    """Mutual information of classes and k-means clusters, with that of chance taken off.

    1 at best, 0 on average for clusters by chance; it can be negative. Larger is better.

    Args:
        seed: Seed of k-means. Defaults to 0.
        distance: None only.
        name: Defaults to `adjusted_mutual_information`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: See `ClusterMetric`.

    Example:
        >>> metric = keras_siamese.metrics.AdjustedMutualInformation()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [1.0], [8.0], [9.0]])
        >>> round(float(metric.result()), 4)
        1.0

    Reference: [Vinh et al., 2010](https://jmlr.org/papers/v11/vinh10a.html), with the arithmetic
        mean.
    """

    default_name = "adjusted_mutual_information"

    def of_clusters(self, class_ids: np.ndarray, clusters: np.ndarray) -> float:
        """See `ClusterMetric.of_clusters`."""
        from sklearn.metrics import adjusted_mutual_info_score

        return adjusted_mutual_info_score(class_ids, clusters)


@keras.saving.register_keras_serializable(package="keras_siamese")
class AdjustedRandIndex(ClusterMetric):
    """Share of pairs that classes and k-means clusters agree on, with that of chance taken off.

    1 at best, 0 on average for clusters by chance; it can be negative. Larger is better.

    Args:
        seed: Seed of k-means. Defaults to 0.
        distance: None only.
        name: Defaults to `adjusted_rand_index`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: See `ClusterMetric`.

    Example:
        >>> metric = keras_siamese.metrics.AdjustedRandIndex()
        >>> metric.update_state([0, 1, 0, 1], [[0.0], [1.0], [8.0], [9.0]])
        >>> float(metric.result())
        -0.5

    Reference: [Hubert and Arabie, 1985](https://doi.org/10.1007/BF01908075).
    """

    default_name = "adjusted_rand_index"

    def of_clusters(self, class_ids: np.ndarray, clusters: np.ndarray) -> float:
        """See `ClusterMetric.of_clusters`."""
        from sklearn.metrics import adjusted_rand_score

        return adjusted_rand_score(class_ids, clusters)


@keras.saving.register_keras_serializable(package="keras_siamese")
class Silhouette(SpaceMetric):
    """How much nearer items are to their own class than to the next one, -1 to 1.

    The mean over items of `(b - a) / max(a, b)`: `a` the mean distance to the other items of the
    class, `b` that to the items of the nearest other class. Larger is better. An item alone in its
    class counts 0, as in scikit-learn.

    Above `max_items` it is the mean over as many random items, each compared with the whole set, so
    that the mean has no bias; memory stays in proportion to the number of items.

    Args:
        max_items: Positive integer: how many items the mean is over, at most. Defaults to 10,000.
        seed: Seed of their draw. Defaults to 0.
        distance: One that is never negative. See `EmbeddingMetric`.
        name: Defaults to `silhouette`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If `max_items` is not positive or `seed` is negative. In evaluation: if
        there is one class only, each item has a class of its own, a mean distance is negative, or
        pairs instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.Silhouette()
        >>> metric.update_state([0, 0, 1, 1], [[0.0], [2.0], [6.0], [8.0]])
        >>> round(float(metric.result()), 4)  # two of 5 / 7 and two of 3 / 5
        0.6571

    Reference: [Rousseeuw, 1987](https://doi.org/10.1016/0377-0427(87)90125-7).
    """

    default_name = "silhouette"
    _direction = "up"

    def __init__(
        self,
        max_items: int = 10_000,
        seed: int = 0,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.max_items = check_count("max_items", max_items)
        self.seed = check_count("seed", seed, least=0)
        super().__init__(distance, name, dtype)

    def per_item(self, space: EmbeddingSpace) -> tuple[np.ndarray, np.ndarray]:
        """Returns the silhouettes, and the places of the items they belong to.

        Raises: ValueError: If they are undefined for the set.
        """
        check_class_sizes(space.class_sizes)
        items = np.arange(space.num_items)
        if len(items) > self.max_items:
            draw = np.random.default_rng(self.seed).choice(items, self.max_items, replace=False)
            items = np.sort(draw)
        values = silhouettes(space.distance, space.embeddings, space.class_ids, items)
        return values, items

    def of_space(self, space: EmbeddingSpace) -> float:
        """See `SpaceMetric.of_space`."""
        return float(self.per_item(space)[0].mean())

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"max_items": self.max_items, "seed": self.seed, **super().get_config()}
