"""A schedule of miners."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from keras_siamese.distances import Distance
from keras_siamese.miners.miner import Miner
from keras_siamese.miners.names import get
from keras_siamese.miners.pairs import PairMiner
from keras_siamese.miners.triplets import TripletMiner
from keras_siamese.ops.checks import check_count
from keras_siamese.ops.positives import Classes


@keras.saving.register_keras_serializable(package="keras_siamese")
class ScheduledMiner(Miner):
    """Moves from one miner to another over the epochs of training.

    `SiameseModel.fit` says which epoch it is, `initial_epoch` included, so that a resumed run mines
    as the uninterrupted one would. In a training loop of your own, call `loss.set_epoch(epoch)`,
    and make compiled functions anew if it returns True. Before the first epoch the first miner is
    in effect; the epoch is not saved with a model.

    Args:
        schedule: `(epoch, miner)`, in order: from that epoch on, counted from 0, the miner (an
            object or a name) is in effect. The first epoch is 0. The miners are of one kind, all
            for triplets or all for pairs.

    Raises: ValueError: If the schedule is empty, does not begin at 0, is not in order, or mixes the
        kinds.

    Example: Easy positives at first, then all pairs with their semi-hard negatives:

        >>> miner = ScheduledMiner([(0, "easy_positive"), (10, "semi_hard")])
        >>> miner.in_effect.name, miner.set_epoch(10), miner.in_effect.name
        ('easy_positive', True, 'semi_hard')
    """

    name: ClassVar[str] = "scheduled"

    def __init__(self, schedule: Sequence[tuple[int, str | Miner]]) -> None:
        self.schedule = _check_schedule(schedule)
        self._miner = self.schedule[0][1]

    @property
    def in_effect(self) -> Miner:
        """See `Miner.in_effect`."""
        return self._miner.in_effect

    def mine(
        self,
        anchors: Any,
        candidates: Any,
        classes: Classes,
        *,
        distance: Distance,
        margin: float | None,
    ) -> Any:
        """See `Miner.mine`."""
        return self._miner.mine(anchors, candidates, classes, distance=distance, margin=margin)

    def exhaustive(self, classes: Classes) -> bool:
        """See `Miner.exhaustive`."""
        return self._miner.exhaustive(classes)

    def set_epoch(self, epoch: int) -> bool:
        """See `Miner.set_epoch`."""
        before = self.in_effect
        self._miner = [miner for start, miner in self.schedule if start <= epoch][-1]
        self._miner.set_epoch(epoch)
        changes = self.in_effect is not before
        if changes:
            self._programs.clear()
        return changes

    def get_config(self) -> dict[str, Any]:
        """See `Miner.get_config`."""
        serialize = keras.saving.serialize_keras_object
        return {"schedule": [[start, serialize(miner)] for start, miner in self.schedule]}


def _check_schedule(schedule: Any) -> list[tuple[int, Miner]]:
    try:
        checked = [(check_count("epoch", epoch, least=0), get(miner)) for epoch, miner in schedule]
    except TypeError:
        checked = []
    starts = [start for start, _ in checked]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError(
            "`schedule` must be `(epoch, miner)` in order, beginning with epoch 0. Received: "
            f'{schedule!r}. For instance `[(0, "easy_positive"), (10, "semi_hard")]`.'
        )
    miners = [miner.in_effect for _, miner in checked]
    if not any(all(isinstance(m, kind) for m in miners) for kind in (TripletMiner, PairMiner)):
        raise ValueError(
            "The miners of a `schedule` must be of one kind, all for triplets or all for pairs. "
            f"Received: {[type(miner).__name__ for miner in miners]}."
        )
    return checked
