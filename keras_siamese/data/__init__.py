"""Labelled data of any kind -> tf.data batches for metric learning."""

from keras_siamese.data.augmentation.augment import augment as augment
from keras_siamese.data.augmentation.augment import per_item as per_item
from keras_siamese.data.augmentation.random_warp import RandomWarp as RandomWarp
from keras_siamese.data.augmentation.recipes import grey_augmentation as grey_augmentation
from keras_siamese.data.augmentation.recipes import natural_augmentation as natural_augmentation
from keras_siamese.data.labels import encode_labels as encode_labels
from keras_siamese.data.leaks import LeakReport as LeakReport
from keras_siamese.data.leaks import find_leaks as find_leaks
from keras_siamese.data.prepare import prepare_idx as prepare_idx
from keras_siamese.data.prepare import prepare_image_folder as prepare_image_folder
from keras_siamese.data.sampling.pairs import pair_batches as pair_batches
from keras_siamese.data.sampling.pairs import triplet_batches as triplet_batches
from keras_siamese.data.sampling.pk import pk_batches as pk_batches
from keras_siamese.data.sampling.sampler import PKSampler as PKSampler
from keras_siamese.data.sampling.sampler import Sampler as Sampler
from keras_siamese.data.sampling.sampler import find_sampler as find_sampler
from keras_siamese.data.sampling.two_views import two_views as two_views
from keras_siamese.data.sampling.verification import VerificationPairs as VerificationPairs
from keras_siamese.data.sampling.verification import verification_pairs as verification_pairs
from keras_siamese.data.sources.arrays import from_arrays as from_arrays
from keras_siamese.data.sources.dataset import from_dataset as from_dataset
from keras_siamese.data.sources.idx import from_idx as from_idx
from keras_siamese.data.sources.image_folder import from_image_folder as from_image_folder
from keras_siamese.data.sources.source import Source as Source
from keras_siamese.data.sources.stream import Stream as Stream
from keras_siamese.data.sources.stream import from_stream as from_stream
from keras_siamese.data.sources.table import from_table as from_table
from keras_siamese.data.sources.tfds import from_tfds as from_tfds
from keras_siamese.data.splits import class_disjoint_split as class_disjoint_split
from keras_siamese.data.splits import class_folds as class_folds
from keras_siamese.data.splits import group_disjoint_split as group_disjoint_split
from keras_siamese.data.splits import stratified_split as stratified_split

__all__ = [
    "LeakReport",
    "PKSampler",
    "RandomWarp",
    "Sampler",
    "Source",
    "Stream",
    "VerificationPairs",
    "augment",
    "class_disjoint_split",
    "class_folds",
    "encode_labels",
    "find_leaks",
    "find_sampler",
    "from_arrays",
    "from_dataset",
    "from_idx",
    "from_image_folder",
    "from_stream",
    "from_table",
    "from_tfds",
    "grey_augmentation",
    "group_disjoint_split",
    "natural_augmentation",
    "pair_batches",
    "per_item",
    "pk_batches",
    "prepare_idx",
    "prepare_image_folder",
    "stratified_split",
    "triplet_batches",
    "two_views",
    "verification_pairs",
]
