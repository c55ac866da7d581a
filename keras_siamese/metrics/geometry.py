"""Alignment, uniformity, effective rank and spread, which tell a collapse from a good space."""

from typing import Any

import keras

from keras_siamese.distances import Distance
from keras_siamese.metrics.space_metric import SpaceMetric
from keras_siamese.ops import geometry
from keras_siamese.ops.checks import check_choice, check_class_sizes
from keras_siamese.ops.embedding_space import EmbeddingSpace


class _GeometryMetric(SpaceMetric):
    """A figure that is defined without a distance to choose."""

    def __init__(
        self,
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(None, name, dtype)
        if distance is not None:
            raise ValueError(
                f"`{self.name}` is a figure of the vectors, whatever distance they are compared "
                f"by. Expected `distance=None`. Received: {distance!r}."
            )


@keras.saving.register_keras_serializable(package="keras_siamese")
class Alignment(_GeometryMetric):
    """Mean squared distance of pairs of one class on the unit sphere. Smaller is better.

    `E |f(x) - f(x+)|^2`, 0 to 4, over all unordered pairs of one class, which weigh alike whatever
    their class; exact in time `O(N D)`. Embeddings are divided by their norms first: alignment is
    defined for unit vectors. A zero vector, which has no direction, stays 0. A collapsed model is
    aligned perfectly: read it beside `Uniformity`.

    Args:
        distance: None only.
        name: Defaults to `alignment`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If a distance is given. In evaluation: if no class has 2 items, or pairs
        instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.Alignment()
        >>> metric.update_state([0, 0, 1, 1], [[3.0, 0.0], [0.0, 1.0], [5.0, 5.0], [7.0, 7.0]])
        >>> float(metric.result())  # a right angle, 2, and an angle of 0
        1.0

    Reference: [Wang and Isola, 2020](https://arxiv.org/abs/2005.10242), section 4, with their
        `alpha = 2`.
    """

    default_name = "alignment"
    _direction = "down"

    def of_space(self, space: EmbeddingSpace) -> float:
        """See `SpaceMetric.of_space`."""
        check_class_sizes(space.class_sizes, different=False)
        return geometry.alignment(space.units, space.class_ids)


@keras.saving.register_keras_serializable(package="keras_siamese")
class Uniformity(_GeometryMetric):
    """How evenly embeddings fill the unit sphere, whatever their labels. Smaller is better.

    `log E exp(-2 |f(x) - f(y)|^2)` over all unordered pairs of two items: 0 if all embeddings have
    one direction, never below -8, and near -4 for an even spread in many dimensions. Embeddings are
    divided by their norms first: uniformity is defined for unit vectors. A zero vector stays 0.

    Time is in proportion to `N^2 D`; memory is not.

    Args:
        distance: None only.
        name: Defaults to `uniformity`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If a distance is given. In evaluation: if there is one item only, or pairs
        instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.Uniformity()
        >>> metric.update_state([0, 1], [[3.0, 0.0], [0.0, 1.0]])
        >>> float(metric.result())  # one pair, at a squared distance of 2
        -4.0

    Reference: [Wang and Isola, 2020](https://arxiv.org/abs/2005.10242), section 4, with their
        `t = 2`.
    """

    default_name = "uniformity"
    _direction = "down"

    def of_space(self, space: EmbeddingSpace) -> float:
        """See `SpaceMetric.of_space`."""
        if space.num_items < 2:
            raise ValueError(
                f"`{self.name}` is a mean over pairs of items. Expected at least 2 items. "
                "Received: 1. Evaluate on a larger set."
            )
        return geometry.uniformity(space.units)


@keras.saving.register_keras_serializable(package="keras_siamese")
class EffectiveRank(_GeometryMetric):
    """How many dimensions the embeddings use, whatever their labels. Larger is better.

    The exponential of the entropy of the singular values, divided by their sum, of the matrix of
    the embeddings as they are: neither centred nor normalised, so that a collapse to one point
    gives 1, as one to a line does. Of `d` equal singular values it is `d`. Embeddings that are all
    0 give 0.

    Args:
        distance: None only.
        name: Defaults to `effective_rank`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If a distance is given. In evaluation: if pairs instead of items are
        evaluated.

    Example:
        >>> metric = keras_siamese.metrics.EffectiveRank()
        >>> metric.update_state([0, 0, 1, 1], [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> round(float(metric.result()), 4)
        2.0

    Reference: [Roy and Vetterli, 2007](https://ieeexplore.ieee.org/document/7098875);
        [Garrido et al., 2023](https://arxiv.org/abs/2210.02885) for embeddings.
    """

    default_name = "effective_rank"
    _direction = "up"

    def of_space(self, space: EmbeddingSpace) -> float:
        """See `SpaceMetric.of_space`."""
        return geometry.effective_rank(space.embeddings)


@keras.saving.register_keras_serializable(package="keras_siamese")
class PerDimensionSpread(_GeometryMetric):
    """Standard deviation of the embeddings' dimensions, their mean or least. Larger is better.

    It goes to 0 with a collapse. Spread evenly over the unit sphere of `D` dimensions, embeddings
    have `1 / sqrt(D)` in each. The embeddings are taken as they are.
    `keras_siamese.ops.geometry.per_dimension_spread` gives all of them.

    Args:
        reduction: `"mean"` over the dimensions (the default), or `"min"`: 0 as soon as one
            dimension is constant.
        distance: None only.
        name: Defaults to `per_dimension_spread`, of the least one `min_per_dimension_spread`.
        dtype: Dtype of `result`. Defaults to float32.

    Raises: ValueError: If `reduction` is another, or a distance is given. In evaluation: if pairs
        instead of items are evaluated.

    Example:
        >>> metric = keras_siamese.metrics.PerDimensionSpread()
        >>> metric.update_state([0, 0, 1, 1], [[1.0, 5.0], [1.0, 5.0], [3.0, 5.0], [3.0, 5.0]])
        >>> float(metric.result())  # of 1 and 0
        0.5
    """

    default_name = "per_dimension_spread"
    _direction = "up"

    def __init__(
        self,
        reduction: str = "mean",
        distance: "str | Distance | None" = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.reduction = check_choice("reduction", reduction, ("mean", "min"))
        prefix = "" if reduction == "mean" else "min_"
        super().__init__(distance, name or prefix + self.default_name, dtype)

    def of_space(self, space: EmbeddingSpace) -> float:
        """See `SpaceMetric.of_space`."""
        spread = geometry.per_dimension_spread(space.embeddings)
        return float(spread.mean() if self.reduction == "mean" else spread.min())

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"reduction": self.reduction, **super().get_config()}
