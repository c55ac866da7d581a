"""Data sets of TensorFlow Datasets as sources, read and decoded item by item."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import call_in_numpy
from keras_siamese.data.sources.image_format import ImageFormat
from keras_siamese.data.sources.prepared import find_builder, open_split
from keras_siamese.data.sources.records import Records
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_choice

# Records that are in memory at a time while the labels are read.
_NUM_AT_ONCE = 256


class TFDSSource(Source):
    """Items that are records of TensorFlow Datasets: see `from_tfds`.

    Args:
        records: The records.
        x: The feature to read, or several.
        features: All features of the data set, a `FeaturesDict`.
        formats: For each feature that is decoded as an image, what it is to look like.
        labels: Class labels, shape `(num_items,)`.
        groups: Super-class of each item, shape `(num_items,)`, or `None`.
    """

    def __init__(
        self,
        records: Records,
        x: str | Sequence[str],
        features: Any,
        formats: Mapping[str, ImageFormat],
        labels: np.ndarray,
        groups: np.ndarray | None,
    ) -> None:
        super().__init__(labels, groups)
        self._records = records
        self._x = x
        self._formats = formats
        self._images = _some_of(features, formats)
        self._others = _some_of(features, [key for key in _as_list(x) if key not in formats])

    def fetch(self, indices: tf.Tensor) -> Any:
        """Reads and decodes a batch of items."""
        records = call_in_numpy(_read_records, self._records, [indices], tf.string)
        records = tf.ensure_shape(records, indices.shape)
        items = {}
        if self._formats:
            encoded = tf.io.parse_example(records, self._images.tf_example_spec)
            for key, image_format in self._formats.items():
                size = image_format.size or self._images[key].shape[:2]
                images = image_format.decode(encoded[key])
                items[key] = tf.ensure_shape(images, (None, *size, images.shape[-1]))
        if len(self._others):
            items |= tf.map_fn(
                self._others.deserialize_example,
                records,
                fn_output_signature=self._others.get_tensor_spec(),
            )
        return items[self._x] if isinstance(self._x, str) else {key: items[key] for key in self._x}


def from_tfds(
    name: str,
    split: Any = "train",
    *,
    x: str | Sequence[str] | None = None,
    label: str | None = None,
    group: str | None = None,
    size: tuple[int, int] | None = None,
    color_mode: str | None = None,
    resize: str = "stretch",
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> Source:
    """A data set of TensorFlow Datasets as a source.

    Only labels and the places of the records are in memory. Items are read from the files when they
    are asked for, and only those are decoded. Images come in [0, 1], float32; other features as
    TensorFlow Datasets decodes them. An image that cannot be decoded stops training with an error
    of TensorFlow.

    Labels that are integers, as those of a `ClassLabel`, keep their values; its names are
    `tfds.builder(name).info.features[label].names`. Strings are labels by name. Groups of a
    `ClassLabel` come by their names.

    Args:
        name: The data set, as `tfds.load` takes it: `"omniglot"`, `"name/config:1.0.0"`.
        split: A split, a part of one, or a sum, as `tfds.load` takes it: `"train"` (the default),
            `"train[:80%]"`, `"train+test"`.
        x: The feature to learn from, or several: items are then a dict. Defaults to the one that
            `as_supervised` gives.
        label: The feature that is the class. Defaults to the one that `as_supervised` gives.
        group: The feature that is the super-class, such as `"alphabet"` of Omniglot. Defaults to
            `None`: there are none.
        size: `(height, width)` of the images. Defaults to their own, if all have the same.
        color_mode: `"rgb"` or `"grayscale"`. Defaults to what the data set says.
        resize: What happens to images of another aspect ratio than `size`: `"stretch"` (the
            default), `"crop"` or `"pad"`.
        data_dir: Where the prepared data lies. Defaults to the folder of TensorFlow Datasets: what
            the environment variable `TFDS_DATA_DIR` names, or `~/tensorflow_datasets`.
        download: Whether to download and prepare a data set that is not there. Without a network,
            TensorFlow Datasets tries for minutes. Defaults to `False`.

    Returns: A `Source`.

    Raises: ValueError: If there is no such data set, split or feature, the data set is not on this
        machine, a file is damaged, labels are no integers or strings, or missing, or items differ
        in shape.

    Example:
        >>> train = from_tfds(
        ...     "omniglot", "train", group="alphabet", size=(28, 28), color_mode="grayscale"
        ... )
        >>> batches = pk_batches(train, classes_per_batch=16, examples_per_class=8)
    """
    builder = find_builder(name, data_dir, download)
    features = builder.info.features
    x, label = _supervised(builder, x, label)
    for argument, keys in (("x", _as_list(x)), ("label", [label]), ("group", _as_list(group))):
        for key in keys:
            check_choice(argument, key, features)
    formats = {
        key: _image_format(key, features[key], size, color_mode, resize)
        for key in _as_list(x)
        if _is_image(features[key])
    }
    _check_common_shape(features, [key for key in _as_list(x) if key not in formats])
    label_features = _some_of(features, {label, *_as_list(group)})
    for key, feature in label_features.items():
        _check_label(key, feature)
    records = open_split(builder, split)
    values = _read_labels(records, label_features)
    groups = None if group is None else _named(features[group], values[group])
    return TFDSSource(records, x, features, formats, values[label], groups)


def _read_records(records: Records, indices: np.ndarray) -> np.ndarray:
    return np.array(records.read(indices), object)


def _supervised(builder: Any, x: Any, label: str | None) -> tuple[Any, str]:
    """Returns the features to learn from and the label, as given, or as the data set says."""
    if x is not None and label is not None:
        return x, label
    pair = builder.info.supervised_keys
    if pair is None or len(pair) != 2 or not all(isinstance(key, str) for key in pair):
        raise ValueError(
            f"{builder.name!r} does not say which feature is the label. Give `x` and `label`, "
            f"out of {sorted(builder.info.features)}. Received: x={x!r}, label={label!r}."
        )
    return pair[0] if x is None else x, pair[1] if label is None else label


def _is_image(feature: Any) -> bool:
    """Whether a feature is kept as an encoded file, 8 bits for each value."""
    import tensorflow_datasets as tfds

    return type(feature) is tfds.features.Image and feature.np_dtype == np.uint8


def _image_format(
    key: str,
    feature: Any,
    size: tuple[int, int] | None,
    color_mode: str | None,
    resize: str,
) -> ImageFormat:
    if size is None and None in feature.shape[:2]:
        raise ValueError(
            f"Images of one batch must have one size. Received: feature {key!r} of shape "
            f"{feature.shape}. Use `size=(height, width)`."
        )
    if color_mode is None:
        color_mode = "grayscale" if feature.shape[-1] == 1 else "rgb"
    return ImageFormat(size, color_mode, resize)


def _check_common_shape(features: Any, keys: Sequence[str]) -> None:
    """Checks that the items of a batch make one tensor."""
    for key in keys:
        for spec in tf.nest.flatten(features[key].get_tensor_spec()):
            if not isinstance(spec, tf.TensorSpec) or not spec.shape.is_fully_defined():
                raise ValueError(
                    f"Items of one batch must have one shape. Received: feature {key!r}, which is "
                    f"{spec}. Choose another `x`."
                )


def _check_label(key: str, feature: Any) -> None:
    dtype = getattr(feature, "tf_dtype", None)
    is_label = isinstance(dtype, tf.DType) and (dtype.is_integer or dtype in (tf.bool, tf.string))
    if feature.shape != () or not is_label:
        raise ValueError(
            "A label, or a group, must be one integer or one string for each item. Received: "
            f"feature {key!r}, which is {feature!r}."
        )


def _read_labels(records: Records, features: Any) -> dict[str, np.ndarray]:
    """Returns the values of features that are labels, of all records, shapes `(num_items,)`."""
    import tensorflow_datasets as tfds

    parts = []
    for start in range(0, len(records), _NUM_AT_ONCE):
        places = np.arange(start, min(start + _NUM_AT_ONCE, len(records)))
        parsed = tf.io.parse_example(records.read(places), features.tf_example_spec)
        parts.append({key: values.numpy() for key, values in parsed.items()})
    labels = {key: np.concatenate([part[key] for part in parts]) for key in features}
    for key, values in labels.items():
        if values.dtype == object:
            labels[key] = np.array([value.decode() for value in values])
        elif isinstance(features[key], tfds.features.ClassLabel) and values.min() < 0:
            raise ValueError(
                f"{(values < 0).sum()} of {len(values)} items have no label (-1 in feature "
                f"{key!r}), as in the test split of a competition. Use another split."
            )
    return labels


def _named(feature: Any, values: np.ndarray) -> np.ndarray:
    """Returns the names of values of a `ClassLabel`, and values of other features as they are."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.ClassLabel) and feature.num_classes:
        return np.array(feature.names)[values]
    return values


def _some_of(features: Any, keys: Iterable[str]) -> Any:
    """Returns the `FeaturesDict` of some features, which parses and decodes no other."""
    import tensorflow_datasets as tfds

    return tfds.features.FeaturesDict({key: features[key] for key in keys})


def _as_list(keys: str | Sequence[str] | None) -> list[str]:
    return [] if keys is None else [keys] if isinstance(keys, str) else list(keys)
