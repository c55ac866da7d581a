"""Miners choose, inside a batch, the tuples that a loss learns from."""

from keras_siamese.miners.batch_all import BatchAllMiner as BatchAllMiner
from keras_siamese.miners.batch_hard import BatchHardMiner as BatchHardMiner
from keras_siamese.miners.semi_hard import SemiHardMiner as SemiHardMiner
from keras_siamese.miners.triplets import TripletMiner as TripletMiner
from keras_siamese.miners.triplets import Triplets as Triplets
from keras_siamese.miners.triplets import get_miner as get_miner

__all__ = [
    "BatchAllMiner",
    "BatchHardMiner",
    "SemiHardMiner",
    "TripletMiner",
    "Triplets",
    "get_miner",
]
