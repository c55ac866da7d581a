"""Miners by their names."""

from typing import Any

import keras

from keras_siamese.miners.batch_all import BatchAllMiner
from keras_siamese.miners.batch_hard import BatchHardMiner
from keras_siamese.miners.distance_weighted import DistanceWeightedMiner
from keras_siamese.miners.easy_positive import EasyPositiveMiner
from keras_siamese.miners.hard_range import HardRangeMiner
from keras_siamese.miners.miner import Miner
from keras_siamese.miners.multi_similarity import MultiSimilarityMiner
from keras_siamese.miners.pair_margin import PairMarginMiner
from keras_siamese.miners.semi_hard import SemiHardMiner
from keras_siamese.ops.checks import unknown_name

_BY_NAME: dict[str, type[Miner]] = {
    miner.name: miner
    for miner in (
        BatchAllMiner,
        BatchHardMiner,
        DistanceWeightedMiner,
        EasyPositiveMiner,
        HardRangeMiner,
        MultiSimilarityMiner,
        PairMarginMiner,
        SemiHardMiner,
    )
}


def get(identifier: "str | Miner | dict[str, Any]", kind: type[Any] = Miner) -> Miner:
    """Returns the miner that a name, an object or a serialised config stands for.

    Args:
        identifier: `"batch_all"`, `"batch_hard"`, `"distance_weighted"`, `"easy_positive"`,
            `"hard_range"`, `"semi_hard"` (triplets), `"multi_similarity"`, `"pair_margin"` (pairs):
            those with default arguments; a `Miner`; or what `keras.saving.serialize_keras_object`
            made of one.
        kind: The kind that is wanted: `TripletMiner`, `PairMiner` or, for both, `Miner`.

    Raises: ValueError: If the name is unknown, where the message holds the nearest one, or the
        miner is of another kind.

    Example:
        >>> keras_siamese.miners.get("multi_similarity").epsilon
        0.1
    """
    names = [name for name, miner in _BY_NAME.items() if issubclass(miner, kind)]
    found: Any = identifier
    if isinstance(identifier, str):
        if identifier not in _BY_NAME:
            raise unknown_name("miner", identifier, names)
        found = _BY_NAME[identifier]()
    elif isinstance(identifier, dict):
        found = keras.saving.deserialize_keras_object(identifier)
    if isinstance(found, Miner) and isinstance(found.in_effect, kind):
        return found
    raise ValueError(
        f"`miner` must be a {kind.__name__}, or the name of one. Expected one of {sorted(names)}, "
        f"or an object of `keras_siamese.miners`. Received: {identifier!r}."
        + (f" Use `{identifier.__name__}()`." if isinstance(identifier, type) else "")
    )
