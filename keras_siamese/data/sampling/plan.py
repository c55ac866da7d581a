"""Which items each P x K batch of an epoch holds: arithmetic on class sizes and random numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Weight of a class of so many items, by name of the weighting: integers, whose sums are exact.
WEIGHTINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uniform": np.ones_like,
    "sqrt": lambda sizes: np.rint(1024 * np.sqrt(sizes)).astype(np.int64),
    "size": lambda sizes: sizes,
}


@dataclass(frozen=True)
class Members:
    """What belongs to what: the items of each class, or the classes of each super-class.

    Attributes:
        members: All members, those of owner 0 first, then those of owner 1, ..., shape `(M,)`.
        counts: How many members each owner has, at least 1, shape `(num_owners,)`.
    """

    members: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, owners: np.ndarray) -> "Members":
        """Returns the places at which each owner, 0 to `num_owners - 1`, stands in `owners`."""
        return cls(np.argsort(owners, kind="stable"), np.bincount(owners))

    @property
    def starts(self) -> np.ndarray:
        """Where in `members` those of each owner begin, shape `(num_owners,)`."""
        return np.cumsum(self.counts) - self.counts


def deal_out(
    weights: np.ndarray,
    num_per_row: int,
    num_rows: int,
    rng: np.random.Generator,
    alike: np.ndarray | None = None,
) -> np.ndarray:
    """Deals out owners in rounds, as cards, in rows of distinct ones.

    A round is made of whole rows. An owner takes part in a share of the rounds that is proportional
    to its weight: rounds are as large as that allows, and whoever is left out differs at random
    from round to round. A round of a single row may still be too large for the heaviest owners:
    they take part in all rounds, and the others share what is left of the row by their weights.

    Args:
        weights: Positive integers, shape `(num_owners,)`.
        num_per_row: Number of owners in a row, at most `num_owners`.
        num_rows: Number of rows.
        rng: Where random numbers come from.
        alike: For each owner others to share a row with, the most wanted first, -1 for none, shape
            `(num_owners, m)`. Each round is then ordered anew: an owner is followed by those of its
            list that are still to come in the round, up to the end of the row.

    Returns: Owners, shape `(num_rows, num_per_row)`.
    """
    lengths, unit = _lengths(weights, num_per_row)
    num_per_round = int(lengths.sum()) // unit
    num_rounds = -(-num_rows * num_per_row // num_per_round)
    rounds = _draw_rounds(lengths, unit, num_rounds, rng)
    if alike is not None:
        rounds = _gather_alike(rounds, num_per_row, alike, rng)
    return rounds.reshape(-1, num_per_row)[:num_rows]


def take_next(
    owners: np.ndarray, of: Members, num_each: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Takes the next members of each owner, as often as it is visited.

    The members of an owner have a fresh random order, of which each visit takes the next ones and
    starts over at the end. So all are taken equally often to within one, and those of one visit are
    distinct if the owner has enough.

    Args:
        owners: Whom to visit, in order of time, shape `(num_visits,)`.
        of: The members of each owner.
        num_each: How many members a visit of an owner takes, shape `(num_owners,)`.
        rng: Where random numbers come from.

    Returns: Members, those of a visit side by side, shape `(sum(num_each[owners]),)`.
    """
    # Owner after owner, each in random order: sorted by the owner's bits, then by random ones.
    num_bits = 63 - len(of.counts).bit_length()
    whose = np.repeat(np.arange(len(of.counts)), of.counts)
    keys = (whose << num_bits) | rng.integers(2**num_bits, size=len(whose))
    ordered = of.members[np.argsort(keys)]
    by_owner = np.argsort(owners, kind="stable")
    num_visits = np.bincount(owners, minlength=len(of.counts))
    earlier_visits = np.empty(len(owners), np.int64)
    earlier_visits[by_owner] = np.arange(len(owners)) - np.repeat(
        np.cumsum(num_visits) - num_visits, num_visits
    )
    taken = num_each[owners]
    visit = np.repeat(np.arange(len(owners)), taken)
    within = np.arange(len(visit)) - np.repeat(np.cumsum(taken) - taken, taken)
    owner = owners[visit]
    place = (earlier_visits[visit] * num_each[owner] + within) % of.counts[owner]
    return ordered[of.starts[owner] + place]


def _lengths(weights: np.ndarray, num_per_row: int) -> tuple[np.ndarray, int]:
    """Returns the share of the rounds that each owner takes part in, as a fraction of integers.

    Args:
        weights: Positive integers, shape `(num_owners,)`.
        num_per_row: Number of owners in a row.

    Returns: `(lengths, unit)`: the shares are `lengths / unit`, at most 1, and their sum is the
        number of owners in a round, a multiple of `num_per_row`.
    """
    descending = np.sort(weights)[::-1]
    # With the n heaviest in all rounds, the others share `num_per_row - n` places by their weights.
    rest = np.cumsum(descending[::-1])[::-1]
    places = num_per_row - np.arange(num_per_row)
    num_full = np.flatnonzero(descending[:num_per_row] * places <= rest[:num_per_row])[0]
    num_rows = max(1, rest[0] // (descending[0] * num_per_row))
    unit = rest[num_full]
    return np.minimum(weights * (num_rows * num_per_row - num_full), unit), int(unit)


def _draw_rounds(
    lengths: np.ndarray, unit: int, num_rounds: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws who takes part in each round by systematic sampling, each time in a random order.

    Laid end to end in a random order, the lengths cover points that are one unit apart: who covers
    one takes part. As no owner is longer than a unit, none does twice. An order serves so many
    rounds, with their points evenly between each other, that it is about as long as they are.

    Args:
        lengths: Shape `(num_owners,)`, at most `unit`; their sum is a multiple of it.
        unit: The length of an owner that takes part in all rounds.
        num_rounds: Number of rounds.
        rng: Where random numbers come from.

    Returns: Owners, shape `(num_rounds, sum(lengths) / unit)`.
    """
    num_per_round = int(lengths.sum()) // unit
    rounds_per_order = len(lengths) // num_per_round
    num_orders = -(-num_rounds // rounds_per_order)
    owners = rng.permuted(np.tile(np.arange(len(lengths)), (num_orders, 1)), axis=1)
    ends = np.cumsum(lengths[owners], axis=1)
    # How many of the points (start + i * unit) / rounds_per_order, i = 0, 1, ..., lie before it.
    starts = rng.integers(unit, size=(num_orders, 1))
    num_before = -((starts - ends * rounds_per_order) // unit)
    hits = np.diff(num_before, axis=1, prepend=0)
    drawn = np.repeat(owners.ravel(), hits.ravel())
    rounds = drawn.reshape(num_orders, num_per_round, rounds_per_order).swapaxes(1, 2)
    rounds = rng.permutation(rounds.reshape(-1, num_per_round))[:num_rounds]
    return rng.permuted(rounds, axis=1)


def _gather_alike(
    rounds: np.ndarray, num_per_row: int, alike: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Orders the owners of each round so that those alike come together, in rows of any order."""
    result = np.empty_like(rounds)
    for row, owners in enumerate(rounds.tolist()):
        left = dict.fromkeys(owners)
        ordered: list[int] = []
        while left:
            first = next(iter(left))
            wanted = [other for other in alike[first].tolist() if other in left]
            together = list(dict.fromkeys([first, *wanted]))
            space = num_per_row - len(ordered) % num_per_row
            for owner in together[:space]:
                del left[owner]
                ordered.append(owner)
        # Those whom many want stand in the first rows, and the last round may be cut short.
        result[row] = rng.permutation(np.reshape(ordered, (-1, num_per_row))).ravel()
    return result
