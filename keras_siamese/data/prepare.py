"""Image folders and IDX files -> data sets of TensorFlow Datasets, prepared once."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from keras_siamese.data.sources.files import FileSource
from keras_siamese.data.sources.idx import PARTS, has_idx_part, read_idx_part
from keras_siamese.data.sources.image_folder import from_image_folder
from keras_siamese.ops.checks import check_choice

# A split, as pairs of a key and an example. TFDS shuffles by a hash of the key.
Examples = Iterator[tuple[int, dict[str, Any]]]

# Modes of Pillow without colours.
_GREY = {"1", "L", "LA", "I", "I;16", "I;16B"}


def prepare_image_folder(
    folder: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]],
    name: str,
    *,
    depth: int = 1,
    corrupt: str = "error",
    data_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Makes a data set of TensorFlow Datasets out of folders of image files, once.

    It has the features `image`, `label` (the folder's name is its name) and, of folders of depth 2,
    `group`. The files are copied as they are, into few large ones. It is read by its name, here or
    in any other program: `from_tfds(name)`, `tfds.load(name)`. If it is there already, nothing is
    read or written.

    Args:
        folder: A folder with one folder for each class, which becomes the split `train`; or a dict
            of them, by the names of their splits.
        name: What to call the data set: lower-case letters, digits and underscores.
        depth: 1 (the default) for `folder/class/`, or 2 for `folder/super-class/class/`.
        corrupt: What happens to files that cannot be read or decoded: `"error"` (the default), or
            `"skip"`, which leaves them out and warns.
        data_dir: Where TensorFlow Datasets keeps its data. Defaults to its own folder: what the
            environment variable `TFDS_DATA_DIR` names, or `~/tensorflow_datasets`.

    Returns: The folder of the data set. Delete it to prepare the data set anew.

    Raises: ValueError: If `from_image_folder` refuses a folder, or `name` or `corrupt` is not
        allowed.

    Example:
        >>> prepare_image_folder({"train": "cifar/train", "test": "cifar/test"}, "my_cifar")
        >>> train = from_tfds("my_cifar", "train")
    """
    import tensorflow_datasets as tfds

    check_choice("corrupt", corrupt, ("error", "skip"))

    def features_and_splits() -> tuple[dict[str, Any], dict[str, Examples]]:
        folders = folder if isinstance(folder, Mapping) else {"train": folder}
        sources = {
            # Any `size`: the files may have several.
            split: from_image_folder(path, size=(1, 1), depth=depth, corrupt=corrupt)
            for split, path in folders.items()
        }
        shape = _common_shape([path for source in sources.values() for path in source.paths])
        features = {
            "image": tfds.features.Image(shape=shape),
            "label": _class_label(source.labels for source in sources.values()),
        }
        if depth == 2:
            features["group"] = _class_label(source.groups for source in sources.values())
        return features, {split: _file_examples(source) for split, source in sources.items()}

    return _prepare(name, data_dir, "Image files, by class.", features_and_splits)


def prepare_idx(
    folder: str | os.PathLike[str],
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Makes a data set of TensorFlow Datasets out of MNIST-like IDX files, once.

    It has the features `image` (bytes, kept as PNG) and `label`, and the splits `train` and
    `test`, as far as the files are there. It is read by its name, here or in any other program:
    `from_tfds(name)`, `tfds.load(name)`. If it is there already, nothing is read or written.

    Args:
        folder: Where the files lie, packed by gzip or not: `train-images-idx3-ubyte`,
            `train-labels-idx1-ubyte`, and `t10k-...` for the test.
        name: What to call the data set: lower-case letters, digits and underscores.
        data_dir: Where TensorFlow Datasets keeps its data. Defaults to its own folder: what the
            environment variable `TFDS_DATA_DIR` names, or `~/tensorflow_datasets`.

    Returns: The folder of the data set. Delete it to prepare the data set anew.

    Raises: ValueError: If a file is missing, is cut off, or is no such IDX file, or the name is
        not allowed.

    Example:
        >>> prepare_idx("fashion-mnist", "my_fashion")
        >>> train = from_tfds("my_fashion", "train")
    """
    import tensorflow_datasets as tfds

    def features_and_splits() -> tuple[dict[str, Any], dict[str, Examples]]:
        parts = [part for part in PARTS if has_idx_part(folder, part)] or ["train"]
        arrays = {part: read_idx_part(folder, part) for part in parts}
        images, _ = arrays[parts[0]]
        num_classes = 1 + max(int(labels.max()) for _, labels in arrays.values())
        features = {
            "image": tfds.features.Image(shape=images.shape[1:], encoding_format="png"),
            "label": tfds.features.ClassLabel(num_classes=num_classes),
        }
        return features, {part: _array_examples(*arrays[part]) for part in parts}

    return _prepare(name, data_dir, "Images of IDX files.", features_and_splits)


def _file_examples(source: FileSource) -> Examples:
    groups = [None] * len(source) if source.groups is None else source.groups.tolist()
    rows = zip(source.paths, source.labels.tolist(), groups, strict=True)
    for place, (path, label, group) in enumerate(rows):
        example = {"image": path, "label": label}
        yield place, example if group is None else {**example, "group": group}


def _array_examples(images: np.ndarray, labels: np.ndarray) -> Examples:
    for place, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        yield place, {"image": image, "label": label}


def _class_label(names: Iterable[Any]) -> Any:
    """Returns the feature for the names that occur in any of some arrays."""
    import tensorflow_datasets as tfds

    return tfds.features.ClassLabel(names=np.unique(np.concatenate(list(names))).tolist())


def _common_shape(paths: list[str]) -> tuple[int | None, int | None, int]:
    """Returns the shape of image files, `None` where they differ."""
    sizes, modes = set(), set()
    for path in paths:
        with PIL.Image.open(path) as image:  # reads the header only
            sizes.add(image.size)
            modes.add(image.mode)
    width, height = sizes.pop() if len(sizes) == 1 else (None, None)
    return height, width, 1 if modes <= _GREY else 3


def _prepare(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    description: str,
    features_and_splits: Callable[[], tuple[dict[str, Any], dict[str, Examples]]],
) -> Path:
    """Prepares a data set, unless it is there.

    TFDS writes to a folder of another name, which gets its own when it is whole.
    """
    import tensorflow_datasets as tfds

    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(
            "`name` must be made of lower-case letters, digits and underscores, and begin with a "
            f"letter. Received: {name!r}."
        )
    if name in tfds.list_builders(with_community_datasets=False):
        raise ValueError(
            f"TensorFlow Datasets has a data set {name!r} of its own. Use another `name`, such as "
            f'"my_{name}".'
        )
    if data_dir is None:
        data_dir = tfds.core.constants.DATA_DIR
    version = tfds.core.Version("1.0.0")
    prepared = Path(data_dir).expanduser() / name / str(version)
    if prepared.exists():
        return prepared
    features, splits = features_and_splits()

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        VERSION = version

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(
                builder=self,
                description=description,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager: Any) -> Any:
            return splits

        def _generate_examples(self) -> Any:
            raise NotImplementedError("The splits come with the builder.")

    Builder.name = name
    Builder(data_dir=data_dir).download_and_prepare(
        download_config=tfds.download.DownloadConfig(try_download_gcs=False)
    )
    return prepared
