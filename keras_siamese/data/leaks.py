"""What parts of a data set have in common that they should not: classes, groups and items."""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_siamese.data.sources.arrays import as_source
from keras_siamese.data.sources.source import Source
from keras_siamese.ops.checks import check_choice

_KINDS = ("classes", "groups", "items")
_NUM_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """Where an item is.

    Attributes:
        part: Name of the part.
        index: Place of the item in it.
        label: Its label there.
    """

    part: str
    index: int
    label: Any

    def __str__(self) -> str:
        return f"{self.part}[{self.index}] ({self.label!r})"


@dataclass(frozen=True)
class LeakReport:
    """What parts of a data set have in common: see `find_leaks`. Printed, it names what leaks.

    Attributes:
        sizes: Number of items of each part, by its name.
        classes: Labels that two parts share, in ascending order, by the names of the two.
        groups: Groups that two parts share, likewise.
        items: Items that are in several parts: for each a list of the places of its copies, each
            with `part`, `index` and `label`. Labels that differ say that one of them is wrong.
        repeats: Items that are several times in one part, and in no other, likewise. They are no
            leak.
    """

    sizes: dict[str, int]
    classes: dict[tuple[str, str], list]
    groups: dict[tuple[str, str], list]
    items: list[list[Place]]
    repeats: list[list[Place]]

    def check(self, *kinds: str) -> None:
        """Raises an error if anything leaks.

        Args:
            *kinds: What may not be in two parts: `"classes"`, `"groups"`, `"items"`. Defaults to
                all of them. After `stratified_split`, which has all classes in all parts, it is
                `"items"`.

        Raises: ValueError: If a kind is unknown, or parts have anything of it in common; the
            message names what, and where.
        """
        kinds = tuple(check_choice("kinds", kind, _KINDS) for kind in kinds) or _KINDS
        lines = [line for kind in kinds for line in self._lines(kind)]
        if lines:
            lines = ["The parts must be disjoint. Received:", *lines]
            raise ValueError(
                "\n    ".join(lines) + "\nSplit anew, or drop the items from a part; or name what "
                'may not be in common, as in `check("classes", "items")`.'
            )

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} ({size} items)" for name, size in self.sizes.items())
        lines = [line for kind in (*_KINDS, "repeats") for line in self._lines(kind)]
        return "\n    ".join([f"Leaks between {sizes}:", *(lines or ["none"])])

    def _lines(self, kind: str) -> list[str]:
        found = getattr(self, kind)
        if kind in ("classes", "groups"):
            return [
                f"{kind} in both {first} and {second} ({len(names)}): {_some(map(repr, names))}"
                for (first, second), names in found.items()
            ]
        if not found:
            return []
        where = "several parts" if kind == "items" else "one part several times"
        wrong = sum(len({place.label for place in copies}) > 1 for copies in found)
        differ = f", {wrong} with different labels" if wrong else ""
        copies = _some(" = ".join(map(str, places[:_NUM_SHOWN])) for places in found)
        return [f"items in {where} ({len(found)}{differ}): {copies}"]


def find_leaks(**parts: Any) -> LeakReport:
    """Looks for classes, groups and items that are in more than one part of a data set.

    Items are the same if all their bytes are, in the same dtype and shape: those of a source as it
    gives them, files decoded. They are read in batches, of which 16 bytes an item are kept.

    Args:
        **parts: Two or more parts by name, such as `train=train, test=test`: sources, or `(x, y)`
            of arrays and their labels. Groups are those of sources.

    Returns: A `LeakReport`. Print it, or let its `check` raise an error.

    Raises: ValueError: If there are fewer than two parts, one is no part, or some have integers as
        labels (or groups) and others names.

    Example:
        >>> train, test = (np.array([7, 8, 9]), ["a", "b", "c"]), (np.array([5, 7]), ["d", "a"])
        >>> print(find_leaks(train=train, test=test))
        Leaks between train (3 items), test (2 items):
            classes in both train and test (1): 'a'
            items in several parts (1): train[0] ('a') = test[1] ('a')
    """
    if len(parts) < 2:
        raise ValueError(
            "Expected two parts or more, by name, as in `find_leaks(train=train, test=test)`. "
            f"Received: {list(parts)}."
        )
    sources = {name: _as_part(name, part) for name, part in parts.items()}
    labels = {name: source.labels for name, source in sources.items()}
    groups = {name: part.groups for name, part in sources.items() if part.groups is not None}
    report = LeakReport(
        sizes={name: len(source) for name, source in sources.items()},
        classes=_shared("labels", labels),
        groups=_shared("groups", groups),
        items=[],
        repeats=[],
    )
    for places in _copies(sources):
        in_one_part = len({place.part for place in places}) == 1
        (report.repeats if in_one_part else report.items).append(places)
    return report


def _as_part(name: str, part: Any) -> Source:
    if isinstance(part, tuple) and len(part) == 2:
        return as_source(*part)
    if isinstance(part, Source):
        return part
    raise ValueError(
        f"`{name}` must be a source, or arrays `(x, y)`. Received: {type(part).__name__}."
    )


def _shared(kind: str, names: dict[str, np.ndarray]) -> dict[tuple[str, str], list]:
    """Returns the names that two parts have in common, for each two that have any."""
    if len({array.dtype.kind in "iub" for array in names.values()}) > 1:
        raise ValueError(
            f"The {kind} of all parts must be of one kind, or none would be the same. Received: "
            f"{ {part: str(array.dtype) for part, array in names.items()} }."
        )
    shared = {
        (first, second): np.intersect1d(names[first], names[second]).tolist()
        for first, second in itertools.combinations(names, 2)
    }
    return {pair: found for pair, found in shared.items() if found}


def _copies(sources: dict[str, Source]) -> list[list[Place]]:
    """Returns the places of each item that is there more than once, in the order of the first."""
    labels = np.concatenate([source.labels for source in sources.values()])
    digests = np.concatenate([_digests(source) for source in sources.values()])
    names, ends = list(sources), np.cumsum([len(source) for source in sources.values()])
    _, first, ids, counts = np.unique(
        digests, return_index=True, return_inverse=True, return_counts=True
    )
    copies: dict[int, list[Place]] = {item: [] for item in np.sort(first[counts > 1]).tolist()}
    for place in np.flatnonzero(counts[ids] > 1).tolist():
        part = int(np.searchsorted(ends, place, side="right"))
        index = place - int(ends[part]) + len(sources[names[part]])
        copies[int(first[ids[place]])].append(Place(names[part], index, labels[place].item()))
    return list(copies.values())


def _digests(source: Source) -> np.ndarray:
    """Returns a hash of each item, 16 bytes, shape `(num_items,)`."""
    digests = []
    for batch, _ in source.batches().as_numpy_iterator():
        for arrays in zip(*keras.tree.flatten(batch), strict=True):
            digest = hashlib.blake2b(digest_size=16)
            for array in map(np.asarray, arrays):
                digest.update(f"{array.dtype} {array.shape} ".encode())
                is_text = array.dtype == object
                digest.update(repr(array.tolist()).encode() if is_text else array.tobytes())
            digests.append(digest.digest())
    return np.array(digests, "S16")


def _some(examples: Iterable[str]) -> str:
    """Returns the first few examples, and how many more there are."""
    examples = list(examples)
    more = f" and {len(examples) - _NUM_SHOWN} more" if len(examples) > _NUM_SHOWN else ""
    return "; ".join(examples[:_NUM_SHOWN]) + more
