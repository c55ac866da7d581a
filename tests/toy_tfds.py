"""Small data sets of TensorFlow Datasets for the tests."""

import numpy as np
import tensorflow_datasets as tfds

# Twelve classes, of three alphabets, with 2 to 13 images each.
SIZES = np.arange(2, 14)
LABELS = np.repeat(np.arange(12), SIZES)
IMAGES = np.random.default_rng(0).integers(0, 256, (len(LABELS), 6, 5, 1), np.uint8)
WORDS = [f"wörd {label}" for label in LABELS]

FEATURES = {
    "image": tfds.features.Image(shape=(6, 5, 1), encoding_format="png"),
    "label": tfds.features.ClassLabel(num_classes=12),
    "alphabet": tfds.features.Text(),
    "word": tfds.features.Text(),
    "place": np.int64,
    "point": tfds.features.Tensor(shape=(2,), dtype=np.float32),
    "tags": tfds.features.Sequence(np.int64),
    "weight": np.float32,
}


def example(place):
    return {
        "image": IMAGES[place],
        "label": LABELS[place],
        "alphabet": "αβγ"[LABELS[place] % 3],
        "word": WORDS[place],
        "place": place,
        "point": [place, -place],
        "tags": [1] * (place % 3),
        "weight": 0.5,
    }


def store(folder, name, features, splits, file_format="tfrecord", num_shards=1, version="1.0.0"):
    """Prepares a data set of `splits` of examples, without a class for it."""
    builder = tfds.dataset_builders.AdhocBuilder(
        name=name,
        version=version,
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: list(enumerate(examples)) for split, examples in splits.items()},
        data_dir=folder,
    )
    config = tfds.download.DownloadConfig(try_download_gcs=False, num_shards=num_shards)
    builder.download_and_prepare(download_config=config, file_format=file_format)
    return builder


def store_toys(folder, file_format="tfrecord", num_shards=3):
    """Prepares the data set above as `toys`: the first 80 items for training, the rest a test."""
    splits = {
        "train": [example(place) for place in range(80)],
        "test": [example(place) for place in range(80, len(LABELS))],
    }
    return store(folder, "toys", FEATURES, splits, file_format, num_shards)
