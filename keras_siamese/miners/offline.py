"""Triplets mined ahead of training steps, out of a whole set of embeddings."""

from typing import Any

import numpy as np
from keras import ops

from keras_siamese import distances
from keras_siamese.data import encode_labels
from keras_siamese.data.inputs import as_seed
from keras_siamese.distances import Distance
from keras_siamese.ops.blocks import rows_within
from keras_siamese.ops.checks import (
    as_embeddings,
    check_choice,
    check_class_sizes,
    check_count,
    check_finite,
    check_positive,
    check_same_length,
)

# Distances in a block of rows: 16 MiB in float32.
_BLOCK = 2**22


def mine_triplets(
    embeddings: Any,
    labels: Any,
    num_triplets: int,
    *,
    negative: str = "semi_hard",
    margin: float | None = 0.2,
    distance: str | Distance = "euclidean",
    seed: int | None = None,
) -> np.ndarray:
    """Mines triplets among all items, as indices: for `keras_siamese.data.triplet_batches`.

    Anchors come in a random order, each with `num_triplets / num_anchors` positives, rounded up, or
    with as many as it has: random ones of those that have a negative of the wanted kind. A negative
    is looked for among all items, not only those of a batch. It is out of date once the encoder has
    moved on: mine anew every epoch or so.

    Distances are computed in blocks, from each anchor to all items; memory is in proportion to the
    number of items.

    Args:
        embeddings: Finite floats, shape `(num_items, embedding_dim)`.
        labels: Class of each item, integers or names, shape `(num_items,)` or `(num_items, 1)`.
        num_triplets: How many to mine, at most.
        negative: `"semi_hard"` (the default): the nearest one with `d(a, p) < d(a, n) < d(a, p) +
            margin`; pairs without one are left out. Or `"hardest"`: the nearest of all.
        margin: Of semi-hard negatives, in units of `distance`, the loss's. `None`, for a soft
            margin, is no upper end. Defaults to 0.2.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        seed: Integer that makes the draw of anchors and positives reproducible. Defaults to `None`:
            drawn.

    Returns: Indices of anchors, positives and negatives, int64, shape `(num_mined, 3)`: fewer than
        `num_triplets` if some anchors have too few, but never none. No anchor makes up for another;
        ask for more to get more.

    Raises: ValueError: If there is no triplet of that kind, all items have one class, no class has
        two items, embeddings are not finite, labels are floats or missing, or an argument is out of
        its range.

    Example: On the points 0, 0.2, 0.9 of one class and 0.5, 1, 3 of another, with margin 0.6, 7 of
        the 12 pairs have a semi-hard negative:

        >>> points = [[0.0], [0.2], [0.9], [0.5], [1.0], [3.0]]
        >>> mine_triplets(points, [0, 0, 0, 1, 1, 1], num_triplets=12, margin=0.6).shape
        (7, 3)

    Reference: [Schroff et al., 2015](https://arxiv.org/abs/1503.03832), section 3.2. Deviation: the
        paper generates triplets from a recent checkpoint or online; this is the former.
    """
    check_count("num_triplets", num_triplets)
    check_choice("negative", negative, ("semi_hard", "hardest"))
    reach = np.inf if margin is None else check_positive("margin", margin)
    distance = distances.get(distance)
    embeddings = as_embeddings(embeddings)
    ids, _ = encode_labels(labels)
    num_items = check_same_length(embeddings=embeddings, labels=ids)
    check_finite("Embeddings", ops.convert_to_numpy(embeddings))
    sizes = np.bincount(ids)
    check_class_sizes(sizes)

    rng = np.random.default_rng(as_seed(seed))
    anchors = rng.permutation(np.flatnonzero(sizes[ids] > 1))
    per_anchor = -(-num_triplets // len(anchors))
    block = rows_within(_BLOCK, num_items)
    mined: list[tuple[int, int, int]] = []
    for start in range(0, len(anchors), block):
        some = anchors[start : start + block]
        rows = ops.convert_to_numpy(
            distance.pairwise(ops.take(embeddings, some, axis=0), embeddings)
        )
        for anchor, d in zip(some.tolist(), rows, strict=True):
            is_own = ids == ids[anchor]
            pairs = _pairs_of_anchor(d, is_own, anchor, reach if negative == "semi_hard" else None)
            chosen = rng.permutation(pairs)[:per_anchor].tolist()
            mined += [(anchor, positive, other) for positive, other in chosen]
        if len(mined) >= num_triplets:
            break
    if not mined:
        raise ValueError(
            f"None of the {len(anchors)} anchors has a semi-hard negative for margin={margin}. Use "
            'a larger `margin` or `negative="hardest"`; if all distances are equal, the embeddings '
            "have collapsed."
        )
    return np.array(mined[:num_triplets], np.int64)


def _pairs_of_anchor(
    d: np.ndarray, is_own: np.ndarray, anchor: int, reach: float | None
) -> np.ndarray:
    """Returns the positives of an anchor that have a negative, with it.

    Args:
        d: Distances to all items, shape `(num_items,)`.
        is_own: Which items are of the anchor's class, shape `(num_items,)`.
        anchor: The anchor's index.
        reach: Margin within which negatives are semi-hard; `None` for the hardest ones.

    Returns: Indices of positives and negatives, shape `(num_pairs, 2)`.
    """
    positives, negatives = np.flatnonzero(is_own), np.flatnonzero(~is_own)
    positives = positives[positives != anchor]
    d_ap, d_an = d[positives], d[negatives]
    if reach is None:
        return np.stack([positives, np.full_like(positives, negatives[d_an.argmin()])], axis=1)
    order = np.argsort(d_an)
    # The nearest one beyond each positive; the last one where there is none, which is not beyond.
    beyond = np.searchsorted(d_an[order], d_ap, side="right")
    nearest = order[np.minimum(beyond, len(order) - 1)]
    found = (d_an[nearest] > d_ap) & (d_an[nearest] < d_ap + reach)
    return np.stack([positives, negatives[nearest]], axis=1)[found]
