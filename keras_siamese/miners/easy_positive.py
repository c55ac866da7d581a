"""The easiest positive of each anchor, and a semi-hard negative."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.triplets import TripletMiner, Triplets
from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.checks import check_choice
from keras_siamese.ops.numerics import count_true, infinity
from keras_siamese.ops.positives import Classes, find_positives


@keras.saving.register_keras_serializable(package="keras_siamese")
class EasyPositiveMiner(TripletMiner):
    """One triplet for each anchor: its nearest positive, and the hardest negative beyond it.

    An item then has to be near to some of its class, not to all of it, so that a class may keep
    several looks. The negative is the one with the smallest `d(a, n) > d(a, p)`. There is no upper
    end: one that is beyond the margin has no loss by a hinge.

    Args:
        fallback: What an anchor without a negative beyond its positive gets: the `"farthest"`
            negative (the easiest), the `"hardest"` (the nearest of all), or `"skip"`: no triplet.
            Defaults to `"farthest"`.

    Example: On the points 0, 0.2, 0.9 of one class and 0.5, 1, 3 of another, the anchor 0 has the
        positive 0.2 and the negative 0.5. 0.9 has none beyond its positive 0.2 but 3:

        >>> points = [[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]]
        >>> triplets = EasyPositiveMiner()([0, 0, 0, 1, 1, 1], points)
        >>> triplets.positive.numpy()[:3, 0].tolist(), triplets.negative.numpy()[:3, 0].tolist()
        ([1, 0, 1], [3, 3, 5])

    Reference: [Xuan, Stylianou and Pless, 2020](https://arxiv.org/abs/1904.04370), section 3.2
        (EPSHN).
    """

    name: ClassVar[str] = "easy_positive"

    def __init__(self, fallback: str = "farthest") -> None:
        self.fallback = check_choice("fallback", fallback, ("farthest", "hardest", "skip"))

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

        def choose(anchors: Any, matched: Any, positive: Any, mask: Any) -> tuple[Any, Any, Any]:
            d = distance.reduced_pairwise(anchors, candidates)
            inf = infinity(d)
            d_ap = ops.where(mask, ops.take_along_axis(d, positive, axis=1), inf)
            d_an = ops.where(classes.matches(matched), inf, d)
            nearest = ops.min(d_ap, axis=1, keepdims=True)
            beyond = ops.where(d_an > nearest, d_an, inf)
            semi_hard = ops.min(beyond, axis=1, keepdims=True) < inf
            if self.fallback == "farthest":
                other = ops.where(d_an < inf, -d_an, inf)
            else:
                other = d_an
            slot = ops.argmin(d_ap, axis=1)[:, None]
            negative = ops.argmin(ops.where(semi_hard, beyond, other), axis=1)[:, None]
            found = semi_hard
            if self.fallback != "skip":
                found = ops.min(d_an, axis=1, keepdims=True) < inf
            found = ops.logical_and(found, nearest < inf)
            return ops.take_along_axis(positive, slot, axis=1), ops.cast(negative, "int32"), found

        positive, negative, mask = map_row_blocks(
            choose,
            (anchors, classes.rows, positives.candidate, positives.mask),
            rows_within(2**19, candidates.shape[0]),
        )
        num_pairs = count_true(ops.any(positives.mask, axis=1))
        return Triplets(positive, negative, mask, num_pairs)

    def exhaustive(self, classes: Classes) -> bool:
        """See `TripletMiner.exhaustive`."""
        return False

    def get_config(self) -> dict[str, Any]:
        """See `TripletMiner.get_config`."""
        return {"fallback": self.fallback}
