"""Miners choose, inside a batch, the tuples that a loss learns from."""

from keras_siamese.miners.batch_all import BatchAllMiner as BatchAllMiner
from keras_siamese.miners.batch_hard import BatchHardMiner as BatchHardMiner
from keras_siamese.miners.distance_weighted import (
    DistanceWeightedMiner as DistanceWeightedMiner,
)
from keras_siamese.miners.easy_positive import EasyPositiveMiner as EasyPositiveMiner
from keras_siamese.miners.hard_range import HardRangeMiner as HardRangeMiner
from keras_siamese.miners.miner import Miner as Miner
from keras_siamese.miners.multi_similarity import MultiSimilarityMiner as MultiSimilarityMiner
from keras_siamese.miners.names import get as get
from keras_siamese.miners.offline import mine_triplets as mine_triplets
from keras_siamese.miners.pair_margin import PairMarginMiner as PairMarginMiner
from keras_siamese.miners.pairs import PairMiner as PairMiner
from keras_siamese.miners.pairs import Pairs as Pairs
from keras_siamese.miners.pairs import all_pairs as all_pairs
from keras_siamese.miners.pairs import distinct_pairs as distinct_pairs
from keras_siamese.miners.pairs import pairs_of_triplets as pairs_of_triplets
from keras_siamese.miners.scheduled import ScheduledMiner as ScheduledMiner
from keras_siamese.miners.semi_hard import SemiHardMiner as SemiHardMiner
from keras_siamese.miners.triplets import TripletMiner as TripletMiner
from keras_siamese.miners.triplets import Triplets as Triplets

__all__ = [
    "BatchAllMiner",
    "BatchHardMiner",
    "DistanceWeightedMiner",
    "EasyPositiveMiner",
    "HardRangeMiner",
    "Miner",
    "MultiSimilarityMiner",
    "PairMarginMiner",
    "PairMiner",
    "Pairs",
    "ScheduledMiner",
    "SemiHardMiner",
    "TripletMiner",
    "Triplets",
    "all_pairs",
    "distinct_pairs",
    "get",
    "mine_triplets",
    "pairs_of_triplets",
]
