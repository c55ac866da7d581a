"""The hardest triplet of each anchor."""

from typing import Any, ClassVar

import keras

from keras_siamese.miners.hard_range import HardRangeMiner


@keras.saving.register_keras_serializable(package="keras_siamese")
class BatchHardMiner(HardRangeMiner):
    """One triplet for each anchor: its farthest positive and its nearest negative.

    An anchor without a positive or without a negative gives none.

    Reference: [Hermans et al., 2017](https://arxiv.org/abs/1703.07737), equation 5.
    """

    name: ClassVar[str] = "batch_hard"

    def __init__(self) -> None:
        super().__init__(positive_ranks=(0, 1), negative_ranks=(0, 1))

    def get_config(self) -> dict[str, Any]:
        """See `TripletMiner.get_config`: the ranks are no arguments."""
        return {}
