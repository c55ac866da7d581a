"""The worst and the best pairs of a set, as pictures or texts."""

from typing import Any

from matplotlib.figure import Figure

from keras_siamese.distances import Distance
from keras_siamese.evaluation.extreme_pairs import ExtremePairs, Pair, find_extreme_pairs
from keras_siamese.evaluation.labelled_space import LabelledSpace, read_space
from keras_siamese.evaluation.plots.items import Items
from keras_siamese.evaluation.plots.rows import Cell, Group, draw_rows
from keras_siamese.evaluation.plots.style import Style, get_style
from keras_siamese.ops.checks import check_choice

# Attribute of `ExtremePairs`, heading, whether it is right.
WORST = (
    ("farthest_positives", "Worst: one class, far apart", False),
    ("nearest_negatives", "Worst: two classes, close to each other", False),
)
BEST = (
    ("nearest_positives", "Best: one class, close to each other", True),
    ("farthest_negatives", "Best: two classes, far apart", True),
)
WHICH = {"worst": WORST, "best": BEST, "both": (*WORST, *BEST)}
_PAIRS_IN_A_ROW = 4


def plot_pairs(
    embeddings: Any,
    labels: Any,
    items: Any = None,
    *,
    which: str = "both",
    num_pairs: int = 4,
    distance: "str | Distance" = "euclidean",
    title: str | None = None,
    style: str | Style = "light",
) -> Figure:
    """Draws the pairs that an embedding gets most wrong and most right, with their distances.

    Args:
        embeddings: Finite floats, shape `(num_items, ...)`.
        labels: Class of each item, ints or strings, shape `(num_items,)` or `(num_items, 1)`.
        items: What the embeddings are of: images, texts (drawn as a table), or a
            `keras_siamese.data.Source`. Images may be bytes, floats of any range, grey or in
            colour. Defaults to `None`: the places in the set are named.
        which: `"worst"`, `"best"`, or `"both"` (the default).
        num_pairs: Number of pairs of each kind. Defaults to 4.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        title: Over everything.
        style: `"light"` (the default) or `"dark"`.

    Returns: A `matplotlib.figure.Figure`. Wrong pairs have a cross and dashed frames.

    Raises: ValueError: If lengths differ or are 0, an embedding is not finite, or there is no such
        pair. See `find_extreme_pairs` for which pairs are taken.
    """
    check_choice("which", which, WHICH)
    style = get_style(style)
    space = read_space(embeddings, labels)
    found = find_extreme_pairs(
        space.embeddings, space.class_ids, num_pairs=num_pairs, distance=distance
    )
    rows = pair_rows(found, space, which)
    if not rows:
        raise ValueError(
            f"There is no pair to draw. Expected 2 items or more. Received: {len(space)}."
        )
    return draw_rows(rows, [Items(items, len(space))], style, title)


def pair_rows(found: ExtremePairs, space: LabelledSpace, which: str = "both") -> list[list[Group]]:
    """Returns pairs as rows to be drawn.

    Args:
        found: The pairs.
        space: The set that they are of.
        which: As in `plot_pairs`.
    """
    rows = []
    for kind, heading, is_right in WHICH[which]:
        groups = [_group(pair, space, is_right) for pair in getattr(found, kind)]
        if groups:
            groups[0] = Group(groups[0].cells, heading)
        starts = range(0, len(groups), _PAIRS_IN_A_ROW)
        rows += [groups[start : start + _PAIRS_IN_A_ROW] for start in starts]
    return rows


def _group(pair: Pair, space: LabelledSpace, is_right: bool) -> Group:
    distance = f"{pair.distance:#.3g}"
    first = Cell(pair.first, (distance, space.name(pair.first)), is_right)
    return Group((first, Cell(pair.second, (distance, space.name(pair.second)), is_right)))
