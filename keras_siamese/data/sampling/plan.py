"""Which items each P x K batch of an epoch holds: arithmetic on class sizes and random numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Weight of a class of so many items, by name of the weighting.
WEIGHTINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uniform": np.ones_like,
    "sqrt": np.sqrt,
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

    A round is a random permutation of the owners that take part in it, cut into as many whole rows
    as it has; those left over differ at random from round to round. An owner takes part in a share
    of the rounds that is proportional to its weight, up to 1: the heaviest in all, or as many of
    the heaviest ones as it takes for a round to fill a row.

    Args:
        weights: Positive weights of the owners, shape `(num_owners,)`.
        num_per_row: Number of owners in a row, at most `num_owners`.
        num_rows: Number of rows.
        rng: Where random numbers come from.
        alike: For each owner others to share a row with, the most wanted first, -1 for none, shape
            `(num_owners, m)`. Each round is then ordered anew: an owner is followed by those of its
            list that are still to come in the round.

    Returns: Owners, shape `(num_rows, num_per_row)`.
    """
    shares = _shares_of_rounds(weights, num_per_row)
    rows_per_round = int(shares.sum() + 1e-9) // num_per_row
    num_rounds = -(-num_rows // rows_per_round)
    owners = rng.permuted(np.tile(np.arange(len(weights)), (num_rounds, 1)), axis=1)
    if shares.min() < 1:
        owners, num_taking_part = _draw_shares(owners, shares, rng)
    else:
        num_taking_part = np.full(num_rounds, len(weights))
    if alike is not None:
        owners = _gather_alike(owners, num_taking_part, num_per_row, alike)
    return owners[:, : rows_per_round * num_per_row].reshape(-1, num_per_row)[:num_rows]


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
    whose = np.repeat(np.arange(len(of.counts)), of.counts)
    ordered = of.members[np.lexsort((rng.random(len(of.members)), whose))]
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


def _shares_of_rounds(weights: np.ndarray, least: int) -> np.ndarray:
    """Returns in which share of the rounds each owner takes part; they sum to `least` or more."""
    descending = np.sort(np.asarray(weights, np.float64))[::-1]
    # With the n heaviest in all rounds, the others share `least - n` places by their weights.
    rest = np.cumsum(descending[::-1])[::-1][:least]
    scales = rest / (least - np.arange(least))
    num_full = np.flatnonzero(descending[:least] <= scales)[0]
    return np.minimum(weights / (scales[num_full] if num_full else descending[0]), 1)


def _draw_shares(
    owners: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws who takes part in each round by systematic sampling.

    Args:
        owners: A random permutation of the owners for each round, shape `(num_rounds, num_owners)`.
        shares: With which probability each owner takes part, shape `(num_owners,)`.
        rng: Where random numbers come from.

    Returns: `(owners, num_taking_part)`: those of each round that take part first, in their order,
        and how many they are: the sum of the shares, rounded up or down.
    """
    # Laid end to end, the shares cover the points u, u + 1, ...: who covers one takes part.
    ends = np.cumsum(shares[owners], axis=1)
    offsets = rng.random((len(owners), 1))
    points = np.floor(np.hstack([np.zeros_like(offsets), ends]) + offsets + 1e-9)
    takes_part = np.diff(points, axis=1) > 0
    first = np.argsort(~takes_part, axis=1, kind="stable")
    return np.take_along_axis(owners, first, axis=1), takes_part.sum(axis=1)


def _gather_alike(
    owners: np.ndarray, counts: np.ndarray, num_per_row: int, alike: np.ndarray
) -> np.ndarray:
    """Orders the first `counts[r]` owners of each row `r` so that those alike come together."""
    result = owners.copy()
    for row, count in enumerate(counts):
        left = dict.fromkeys(owners[row, :count].tolist())
        ordered: list[int] = []
        while left:
            first = next(iter(left))
            wanted = [other for other in alike[first].tolist() if other in left]
            together = list(dict.fromkeys([first, *wanted]))
            space = num_per_row - len(ordered) % num_per_row
            for owner in together[:space]:
                del left[owner]
                ordered.append(owner)
        result[row, :count] = ordered
    return result
