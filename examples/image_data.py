"""Labelled images for the examples: IDX files and TensorFlow Datasets, as arrays."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

_IDX_PARTS = {"train": "train", "test": "t10k"}


def load_idx(folder: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels of MNIST-like IDX files.

    Args:
        folder: Where the four files of Fashion-MNIST lie, packed by gzip or not.
        part: `"train"` or `"test"`.

    Returns: Images in [0, 1], float32, shape `(num_images, height, width, 1)`, and int64 labels.

    Raises: ValueError: If a file is missing or no IDX file of bytes.
    """
    images, labels = (
        _read_idx(Path(folder) / f"{_IDX_PARTS[part]}-{kind}-ubyte")
        for kind in ("images-idx3", "labels-idx1")
    )
    return images[..., None].astype("float32") / 255, labels.astype("int64")


def load_tfds(
    name: str,
    split: str,
    columns: Sequence[str] = ("image", "label"),
    *,
    size: int | None = None,
    download: bool = False,
) -> tuple[dict[str, np.ndarray], Any]:
    """Returns columns of a data set of TensorFlow Datasets.

    Args:
        name: A name of TensorFlow Datasets, such as `"mnist"`.
        split: A split, such as `"train"`.
        columns: Features to load. The one named `image` comes in [0, 1], float32.
        size: Side to resize images to. Defaults to their own, or to 64 if they are larger or
            differ in size.
        download: Whether to fetch a data set that is not on this machine yet.

    Returns: Column -> array of shape `(num_items, ...)`, and the `FeaturesDict`.

    Raises: ValueError: If there is no such data set, split or column, or it is not on this machine
        and cannot be fetched.
    """
    import tensorflow_datasets as tfds  # only where it is used: it takes a second to import

    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"TensorFlow Datasets has no {name!r}. See https://www.tensorflow.org/datasets/catalog"
        ) from error
    if missing := [column for column in columns if column not in builder.info.features]:
        raise ValueError(
            f"The data set {name!r} has no {' and no '.join(missing)}. "
            f"Expected: {list(columns)}. Received: {list(builder.info.features)}."
        )
    if not builder.data_path.exists():
        where = f"The data set {name!r} is not on this machine ({builder.data_path})."
        if not download:
            raise ValueError(f"{where} Use `--download` to fetch it, which needs a network.")
        try:
            builder.download_and_prepare()
        except OSError as error:
            raise ValueError(f"{where} Fetching it failed: {error}") from error
    if split not in builder.info.splits:
        splits = list(builder.info.splits)
        raise ValueError(f"{name!r} has no split {split!r}. Expected one of {splits}.")
    height, width, _ = builder.info.features["image"].shape
    if size is None and (None in (height, width) or max(height, width) > 64):
        size = 64

    def to_row(item: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        row = {column: item[column] for column in columns}
        if size is not None:
            row["image"] = tf.image.resize(row["image"], (size, size), "area")
        row["image"] = tf.cast(row["image"], tf.float32) / 255
        return row

    rows = builder.as_dataset(split=split).map(to_row, num_parallel_calls=tf.data.AUTOTUNE)
    batches = list(rows.batch(1024).as_numpy_iterator())
    arrays = {column: np.concatenate([batch[column] for batch in batches]) for column in columns}
    return arrays, builder.info.features


def _read_idx(path: Path) -> np.ndarray:
    """Returns the bytes in an IDX file, in its shape."""
    packed = path.with_name(path.name + ".gz")
    if path.exists():
        data = path.read_bytes()
    elif packed.exists():
        data = gzip.decompress(packed.read_bytes())
    else:
        raise ValueError(f"No such file: {path}, nor {packed.name}. Expected an IDX file.")
    # Two zero bytes, the type (8: unsigned bytes), the number of axes, and the size of each.
    if data[:3] != b"\0\0\x08":
        raise ValueError(
            f"Expected an IDX file of bytes. Received: {path}, which starts otherwise."
        )
    num_axes = data[3]
    shape = np.frombuffer(data, ">i4", count=num_axes, offset=4)
    return np.frombuffer(data, "uint8", offset=4 + 4 * num_axes).reshape(shape)
