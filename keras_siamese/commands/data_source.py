"""Data named on the command line, as a source."""

import argparse
import zipfile
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_siamese.data import (
    Source,
    from_arrays,
    from_idx,
    from_image_folder,
    from_table,
    from_tfds,
)

TFDS = "tfds:"
DATA_HELP = (
    "a folder with one folder of images for each class; a .csv or .tsv file (with --label, and "
    "--text or --image); a .npz file with arrays x and y; a folder of IDX files; or "
    f"{TFDS}NAME, a data set of TensorFlow Datasets"
)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how data is to be read.

    Args:
        parser: Where to.
    """
    group = parser.add_argument_group("how data is read")
    group.add_argument("--label", metavar="COLUMN", help="labels, in a table")
    group.add_argument("--text", metavar="COLUMN", help="texts, in a table")
    group.add_argument("--image", metavar="COLUMN", help="paths of images, in a table")
    group.add_argument(
        "--size",
        nargs=2,
        type=int,
        metavar=("H", "W"),
        help="size to which images are brought (default: that of the model's input)",
    )
    group.add_argument(
        "--color-mode",
        choices=("rgb", "grayscale"),
        help="channels of images (default: those of the model's input)",
    )
    group.add_argument(
        "--split",
        default="test",
        help="part of IDX files (train or test) or of a TensorFlow data set (default: test)",
    )


def open_source(data: str, args: argparse.Namespace, model: keras.Model | None = None) -> Source:
    """Opens data of any of the kinds.

    Args:
        data: A path, or the name of a data set: see `DATA_HELP`.
        args: What `add_data_arguments` has read.
        model: Whose input says what size and channels images are to have, where `args` do not.

    Raises: ValueError: If there is no such data, options do not fit its kind, or it cannot be read.
    """
    if data.startswith(TFDS):
        options = _given(size=args.size and tuple(args.size), color_mode=args.color_mode)
        return from_tfds(data.removeprefix(TFDS), args.split, **options)
    path = Path(data)
    if path.is_dir():
        if any(path.glob("*-ubyte*")):
            return from_idx(path, args.split)
        return from_image_folder(path, **_image_options(args, model))
    if not path.is_file():
        raise ValueError(f"Expected data: {DATA_HELP}. Received: {data!r}, which does not exist.")
    if path.suffix.lower() in (".csv", ".tsv"):
        return _open_table(path, args, model)
    if path.suffix.lower() == ".npz":
        return _open_arrays(path)
    raise ValueError(f"Expected data: {DATA_HELP}. Received: the file {data!r}.")


def _open_table(path: Path, args: argparse.Namespace, model: keras.Model | None) -> Source:
    if args.label is None or (args.text is None) == (args.image is None):
        raise ValueError(
            f"A table needs --label COLUMN, and --text COLUMN or --image COLUMN. Received: "
            f"{str(path)!r} with label={args.label!r}, text={args.text!r}, image={args.image!r}."
        )
    if args.text is not None:
        return from_table(path, label=args.label, text=args.text)
    return from_table(path, label=args.label, image=args.image, **_image_options(args, model))


def _open_arrays(path: Path) -> Source:
    try:
        # NumPy leaves a path that is no archive open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("x", "y") if name in file.files}
            names = file.files
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"Expected a .npz file of numbers or strings (not of pickled objects). Received: "
            f"{str(path)!r}, which cannot be read: {error}."
        ) from error
    if len(arrays) != 2:
        raise ValueError(
            f"Expected arrays x (items) and y (labels) in {str(path)!r}. Received: {names}."
        )
    return from_arrays(arrays["x"], arrays["y"])


def _image_options(args: argparse.Namespace, model: keras.Model | None) -> dict[str, Any]:
    shape = getattr(getattr(model, "encoder", model), "input_shape", None)
    size = color_mode = None
    if isinstance(shape, tuple) and len(shape) == 4:
        _, height, width, channels = shape
        size = None if height is None or width is None else (height, width)
        color_mode = {1: "grayscale", 3: "rgb"}.get(channels)
    size = tuple(args.size) if args.size else size
    return _given(size=size, color_mode=args.color_mode or color_mode)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
