"""Random pairs and triplets made ahead of training, the classic way."""

from typing import Any

import numpy as np

from keras_siamese.data.inputs import as_labelled_arrays, as_seed, take
from keras_siamese.data.labels import encode_labels
from keras_siamese.ops.checks import check_count


def make_pairs(
    x: Any,
    y: Any,
    num_pairs: int,
    *,
    positive_fraction: float = 0.5,
    seed: int | None = None,
) -> tuple[tuple[Any, Any], np.ndarray]:
    """Draws random pairs of items, matching and different, in random order.

    The first item of each pair is uniform over the items that have a positive; the second one is
    uniform over the other items of the same class, or over the items of all other classes. Pairs
    may come more than once. The items are copied into each pair: labelled batches of `pk_batches`
    need no such memory and hold far more pairs.

    Args:
        x: Items: an array, or a dict or tuple of arrays, shapes `(num_items, ...)`.
        y: Class labels: integers or strings, shape `(num_items,)` or `(num_items, 1)`.
        num_pairs: How many pairs to draw.
        positive_fraction: How much of the pairs match, 0 to 1, rounded to whole pairs. Defaults to
            0.5.
        seed: Integer that makes the draw reproducible. Defaults to `None`: drawn.

    Returns: `((x1, x2), same)`: items like `x`, shapes `(num_pairs, ...)`, and int32 `same`, shape
        `(num_pairs,)`: 1 for a match, 0 for different classes.

    Raises: ValueError: If all items have one class, no class has two items, `x` and `y` are empty
        or differ in length, or an argument is out of its range.
    """
    check_count("num_pairs", num_pairs)
    if not 0 <= positive_fraction <= 1:
        raise ValueError(f"`positive_fraction` must be from 0 to 1. Received: {positive_fraction}.")
    x, y = as_labelled_arrays(x, y)
    rng = np.random.default_rng(as_seed(seed))
    first, positive, negative = _draw_triplets(y, num_pairs, rng)
    same = rng.permutation(num_pairs) < round(num_pairs * positive_fraction)
    return (take(x, first), take(x, np.where(same, positive, negative))), same.astype(np.int32)


def make_triplets(
    x: Any, y: Any, num_triplets: int, *, seed: int | None = None
) -> tuple[Any, Any, Any]:
    """Draws random triplets of items.

    Anchors are uniform over the items that have a positive, positives over the other items of the
    anchor's class, negatives over the items of all other classes. Triplets may come more than once.
    The items are copied into each triplet: labelled batches of `pk_batches` need no such memory and
    hold far more triplets, the useful ones of which a miner finds.

    Args:
        x: Items: an array, or a dict or tuple of arrays, shapes `(num_items, ...)`.
        y: Class labels: integers or strings, shape `(num_items,)` or `(num_items, 1)`.
        num_triplets: How many triplets to draw.
        seed: Integer that makes the draw reproducible. Defaults to `None`: drawn.

    Returns: `(anchor, positive, negative)`: items like `x`, shapes `(num_triplets, ...)`.

    Raises: ValueError: If all items have one class, no class has two items, `x` and `y` are empty
        or differ in length, or `num_triplets` is no positive integer.
    """
    check_count("num_triplets", num_triplets)
    x, y = as_labelled_arrays(x, y)
    anchor, positive, negative = _draw_triplets(
        y, num_triplets, np.random.default_rng(as_seed(seed))
    )
    return take(x, anchor), take(x, positive), take(x, negative)


def _draw_triplets(
    y: np.ndarray, num_triplets: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns indices of anchors, positives and negatives, each of shape `(num_triplets,)`."""
    ids, classes = encode_labels(y)
    counts = np.bincount(ids)
    if len(classes) == 1:
        raise ValueError(
            f"All {len(y)} items have the label {classes[0]!r}, so no negative exists. "
            "Expected at least 2 classes."
        )
    if counts.max() == 1:
        raise ValueError(
            f"Each of the {len(classes)} classes has one item only, so no positive exists. "
            "Expected at least one class with 2 items."
        )
    # Places in the class-sorted order: class c holds those from starts[c] to starts[c] + counts[c].
    order = np.argsort(ids, kind="stable")
    starts = np.cumsum(counts) - counts
    places = np.flatnonzero(np.repeat(counts, counts) > 1)
    anchor = rng.choice(places, num_triplets)
    start, count = starts[ids[order[anchor]]], counts[ids[order[anchor]]]
    # 1 to count - 1 places further on, around the class: never the anchor itself.
    positive = start + (anchor - start + rng.integers(1, count)) % count
    # One of the places that are left when the anchor's class is taken out.
    negative = rng.integers(0, len(y) - count)
    negative = np.where(negative < start, negative, negative + count)
    return order[anchor], order[positive], order[negative]
