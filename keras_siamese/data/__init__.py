"""Labelled data of any kind -> tf.data batches for metric learning."""

from keras_siamese.data.labels import encode_labels as encode_labels
from keras_siamese.data.sampling.pairs import make_pairs as make_pairs
from keras_siamese.data.sampling.pairs import make_triplets as make_triplets
from keras_siamese.data.sampling.pk import pk_batches as pk_batches
from keras_siamese.data.sampling.sampler import Sampler as Sampler
from keras_siamese.data.sampling.sampler import find_sampler as find_sampler
from keras_siamese.data.sampling.two_views import two_views as two_views
from keras_siamese.data.sources.arrays import from_arrays as from_arrays
from keras_siamese.data.sources.source import Source as Source
from keras_siamese.data.splits import class_disjoint_split as class_disjoint_split

__all__ = [
    "Sampler",
    "Source",
    "class_disjoint_split",
    "encode_labels",
    "find_sampler",
    "from_arrays",
    "make_pairs",
    "make_triplets",
    "pk_batches",
    "two_views",
]
