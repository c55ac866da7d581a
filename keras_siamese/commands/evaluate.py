"""`python -m keras_siamese evaluate`: how good a saved model is on a data set."""

import argparse
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_siamese.commands.data_source import DATA_HELP, add_data_arguments, open_source
from keras_siamese.commands.saved_model import load_model
from keras_siamese.data import Source
from keras_siamese.evaluation.calibration import calibrate
from keras_siamese.evaluation.embeddings import evaluate_embeddings
from keras_siamese.model import distance_of

_FALSE_MATCH_RATE = 0.01


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Adds the command.

    Args:
        subparsers: What `add_subparsers` gave.

    Returns: Its parser.
    """
    parser = subparsers.add_parser(
        "evaluate",
        help="how good a saved model is on a data set",
        description="Embeds a data set with a saved model, and prints retrieval and verification "
        "figures with 95% intervals.",
    )
    parser.add_argument("model", metavar="MODEL.keras", help="a SiameseModel, or any encoder")
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    parser.add_argument(
        "--gallery", metavar="DATA", help="data to search in (default: DATA itself)"
    )
    parser.add_argument(
        "--validation", metavar="DATA", help="data to choose a threshold on, for --calibrate-fmr"
    )
    parser.add_argument(
        "--calibrate-fmr",
        type=float,
        metavar="RATE",
        help="false-match rate of the threshold that is chosen on the validation data (default: "
        f"{_FALSE_MATCH_RATE})",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--html", metavar="FILE", help="write a page with plots there")
    parser.add_argument(
        "--distance", help="name of a distance (default: that of the model, or euclidean)"
    )
    parser.add_argument(
        "--classes",
        choices=("seen", "unseen"),
        help="whether training saw these classes: named in the report; of unseen ones, intervals "
        "are those over classes",
    )
    parser.add_argument("--batch-size", type=int, default=256, help="items embedded at a time")
    add_data_arguments(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Runs the command.

    Args:
        args: What the parser has read.

    Raises: ValueError: If the model or the data cannot be read, or do not fit each other.
    """
    if args.calibrate_fmr is not None and args.validation is None:
        raise ValueError(
            "A threshold is chosen on data of its own. Received: --calibrate-fmr without "
            "--validation. Give both, or neither."
        )
    model = load_model(args.model)
    source = open_source(args.data, args, model)
    embeddings = embed(model, source, args.batch_size)
    gallery = items = None
    if args.gallery is not None:
        items = open_source(args.gallery, args, model)
        gallery = (embed(model, items, args.batch_size), items.labels)
    distance = distance_of(model, args.distance)
    calibration = None
    if args.validation is not None:
        held_out = open_source(args.validation, args, model)
        calibration = calibrate(
            embed(model, held_out, args.batch_size),
            held_out.labels,
            at=_FALSE_MATCH_RATE if args.calibrate_fmr is None else args.calibrate_fmr,
            distance=distance,
        )
    report = evaluate_embeddings(
        embeddings,
        source.labels,
        gallery=gallery,
        distance=distance,
        seen_classes=None if args.classes is None else args.classes == "seen",
        calibration=calibration,
    )
    print(report)
    if args.json:
        report.to_json(args.json)
    if args.html:
        title = f"{Path(args.model).name} on {args.data}"
        report.to_html(args.html, source, gallery_items=items, title=title)


def embed(model: keras.Model, source: Source, batch_size: int = 256) -> np.ndarray:
    """Embeds all items of a source.

    Args:
        model: A `SiameseModel` or an encoder.
        source: The items.
        batch_size: Items embedded at a time.

    Returns: Shape `(num_items, embedding_dim)`.
    """
    print(f"Embedding {source!r} ...", file=sys.stderr)
    items = source.batches(batch_size).map(lambda x, _: (x,))
    return model.predict(items, verbose=0)
