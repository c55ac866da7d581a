"""Negatives drawn such that all distances are met alike."""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.triplets import TripletMiner, Triplets
from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.checks import check_choice, check_positive
from keras_siamese.ops.numerics import count_true, infinity, l2_normalize, safe_sqrt
from keras_siamese.ops.pairwise import pairwise_squared_euclidean
from keras_siamese.ops.positives import Classes, find_positives

_NUM_BINS = 50


@keras.saving.register_keras_serializable(package="keras_siamese")
class DistanceWeightedMiner(TripletMiner):
    """For every anchor and positive, one negative drawn by its distance from the anchor.

    The nearest negatives are noisy, and uniform draws are nearly all easy. Here a negative at
    distance `d` has the weight `1 / q(d)`, where `q` is the density of the distances, so that all
    distances are drawn alike: `P(n | a)` is proportional to `min(1 / q(cutoff), 1 / q(d))`, and 0
    beyond `upper_distance`. An anchor without a negative up to there gives no triplet.

    `d` is the Euclidean distance of the normalised embeddings, `0..2`, whatever the distance of the
    loss. In an XLA-compiled step and with a relation other than the same class, the table of
    positives is as wide as the batch, and so are the draws.

    Args:
        cutoff: Distances below count as this one, which bounds the weights. Defaults to 0.5.
        upper_distance: Negatives from here on are not drawn: most losses are 0 there. Below 2.
            Defaults to 1.4.
        density: What `q` is. `"sphere"`: the density between uniform points of the unit sphere,
            `d^(D - 2) (1 - d^2 / 4)^((D - 3) / 2)` in `D` dimensions. In hundreds of dimensions it
            is so steep that the nearest negative is nearly always drawn. `"histogram"`: the
            anchor's own negatives, counted in 50 bins from `cutoff` to `upper_distance`: each bin
            that is not empty is drawn alike, and each negative within a bin. Defaults to
            `"sphere"`.
        seed: Seed of the random draws. How far the draws have come is not saved with a model.

    Raises: ValueError: If not `0 < cutoff < upper_distance < 2`, or `density` is unknown.

    Example: The negative of the first two items is the one of two that is within 1.4:

        >>> points = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [-1.0, 0.0]]
        >>> triplets = DistanceWeightedMiner(upper_distance=1.45)([0, 0, 1, 2], points)
        >>> triplets.negative.numpy()[:2, 0].tolist()
        [2, 2]

    Reference: [Wu et al., 2017](https://arxiv.org/abs/1706.07567), section 4. Deviation: the
        histogram is not in the paper.
    """

    name: ClassVar[str] = "distance_weighted"

    def __init__(
        self,
        cutoff: float = 0.5,
        upper_distance: float = 1.4,
        density: str = "sphere",
        seed: int | None = None,
    ) -> None:
        self.cutoff = check_positive("cutoff", cutoff)
        self.upper_distance = check_positive("upper_distance", upper_distance, least=self.cutoff)
        if self.upper_distance >= 2:
            raise ValueError(
                "`upper_distance` must be below 2, the greatest distance of unit vectors. "
                f"Received: {upper_distance!r}. Use for instance 1.99 to draw from nearly all."
            )
        self.density = check_choice("density", density, ("sphere", "histogram"))
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Triplets:
        """See `TripletMiner.mine`."""
        positives = find_positives(classes)
        anchors, candidates = l2_normalize(anchors), l2_normalize(candidates)
        draws = keras.random.uniform(
            ops.shape(positives.candidate), dtype=anchors.dtype, seed=self._draws
        )

        def choose(anchors: Any, matched: Any, draws: Any) -> tuple[Any, Any]:
            d = safe_sqrt(pairwise_squared_euclidean(anchors, candidates))
            may_be_drawn = ops.logical_and(
                ops.logical_not(classes.matches(matched)), d < self.upper_distance
            )
            return _draw(self._weights(d, may_be_drawn, candidates.shape[1]), draws)

        negative, found = map_row_blocks(
            choose, (anchors, classes.rows, draws), rows_within(2**18, candidates.shape[0])
        )
        mask = ops.logical_and(positives.mask, found)
        num_pairs = count_true(positives.mask)
        return Triplets(positives.candidate, negative, mask, num_pairs)

    def _weights(self, d: Any, mask: Any, embedding_dim: int) -> Any:
        """What the probabilities are proportional to, 0 outside of the mask, `(rows, M)`."""
        d = ops.clip(d, self.cutoff, self.upper_distance)
        if self.density == "histogram":
            width = (self.upper_distance - self.cutoff) / _NUM_BINS
            place = ops.cast((d - self.cutoff) / width, "int32")
            place = ops.where(mask, ops.minimum(place, _NUM_BINS - 1), _NUM_BINS)
            # XLA compares and adds up in one loop: no tensor of (rows, M, bins) is made.
            hit = place[:, :, None] == ops.arange(_NUM_BINS, dtype="int32")
            counts = ops.sum(ops.cast(hit, "int32"), axis=1)
            count = ops.take_along_axis(counts, ops.minimum(place, _NUM_BINS - 1), axis=1)
            count = ops.cast(ops.maximum(count, 1), d.dtype)
            return ops.where(mask, 1 / count, ops.zeros_like(d))
        # By logarithms, and relative to the greatest of the row: the powers underflow.
        log_q = (embedding_dim - 2) * ops.log(d)
        log_q = log_q + 0.5 * (embedding_dim - 3) * ops.log(1 - ops.square(d) / 4)
        log_weight = ops.minimum(-log_q, self._log_bound(embedding_dim))
        log_weight = ops.where(mask, log_weight, -infinity(d))
        greatest = ops.max(log_weight, axis=1, keepdims=True)
        greatest = ops.where(greatest > -infinity(d), greatest, ops.zeros_like(greatest))
        return ops.exp(log_weight - greatest)

    def _log_bound(self, embedding_dim: int) -> float:
        """Logarithm of the greatest weight, `1 / q(cutoff)`."""
        log_q = (embedding_dim - 2) * math.log(self.cutoff)
        return -log_q - 0.5 * (embedding_dim - 3) * math.log(1 - self.cutoff**2 / 4)

    def get_config(self) -> dict[str, Any]:
        """See `TripletMiner.get_config`."""
        return {
            "cutoff": self.cutoff,
            "upper_distance": self.upper_distance,
            "density": self.density,
            "seed": self.seed,
        }


def _draw(weights: Any, draws: Any) -> tuple[Any, Any]:
    """Draws columns in proportion to their weight.

    One uniform number for each draw, looked up in the running sum of the weights, costs a fraction
    of the noise on every weight that the Gumbel-max trick needs.

    Args:
        weights: Not negative, shape `(rows, M)`.
        draws: Uniform in [0, 1), shape `(rows, slots)`.

    Returns: Column of each draw, int32, and whether there is one, both `(rows, slots)`.
    """
    size = ops.shape(weights)[1]
    sums = ops.cumsum(weights, axis=1)
    wanted = draws * sums[:, -1:]
    # By bisection: the number of sums that do not exceed what is wanted.
    below = ops.zeros_like(wanted, dtype="int32")
    for power in reversed(range((weights.shape[1] or 2**24).bit_length())):
        ahead = below + 2**power
        reached = ops.take_along_axis(sums, ops.minimum(ahead, size) - 1, axis=1) <= wanted
        below = ops.where(ops.logical_and(ahead <= size, reached), ahead, below)
    place = ops.minimum(below, size - 1)
    # Rounding of the sums may lead, once in millions of draws, to a column without weight.
    return place, ops.take_along_axis(weights, place, axis=1) > 0
