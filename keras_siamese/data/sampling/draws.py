"""Random pairs and triplets of labelled items, as indices: arithmetic on class sizes."""

import numpy as np

from keras_siamese.data.sampling.plan import Members
from keras_siamese.ops.checks import check_class_sizes


class TupleDraws:
    """Draws matching pairs, different pairs and triplets, each time out of all there are.

    A draw takes a time that does not depend on the number of items. Tuples may come again.

    Args:
        labels: Class ids, shape `(num_items,)`.
        by_class: What is equally likely: if true, each class (and item in it), otherwise each
            tuple, so that large classes come more often.
    """

    def __init__(self, labels: np.ndarray, by_class: bool) -> None:
        _, ids = np.unique(labels, return_inverse=True)
        items = Members.of(ids)
        self._items, self._sizes, self._starts = items.members, items.counts, items.starts
        self._by_class = by_class
        size = self._sizes.astype(np.float64)
        others = size.sum() - size
        # How many tuples begin with an item of each class, or whether any does.
        matching, different = size * (size - 1), size * others
        weights = matching, different, matching * others
        self._matching, self._different, self._triplets = (
            np.cumsum(weight > 0 if by_class else weight) for weight in weights
        )

    def check(self, *, matching: bool, different: bool) -> None:
        """Checks that there are such pairs.

        Raises: ValueError: If there are none.
        """
        check_class_sizes(self._sizes, matching=matching, different=different)

    def matching(self, num: int, rng: np.random.Generator) -> np.ndarray:
        """Draws pairs of two items of one class: indices, shape `(2, num)`."""
        return np.stack(self._two_of(_draw(self._matching, num, rng), rng))

    def different(self, num: int, rng: np.random.Generator) -> np.ndarray:
        """Draws pairs of items of two classes: indices, shape `(2, num)`."""
        classes = _draw(self._different, num, rng)
        return np.stack([self._one_of(classes, rng), self._none_of(classes, rng)])

    def triplets(self, num: int, rng: np.random.Generator) -> np.ndarray:
        """Draws anchors, positives and negatives: indices, shape `(3, num)`."""
        classes = _draw(self._triplets, num, rng)
        return np.stack([*self._two_of(classes, rng), self._none_of(classes, rng)])

    def _one_of(self, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns an item of each of the classes."""
        return self._items[self._starts[classes] + rng.integers(0, self._sizes[classes])]

    def _two_of(
        self, classes: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns two items of each of the classes."""
        starts, sizes = self._starts[classes], self._sizes[classes]
        first = rng.integers(0, sizes)
        # 1 to size - 1 places further on, around the class: never the first one itself.
        second = (first + rng.integers(1, sizes)) % sizes
        return self._items[starts + first], self._items[starts + second]

    def _none_of(self, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns for each of the classes an item of another one."""
        if self._by_class:
            others = rng.integers(0, len(self._sizes) - 1, len(classes))
            return self._one_of(others + (others >= classes), rng)
        # One of the places that are left when the class is taken out.
        starts, sizes = self._starts[classes], self._sizes[classes]
        places = rng.integers(0, len(self._items) - sizes)
        return self._items[places + np.where(places < starts, 0, sizes)]


def num_matching_of(num_pairs: int, positive_fraction: float) -> int:
    """Returns how many of `num_pairs` pairs match.

    Raises: ValueError: If `positive_fraction` is not from 0 to 1, or is between the two and rounded
        to no pair, or to all.
    """
    if not 0 <= positive_fraction <= 1:
        raise ValueError(
            f"`positive_fraction` must be from 0 to 1. Received: {positive_fraction!r}."
        )
    num_matching = round(num_pairs * positive_fraction)
    if num_matching in (0, num_pairs) and 0 < positive_fraction < 1:
        raise ValueError(
            f"Expected pairs of both kinds. Received: `positive_fraction={positive_fraction}` of "
            f"{num_pairs} pairs, which is rounded to {num_matching}. Use more pairs, or 0 or 1."
        )
    return num_matching


def _draw(cumulative: np.ndarray, num: int, rng: np.random.Generator) -> np.ndarray:
    """Draws classes by cumulative weights, shape `(num,)`."""
    return np.searchsorted(cumulative, rng.random(num) * cumulative[-1], side="right")
