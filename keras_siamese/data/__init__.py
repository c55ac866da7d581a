"""Labelled data of any kind -> tf.data batches for metric learning."""

from keras_siamese.data.labels import encode_labels as encode_labels
from keras_siamese.data.pairs import make_pairs as make_pairs
from keras_siamese.data.pairs import make_triplets as make_triplets
from keras_siamese.data.pk import find_epoch_counter as find_epoch_counter
from keras_siamese.data.pk import pk_batches as pk_batches
from keras_siamese.data.splits import class_disjoint_split as class_disjoint_split
from keras_siamese.data.two_views import two_views as two_views

__all__ = [
    "class_disjoint_split",
    "encode_labels",
    "find_epoch_counter",
    "make_pairs",
    "make_triplets",
    "pk_batches",
    "two_views",
]
