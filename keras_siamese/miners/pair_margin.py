"""Pairs on the wrong side of a margin."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_siamese.distances import Distance
from keras_siamese.miners.pairs import PairMiner, Pairs, all_pairs
from keras_siamese.ops.blocks import map_row_blocks, rows_within
from keras_siamese.ops.checks import check_positive
from keras_siamese.ops.positives import Classes


@keras.saving.register_keras_serializable(package="keras_siamese")
class PairMarginMiner(PairMiner):
    """Positives farther than one distance, and negatives nearer than another.

    Args:
        positive_margin: Positive float in units of `distance`: positives with
            `d(a, p) > positive_margin` are kept. Defaults to 0.2.
        negative_margin: Positive float in units of `distance`: negatives with
            `d(a, n) < negative_margin` are kept. Defaults to 0.8.

    Raises: ValueError: If one of them is not positive.

    Example: From 0, the positive at 0.1 is near enough; the negative at 0.5 is too near:

        >>> pairs = PairMarginMiner()([0, 0, 1, 2], [[0.0], [0.1], [0.5], [0.9]])
        >>> pairs.mask.numpy()[0].tolist()
        [False, False, True, False]
    """

    name: ClassVar[str] = "pair_margin"

    def __init__(self, positive_margin: float = 0.2, negative_margin: float = 0.8) -> None:
        self.positive_margin = check_positive("positive_margin", positive_margin)
        self.negative_margin = check_positive("negative_margin", negative_margin)

    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Pairs:
        """See `PairMiner.mine`."""
        pairs = all_pairs(classes)

        def choose(anchors: Any, positive: Any, negative: Any) -> Any:
            d = distance.pairwise(anchors, candidates)
            return ops.logical_or(
                ops.logical_and(positive, d > self.positive_margin),
                ops.logical_and(negative, d < self.negative_margin),
            )

        mask = map_row_blocks(
            choose,
            (anchors, pairs.positive, pairs.negative),
            rows_within(2**19, candidates.shape[0]),
        )
        return pairs._replace(mask=mask)

    def get_config(self) -> dict[str, Any]:
        """See `PairMiner.get_config`."""
        return {"positive_margin": self.positive_margin, "negative_margin": self.negative_margin}
