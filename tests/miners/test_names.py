import keras
import pytest

from keras_siamese import miners
from keras_siamese.losses import ContrastiveLoss, TripletLoss
from keras_siamese.miners import (
    BatchHardMiner,
    Miner,
    MultiSimilarityMiner,
    PairMiner,
    SemiHardMiner,
    TripletMiner,
)

TRIPLETS = (
    "batch_all",
    "batch_hard",
    "distance_weighted",
    "easy_positive",
    "hard_range",
    "semi_hard",
)
PAIRS = ("multi_similarity", "pair_margin")


@pytest.mark.parametrize("name", [*TRIPLETS, *PAIRS])
def test_names(name):
    miner = miners.get(name)
    assert miner.name == name
    assert miner.get_config() == type(miner)().get_config()
    assert miners.get(miner) is miner
    assert type(miners.get(keras.saving.serialize_keras_object(miner))) is type(miner)
    right, wrong = (TripletMiner, PairMiner) if name in TRIPLETS else (PairMiner, TripletMiner)
    assert isinstance(miners.get(name, right), right)
    for identifier in (name, miner, keras.saving.serialize_keras_object(miner)):
        with pytest.raises(ValueError, match=f"`miner` must be a {wrong.__name__}, or the name"):
            miners.get(identifier, wrong)


def test_every_miner_with_a_name_is_found_by_it():
    exported = [getattr(miners, name) for name in miners.__all__]
    named = {
        miner.name
        for miner in exported
        if isinstance(miner, type) and issubclass(miner, Miner) and hasattr(miner, "name")
    }
    # A schedule has arguments that nobody could guess.
    assert named == {*TRIPLETS, *PAIRS, "scheduled"}


@pytest.mark.parametrize(
    ("name", "kind", "nearest"),
    [
        ("semihard", Miner, "semi_hard"),
        ("Batch_Hard", TripletMiner, "batch_hard"),
        ("multisimilarity", PairMiner, "multi_similarity"),
    ],
)
def test_unknown_name(name, kind, nearest):
    with pytest.raises(ValueError, match=f"Unknown `miner`.*Did you mean '{nearest}'"):
        miners.get(name, kind)


@pytest.mark.parametrize("identifier", [None, 2, ["semi_hard"], SemiHardMiner, {"a": 1}])
def test_neither_name_nor_object(identifier):
    with pytest.raises(ValueError, match=r"`miner` must be a Miner.*Expected one of \['batch_all'"):
        miners.get(identifier)


def test_names_in_losses():
    assert type(TripletLoss().miner) is SemiHardMiner
    assert type(TripletLoss(miner="batch_hard").miner) is BatchHardMiner
    assert ContrastiveLoss().miner is None
    assert type(ContrastiveLoss(miner="multi_similarity").miner) is MultiSimilarityMiner
    assert type(ContrastiveLoss(miner="semi_hard").miner) is SemiHardMiner
    with pytest.raises(ValueError, match="Did you mean 'pair_margin'"):
        ContrastiveLoss(miner="pair_margins")
