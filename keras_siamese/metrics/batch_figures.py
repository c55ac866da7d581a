"""Cheap running figures of training batches, none of which stands for the whole set."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.ops.numerics import masked_mean, squared_norm
from keras_siamese.relations import Relation

# Value and weight: a figure that a batch does not define has weight 0.
Figures = Mapping[str, tuple[Any, Any]]

# Figures of a labelled batch look at no more items than this, so that they stay cheap.
_MOST_ITEMS = 512


@keras.saving.register_keras_serializable(package="keras_siamese")
class BatchFigures(keras.metrics.Metric):
    """Means over the batches of an epoch of what shows whether training works.

    - `batch_active_fraction`: the share of the tuples that have a loss above 0. Towards 0, the
      batches teach nothing more; at 1 for long, nothing is learned.
    - `batch_positive_distance`, `batch_negative_distance`: mean distance between items of the same
      and of different classes.
    - `batch_spread`: root of the embeddings' total variance over their root mean square, 0 to 1.
      At 0 the network has collapsed: all items have the same embedding.
    - `batch_recall_at_1`: share of the items whose nearest in the *batch* has their class. Not the
      recall over a set, which is far lower.

    Args:
        name: Name of the metric; its figures have names of their own.
        dtype: Dtype of the figures. Defaults to float32.
    """

    NAMES = (
        "batch_active_fraction",
        "batch_positive_distance",
        "batch_negative_distance",
        "batch_spread",
        "batch_recall_at_1",
    )

    def __init__(self, name: str = "batch_figures", dtype: str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._totals = self.add_variable((len(self.NAMES),), "zeros", name="totals")
        self._weights = self.add_variable((len(self.NAMES),), "zeros", name="weights")

    def update_state(self, figures: Figures) -> None:
        """Adds the figures of one batch; what is missing counts as undefined."""
        nothing = (0.0, 0.0)
        values, weights = (
            ops.stack(
                [ops.cast(figures.get(name, nothing)[part], self.dtype) for name in self.NAMES]
            )
            for part in (0, 1)
        )
        # A figure without weight may be anything, NaN too.
        self._totals.assign_add(ops.where(weights > 0, values * weights, 0.0))
        self._weights.assign_add(weights)

    def result(self) -> dict[str, Any]:
        """The means by name; NaN for what no batch defined."""
        weights = ops.convert_to_tensor(self._weights)
        means = self._totals / ops.where(weights > 0, weights, float("nan"))
        return {name: means[i] for i, name in enumerate(self.NAMES)}


def labelled_figures(
    labels: Any, embeddings: Any, distance: Distance, relation: Relation
) -> Figures:
    """Figures of a labelled batch, from its first 512 items.

    Args:
        labels: Labels, as `relation.as_labels` gives them.
        embeddings: Shape `(batch_size, embedding_dim)`.
        distance: The distance.
        relation: Which items match.
    """
    labels, embeddings = labels[:_MOST_ITEMS], embeddings[:_MOST_ITEMS]
    d = distance.pairwise(embeddings, embeddings)
    index = ops.arange(ops.shape(d)[0], dtype="int32")
    same = relation.matches(labels, labels)
    other = index[:, None] != index[None, :]
    positive = ops.logical_and(other, same)
    negative = ops.logical_and(other, ops.logical_not(same))
    nearest = ops.min(ops.where(other, d, float("inf")), axis=1, keepdims=True)
    # Among items that are equally near, the expected value.
    tied = ops.logical_and(other, d <= nearest)
    hits = ops.sum(ops.cast(ops.logical_and(tied, positive), d.dtype), axis=1)
    hit = hits / ops.maximum(ops.sum(ops.cast(tied, d.dtype), axis=1), 1)
    is_query = ops.any(positive, axis=1)
    return {
        **_distance_figures(d, positive, negative),
        "batch_spread": (_spread(embeddings), 1.0),
        "batch_recall_at_1": (masked_mean(hit, is_query), _any(is_query)),
    }


def pair_figures(same: Any, d: Any, embeddings: Any) -> Figures:
    """Figures of explicit pairs.

    Args:
        same: Whether each pair matches, bool, shape `(num_pairs,)`.
        d: Their distances, shape `(num_pairs,)`.
        embeddings: All embeddings of the batch, shape `(batch_size, embedding_dim)`.
    """
    return {
        **_distance_figures(d, same, ops.logical_not(same)),
        "batch_spread": (_spread(embeddings), 1.0),
    }


def _distance_figures(d: Any, positive: Any, negative: Any) -> dict[str, tuple[Any, Any]]:
    return {
        "batch_positive_distance": (masked_mean(d, positive), _any(positive)),
        "batch_negative_distance": (masked_mean(d, negative), _any(negative)),
    }


def _any(mask: Any) -> Any:
    return ops.cast(ops.any(mask), "float32")


def _spread(embeddings: Any) -> Any:
    centred = embeddings - ops.mean(embeddings, axis=0, keepdims=True)
    variance, size = ops.mean(squared_norm(centred)), ops.mean(squared_norm(embeddings))
    return ops.sqrt(variance / ops.maximum(size, 1e-30))
