"""Data sets that TensorFlow Datasets has prepared on this machine, by name."""

import difflib
import os
from typing import Any

from keras_siamese.data.sources.records import Records, open_records


def find_builder(name: str, data_dir: str | os.PathLike[str] | None, download: bool) -> Any:
    """Returns the `tfds.core.DatasetBuilder` of a data set that is prepared on this machine.

    Args:
        name: The data set, as `tfds.load` takes it.
        data_dir: Where the prepared data lies. Defaults to the folder of TensorFlow Datasets.
        download: Whether to download and prepare a data set that is not there.

    Raises: ValueError: If there is no such data set, or it is not there and cannot be downloaded.
    """
    import tensorflow_datasets as tfds  # only where it is used: it takes seconds to import

    where = os.fspath(data_dir or tfds.core.constants.DATA_DIR)
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"Unknown data set {name!r}: TensorFlow Datasets has none of this name, and none is "
            f"prepared in {where}.{_nearest(name, where)} Names: "
            "https://www.tensorflow.org/datasets/catalog"
        ) from error
    except AssertionError as error:  # of a version that does not exist
        raise ValueError(str(error)) from error
    # Without a look first, TFDS would try to download for minutes where there is no network.
    if not builder.is_prepared():
        missing = f"The data set {name!r} is not prepared on this machine: no {builder.data_path}."
        if not download:
            raise ValueError(f"{missing} Use `download=True`, or prepare it {_by_hand(builder)}")
        try:
            builder.download_and_prepare()
        except Exception as error:  # each builder has its own ways to fail
            raise ValueError(
                f"{missing} To download it failed: {error} Prepare it {_by_hand(builder)}"
            ) from error
    return builder


def open_split(builder: Any, split: Any) -> Records:
    """Returns the records of a split of a prepared data set.

    Args:
        builder: A `tfds.core.DatasetBuilder`.
        split: A split, a part of one, or a sum, as `tfds.load` takes it.

    Raises: ValueError: If there is no such split, it is empty, or its files cannot be read.
    """
    try:
        parts = builder.info.splits[split].file_instructions
    except (ValueError, NotImplementedError, AttributeError) as error:
        raise ValueError(
            f"{builder.name!r} has no split {split!r}. Expected one of "
            f'{list(builder.info.splits)}, a part of one, as "train[:80%]", or a sum, as '
            f'"train+test". {error}'
        ) from error
    if sum(part.take for part in parts) <= 0:
        raise ValueError(
            f"Expected a split with at least one item. Received: {split!r} of {builder.name!r}, "
            "which is empty."
        )
    return open_records(parts, builder.info.file_format.value)


def _nearest(name: str, where: str) -> str:
    import tensorflow_datasets as tfds

    prepared = os.listdir(where) if os.path.isdir(where) else []
    names = {*prepared, *tfds.list_builders(with_community_datasets=False)}
    names.discard(name)  # a folder with nothing whole in it, as an interruption leaves
    near = difflib.get_close_matches(name.split("/")[0].split(":")[0].lower(), names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _by_hand(builder: Any) -> str:
    """How to prepare a data set where there is no network."""
    full_name = "/".join(builder.info.full_name.split("/")[:-1])
    by_hand = (
        f"by hand: run `tfds build {full_name}` on a machine with a network, and copy the folder "
        f"that it makes to {builder.data_path}."
    )
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        by_hand += " Some files have to be fetched by hand, for `--manual_dir`: " + " ".join(
            builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split()
        )
    return by_hand
