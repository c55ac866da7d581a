"""Miners choose, inside a batch, the tuples that a loss learns from."""

from keras_siamese.miners.batch_all import BatchAllMiner as BatchAllMiner
from keras_siamese.miners.batch_hard import BatchHardMiner as BatchHardMiner
from keras_siamese.miners.miner import Miner as Miner
from keras_siamese.miners.miner import get_miner as get_miner
from keras_siamese.miners.pairs import PairMiner as PairMiner
from keras_siamese.miners.pairs import Pairs as Pairs
from keras_siamese.miners.pairs import all_pairs as all_pairs
from keras_siamese.miners.pairs import pairs_of_triplets as pairs_of_triplets
from keras_siamese.miners.semi_hard import SemiHardMiner as SemiHardMiner
from keras_siamese.miners.triplets import TripletMiner as TripletMiner
from keras_siamese.miners.triplets import Triplets as Triplets

__all__ = [
    "BatchAllMiner",
    "BatchHardMiner",
    "Miner",
    "PairMiner",
    "Pairs",
    "SemiHardMiner",
    "TripletMiner",
    "Triplets",
    "all_pairs",
    "get_miner",
    "pairs_of_triplets",
]
