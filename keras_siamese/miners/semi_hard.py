"""Semi-hard negatives, one or all of them for each anchor-positive pair."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.triplets import TripletMiner, Triplets
from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.checks import check_choice
from keras_siamese.ops.numerics import count_true, infinity
from keras_siamese.ops.positives import Classes, find_positives

# Floats in a block of distances: beyond, the compiler's temporaries leave the cache.
_BLOCK = 2**18


@keras.saving.register_keras_serializable(package="keras_siamese")
class SemiHardMiner(TripletMiner):
    """Negatives that are farther than the positive, but not by more than the margin.

    For every anchor `a` and positive `p`, a negative `n` is semi-hard if
    `d(a, p) < d(a, n) < d(a, p) + margin`. The margin is the loss's; with a soft margin there is no
    upper end. The literature leaves open which one is taken and what happens if there is none, so
    both are arguments; what the mean runs over is the loss's `reduction`.

    The default equals tensorflow-addons' `TripletSemiHardLoss` under a hinge: the smallest
    `d(a, n) > d(a, p)`, else the largest `d(a, n)`. (Where the smallest is beyond the margin so is
    the largest, and both give 0.)

    Args:
        negative: Which semi-hard negative: `"nearest"` to the anchor, a `"random"` one (uniform;
            the positives of an anchor share their draw), or `"all"`, each in a triplet of its own.
            Defaults to `"nearest"`.
        fallback: What a pair without a semi-hard negative gets: the `"farthest"` negative (the
            easiest), the `"hardest"` (the nearest of all), or `"skip"`: no triplet. Defaults to
            `"farthest"`.
        seed: Seed of the random draws, used with `negative="random"` alone. How far the draws have
            come is not saved with a model.

    Example: On the points 0, 0.2, 0.9 of one class and 0.5, 1, 3 of another, with margin 0.6, 7 of
        the 12 pairs have a semi-hard negative:

        >>> points = [[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]]
        >>> triplets = SemiHardMiner(fallback="skip")([0, 0, 0, 1, 1, 1], points, margin=0.6)
        >>> int(triplets.mask.numpy().sum()), int(triplets.num_pairs)
        (7, 12)

    Reference: [Schroff et al., 2015](https://arxiv.org/abs/1503.03832), section 3.2.
    """

    name: ClassVar[str] = "semi_hard"

    def __init__(
        self, negative: str = "nearest", fallback: str = "farthest", seed: int | None = None
    ) -> None:
        self.negative = check_choice("negative", negative, ("nearest", "random", "all"))
        self.fallback = check_choice("fallback", fallback, ("farthest", "hardest", "skip"))
        self.seed = seed
        self._noise = keras.random.SeedGenerator(seed) if negative == "random" else None

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
        rows = [anchors, classes.rows, positives.candidate]
        if self._noise is not None:
            shape = (ops.shape(anchors)[0], ops.shape(candidates)[0])
            rows.append(keras.random.uniform(shape, dtype=anchors.dtype, seed=self._noise))

        def choose(anchors: Any, matched: Any, positive: Any, noise: Any = None) -> tuple[Any, Any]:
            # Candidates run along the first axis: what is reduced is then the slow axis, in whole
            # vectors.
            d = distance.reduced_columns(anchors, candidates)
            num_rows = ops.shape(d)[1]
            place = ops.transpose(positive) * num_rows + ops.arange(num_rows, dtype="int32")
            d_ap = ops.take(ops.reshape(d, (-1,)), place)  # (slots, rows)
            # (candidates, rows), infinite at what is no negative
            d_an = ops.where(classes.matches_columns(matched), infinity(d), d)
            negative, found = self._choose(d_an, d_ap, distance, margin, noise)
            return _rows_first(negative), _rows_first(found)

        block = rows_within(_BLOCK, candidates.shape[0])
        negative, found = map_row_blocks(choose, tuple(rows), block)
        num_pairs = count_true(positives.mask)
        positive, mask = positives
        if self.negative == "all":
            num_anchors, num_candidates = ops.shape(anchors)[0], ops.shape(candidates)[0]
            found = ops.reshape(found, (num_anchors, -1, num_candidates))
            mask = ops.logical_and(mask[:, :, None], found)
            negative = ops.arange(num_candidates, dtype="int32")
            wide = ops.shape(mask)
            positive, negative, mask = (
                ops.reshape(ops.broadcast_to(x, wide), (num_anchors, -1))
                for x in (positive[:, :, None], negative, mask)
            )
        else:
            mask = ops.logical_and(mask, found)
        return Triplets(positive, negative, mask, num_pairs)

    def exhaustive(self, classes: Classes) -> bool:
        """See `TripletMiner.exhaustive`."""
        return self.negative == "all" or super().exhaustive(classes)

    def _choose(
        self, d_an: Any, d_ap: Any, distance: Distance, margin: float | None, noise: Any
    ) -> tuple[Any, Any]:
        """Gives the negative's index and whether there is one, each `(slots, rows)`.

        With `negative="all"`, both are `(slots, candidates, rows)`.
        """
        inf = infinity(d_an)
        d_an, d_ap = d_an[None, :, :], d_ap[:, None, :]  # (1, candidates, rows), (slots, 1, rows)
        beyond = ops.logical_and(d_an > d_ap, d_an < inf)
        end = inf if margin is None else distance.from_reduced(d_ap) + margin
        if self.negative == "nearest":
            chosen = ops.min(ops.where(beyond, d_an, inf), axis=1, keepdims=True)
            semi_hard = ops.logical_and(chosen < inf, distance.from_reduced(chosen) < end)
        else:
            beyond = ops.logical_and(beyond, distance.from_reduced(d_an) < end)
            key = d_an if noise is None else ops.transpose(noise)[None, :, :]
            chosen = ops.min(ops.where(beyond, key, inf), axis=1, keepdims=True)
            semi_hard = chosen < inf
        if self.fallback == "hardest":
            other = ops.min(d_an, axis=1, keepdims=True)
        else:
            other = ops.max(ops.where(d_an < inf, d_an, -inf), axis=1, keepdims=True)
        found = semi_hard if self.fallback == "skip" else ops.abs(other) < inf
        found = ops.logical_and(found, ops.abs(other) < inf)
        if self.negative == "nearest":
            negative = _first(d_an == ops.where(semi_hard, chosen, other))
        elif self.negative == "random":
            negative = ops.where(
                semi_hard, _first(ops.logical_and(beyond, key == chosen)), _first(d_an == other)
            )
        else:
            negative = ops.broadcast_to(
                ops.arange(ops.shape(d_an)[1], dtype="int32")[None, :, None], ops.shape(beyond)
            )
            alone = negative == _first(d_an == other)
            found = ops.logical_or(
                beyond, ops.logical_and(ops.logical_not(semi_hard), found & alone)
            )
            return negative, found
        return negative[:, 0], ops.broadcast_to(found, ops.shape(chosen))[:, 0]

    def get_config(self) -> dict[str, Any]:
        """See `TripletMiner.get_config`."""
        return {"negative": self.negative, "fallback": self.fallback, "seed": self.seed}


def _first(hit: Any) -> Any:
    """Least index along axis 1 at which `hit` is true; the last index if it never is."""
    size = ops.shape(hit)[1]
    index = ops.arange(size, dtype="int32")[None, :, None]
    return ops.min(ops.where(hit, index, size - 1), axis=1, keepdims=True)


def _rows_first(x: Any) -> Any:
    """`(slots, ..., rows)` -> `(rows, slots * ...)`."""
    flat = ops.reshape(x, (-1, ops.shape(x)[-1]))
    return ops.transpose(flat)
