"""`python -m keras_siamese project`: a data set as a saved model sees it, in TensorBoard."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from keras_siamese.callbacks import EmbeddingProjector
from keras_siamese.commands.data_source import DATA_HELP, TFDS, add_data_arguments, open_source
from keras_siamese.commands.saved_model import load_model

_MAX_POINTS = 10_000


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Adds the command.

    Args:
        subparsers: What `add_subparsers` gave.

    Returns: Its parser.
    """
    parser = subparsers.add_parser(
        "project",
        help="write a data set as a saved model sees it, for TensorBoard",
        description="Embeds a data set with a saved model, and writes it for the tab Projector of "
        "TensorBoard.",
    )
    parser.add_argument("model", metavar="MODEL.keras", help="a SiameseModel, or any encoder")
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    parser.add_argument("log_dir", metavar="LOGDIR", help="directory that TensorBoard reads")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=DATA",
        dest="sets",
        help="further data to show with DATA, told apart by the column `set`; may be repeated",
    )
    parser.add_argument(
        "--class-names", metavar="FILE", help="names of the classes 0, 1, ..., one a line"
    )
    parser.add_argument(
        "--max-points",
        type=int,
        default=_MAX_POINTS,
        help=f"show a sample of as many at most (default: {_MAX_POINTS})",
    )
    parser.add_argument(
        "--name",
        help="run, a directory below LOGDIR (default: the name of DATA); what it holds of other "
        "points is removed",
    )
    parser.add_argument(
        "--snapshot",
        default="final",
        help="name of the snapshot, beside those that the run has of the same points (default: "
        "final)",
    )
    add_data_arguments(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Runs the command.

    Args:
        args: What the parser has read.

    Raises: ValueError: If the model or the data cannot be read, or do not fit each other.
    """
    model = load_model(args.model)
    data: Any = open_source(args.data, args, model)
    if args.sets:
        data = {_name_of(args.data): data}
        for given in args.sets:
            name, equals, path = given.partition("=")
            if not (name and equals and path) or name in data:
                raise ValueError(
                    "Expected --set NAME=DATA, with a name for each set. "
                    f"Received: {given!r}, beside the sets {', '.join(map(repr, data))}."
                )
            data[name] = open_source(path, args, model)
    class_names = None
    if args.class_names is not None:
        class_names = Path(args.class_names).read_text(encoding="utf-8").splitlines()
    projector = EmbeddingProjector(
        args.log_dir,
        data,
        class_names=class_names,
        max_points=args.max_points,
        name=_name_of(args.data) if args.name is None else args.name,
    )
    print(
        f"Embedding {projector.num_points} of {projector.num_available} items ...", file=sys.stderr
    )
    directory = projector.write(model, args.snapshot)
    print(f"Wrote the snapshot {args.snapshot!r} into {str(directory)!r}. See it with")
    print(f"    tensorboard --logdir {shlex.quote(args.log_dir)}")


def _name_of(data: str) -> str:
    """Returns a short name of data, such as 'val' of 'images/val' and of 'val.npz'."""
    return data.removeprefix(TFDS) if data.startswith(TFDS) else Path(data).resolve().stem
