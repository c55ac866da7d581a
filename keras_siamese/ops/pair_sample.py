"""Pairs of items drawn at random, and what they count for when items are drawn anew."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class PairSample:
    """Some of the unordered pairs of a labelled set, or all of them.

    Attributes:
        first: Place of one item of each pair, shape `(num_pairs,)`.
        second: Place of the other.
        same: Whether they are of one class.
        is_complete: Whether all pairs are there.
    """

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    is_complete: bool

    @classmethod
    def draw(cls, class_ids: np.ndarray, max_pairs: int, seed: int) -> "PairSample":
        """Draws up to `max_pairs` pairs of one class, and as many of two.

        A kind with no more pairs is taken whole; of another one, pairs are drawn with replacement.

        Args:
            class_ids: Integers, shape `(num_items,)`.
            max_pairs: Largest number of pairs of each kind.
            seed: Seed of the draw.
        """
        rng = np.random.default_rng(seed)
        order = np.argsort(class_ids, kind="stable")
        ids = class_ids[order]
        places = np.arange(len(ids))
        stops = np.searchsorted(ids, ids, side="right")
        # In order of class, an item's partners stand behind it: those of its class, then others.
        kinds = ((places + 1, stops), (stops, np.full_like(stops, len(ids))))
        parts = [_draw(rng, *kind, max_pairs) for kind in kinds]
        return cls(
            order[np.concatenate([first for first, _, _ in parts])],
            order[np.concatenate([second for _, second, _ in parts])],
            np.repeat([True, False], [len(first) for first, _, _ in parts]),
            all(is_complete for _, _, is_complete in parts),
        )

    def in_both_orders(self) -> "PairSample":
        """Each pair twice, for distances that depend on the order."""
        first = np.concatenate([self.first, self.second])
        second = np.concatenate([self.second, self.first])
        return PairSample(first, second, np.tile(self.same, 2), self.is_complete)

    def at(self, places: np.ndarray) -> "PairSample":
        """Some of the pairs, or all of them in another order."""
        return replace(
            self, first=self.first[places], second=self.second[places], same=self.same[places]
        )

    def weights(self, units: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """For how much each pair counts when units are drawn with replacement.

        A pair of two units counts the product of how often they were drawn, a pair within a unit as
        often as that was: copies of a unit are units of their own.

        Args:
            units: Unit of each item: its place, or its class; shape `(num_items,)`.
            counts: How often each unit was drawn, shape `(num_resamples, num_units)`.

        Returns: Shape `(num_pairs, num_resamples)`, float32, in which such numbers are exact.
        """
        one, other = units[self.first], units[self.second]
        # A row for each unit: what is gathered for all resamples stands together.
        of_units = np.ascontiguousarray(counts.T, np.float32)
        of_other = of_units[other]
        of_other[one == other] = 1
        of_other *= of_units[one]
        return of_other


def _draw(
    rng: np.random.Generator, starts: np.ndarray, stops: np.ndarray, max_pairs: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Draws items with partners at `starts` to `stops`, of which an item may have none."""
    ends = np.cumsum(stops - starts)
    is_complete = int(ends[-1]) <= max_pairs
    chosen = np.arange(ends[-1]) if is_complete else rng.integers(ends[-1], size=max_pairs)
    first = np.searchsorted(ends, chosen, side="right")
    return first, stops[first] - (ends[first] - chosen), is_complete
