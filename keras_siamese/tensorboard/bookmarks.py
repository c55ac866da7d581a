"""Saved views of TensorBoard's Projector: one click colours the points by a column."""

import json
import math
import re
from collections.abc import Sequence

from keras_siamese.tensorboard.metadata import Metadata

# Of more values than these, the Projector colours numbers only.
_MOST_VALUES = 50
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def bookmarks(metadata: Metadata, columns: Sequence[str], embedding_dim: int) -> bytes | None:
    """Returns the file of saved views that colour the points by a column.

    In all of them the first column labels the points.

    Args:
        metadata: What is known of the points.
        columns: By which columns. Those that it does not have, or the Projector cannot colour by,
            are left out.
        embedding_dim: Of the points as they are written.

    Returns: JSON: a list; None if there is no such column.
    """
    dimensions = (len(metadata.lines), embedding_dim)
    known = [name for name in columns if name in metadata.names]
    can_colour = [name for name in known if _is_colourable(metadata.column(name))]
    views = [_view(name, metadata.names[0], dimensions) for name in can_colour]
    return json.dumps(views).encode() if views else None


def _is_colourable(values: Sequence[str]) -> bool:
    distinct = set(values) - {""}
    is_few = len(distinct) <= _MOST_VALUES
    return bool(distinct) and (is_few or all(map(_NUMBER.fullmatch, distinct)))


def _view(column: str, label: str, dimensions: tuple[int, int]) -> dict[str, object]:
    """Returns one view. The Projector breaks if a key is missing; the values are its own."""
    sides = ("XLeft", "XRight", "YUp", "YDown")
    return {
        "label": f"coloured by {column}",
        "isSelected": False,
        "projections": [],  # That is, those of the snapshot that is shown.
        "selectedProjection": "pca",
        "pcaComponentDimensions": [0, 1, 2],
        "dataSetDimensions": dimensions,
        "tSNEIteration": 0,
        "tSNEPerplexity": max(5, math.ceil(math.sqrt(dimensions[0]) / 4)),
        "tSNELearningRate": 1,
        "tSNEis3d": True,
        "umapIs3d": True,
        "umapNeighbors": 15,
        "umapMinDist": 0.1,
        "selectedPoints": [],
        "selectedColorOptionName": column,
        "forceCategoricalColoring": False,
        "selectedLabelOption": label,
        "customSelectedSearchByMetadataOption": label,
        **{f"custom{side}Text": "" for side in sides},
        **{f"custom{side}Regex": False for side in sides},
    }
