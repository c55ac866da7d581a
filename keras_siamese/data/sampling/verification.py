"""Pairs of items for verification: the same ones each time, and none twice."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_siamese.data.graph import reads_outside_of_the_graph
from keras_siamese.data.inputs import as_seed
from keras_siamese.data.labels import encode_labels
from keras_siamese.data.sampling.draws import num_matching_of
from keras_siamese.data.sampling.plan import Members
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_count, check_places


class VerificationPairs(NamedTuple):
    """Pairs of items, as indices, and whether they match.

    Of arrays, `model.evaluate((x[pairs.first], x[pairs.second]), pairs.same)` is their evaluation.

    Attributes:
        first: Places of the first items, int64, shape `(num_pairs,)`.
        second: Places of the second items, int64, shape `(num_pairs,)`.
        same: 1 for a match, 0 for different classes, int32, shape `(num_pairs,)`.
    """

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray

    def batches(self, source: Source, batch_size: int = 256) -> tf.data.Dataset:
        """All pairs once, in their order: for `evaluate` and `validation_data`.

        Args:
            source: Items, in the order of the labels that the pairs were made from.
            batch_size: Pairs in a batch; the last one may hold fewer. Defaults to 256.

        Returns: A `tf.data.Dataset` of known cardinality with elements `((x1, x2), same)`, of which
            a few batches are in memory at a time.

        Raises: ValueError: If it is no source, or has fewer items than the pairs say.
        """
        check_count("batch_size", batch_size)
        if not isinstance(source, Source):
            raise ValueError(
                "Expected the source of the items, as of `from_arrays(x, y)`. Received: an object "
                f"of type {type(source).__name__}. Of arrays, `x[pairs.first]` are the items."
            )
        check_places("pairs", np.concatenate([self.first, self.second]), len(source))
        return (
            tf.data.Dataset.from_tensor_slices(tuple(self))
            .batch(batch_size)
            .map(
                lambda first, second, same: ((source.fetch(first), source.fetch(second)), same),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            .prefetch(tf.data.AUTOTUNE)
            .with_options(reads_outside_of_the_graph())
        )


def verification_pairs(
    labels: Any,
    num_pairs: int,
    *,
    positive_fraction: float = 0.5,
    seed: int | None = 0,
) -> VerificationPairs:
    """Draws pairs of items to verify, matching and different, none of them twice.

    Each set of so many of the matching pairs is equally likely, and each set of so many of the
    pairs of different classes. Which item of a pair comes first is random, as is the order of the
    pairs.

    Args:
        labels: A `Source`, or class labels: integers or names, shape `(num_items,)` or
            `(num_items, 1)`.
        num_pairs: How many pairs to draw. Time and memory are proportionate to it, and to the
            number of items.
        positive_fraction: How much of the pairs match, from 0 to 1, rounded to whole pairs.
            Defaults to 0.5.
        seed: Integer that makes the draw reproducible. Defaults to 0, so that figures of several
            models are over the same pairs; `None` draws one.

    Returns: A `VerificationPairs`: `(first, second, same)`.

    Raises: ValueError: If there are not so many pairs of a kind, `positive_fraction` is rounded to
        none or all of the pairs, labels are floats or missing, or an argument is out of its range.

    Example:
        >>> pairs = verification_pairs(["a", "a", "a", "b"], num_pairs=6)
        >>> sorted(zip((pairs.first + pairs.second).tolist(), pairs.same.tolist()))
        [(1, 1), (2, 1), (3, 0), (3, 1), (4, 0), (5, 0)]
    """
    check_count("num_pairs", num_pairs)
    ids, _ = encode_labels(labels.labels if isinstance(labels, Source) else labels)
    num_matching = num_matching_of(num_pairs, positive_fraction)
    rng = np.random.default_rng(as_seed(seed))
    items = Members.of(ids)
    pairs = np.concatenate(
        [
            _matching_pairs(items, num_matching, rng),
            _different_pairs(items, num_pairs - num_matching, rng),
        ],
        axis=1,
    )
    order = rng.permutation(num_pairs)
    pairs = np.where(rng.integers(0, 2, num_pairs), pairs, pairs[::-1])
    first, second = items.members[pairs[:, order]]
    return VerificationPairs(first, second, (order < num_matching).astype(np.int32))


def _matching_pairs(items: Members, num: int, rng: np.random.Generator) -> np.ndarray:
    """Draws distinct pairs of places in `items.members` of one class, shape `(2, num)`."""
    counts = items.counts * (items.counts - 1) // 2
    ranks = _distinct_ranks(counts, num, rng, "matching")
    classes = np.searchsorted(np.cumsum(counts), ranks, side="right")
    # Within a class, the pair (i, j), i < j, has the rank j * (j - 1) / 2 + i.
    rank = ranks - (np.cumsum(counts) - counts)[classes]
    j = (np.sqrt(8.0 * rank + 1).astype(np.int64) + 1) // 2
    j -= j * (j - 1) // 2 > rank  # The root of a large rank is rounded.
    j += j * (j + 1) // 2 <= rank
    return items.starts[classes] + np.stack([rank - j * (j - 1) // 2, j])


def _different_pairs(items: Members, num: int, rng: np.random.Generator) -> np.ndarray:
    """Draws distinct pairs of places in `items.members` of two classes, shape `(2, num)`."""
    # Each item makes a pair with all items of the classes before its own.
    counts = items.counts * items.starts
    ranks = _distinct_ranks(counts, num, rng, "different")
    classes = np.searchsorted(np.cumsum(counts), ranks, side="right")
    starts = items.starts[classes]
    item, other = np.divmod(ranks - (np.cumsum(counts) - counts)[classes], starts)
    return np.stack([other, starts + item])


def _distinct_ranks(
    counts: np.ndarray, num: int, rng: np.random.Generator, kind: str
) -> np.ndarray:
    """Draws `num` distinct numbers below the sum of `counts`, each set of them equally likely.

    Raises: ValueError: If there are not so many.
    """
    total = int(counts.sum())
    if num > total:
        raise ValueError(
            f"Expected {num} {kind} pairs. Received: items that make {total} of them. "
            "Ask for fewer `num_pairs`, or change `positive_fraction`."
        )
    if 2 * num >= total:
        return rng.permutation(total)[:num]
    ranks = np.empty(0, np.int64)
    while len(ranks) < num:
        more = rng.integers(0, total, num - len(ranks))
        ranks = np.sort(np.concatenate([ranks, more]))
        ranks = ranks[np.diff(ranks, prepend=-1) > 0]
    return ranks
