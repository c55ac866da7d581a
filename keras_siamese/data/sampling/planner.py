"""What a user says about P x K batches, checked against the labels, and the epochs that follow."""

from dataclasses import dataclass

import numpy as np

from keras_siamese.data.sampling.plan import WEIGHTINGS, Members, deal_out, take_next
from keras_siamese.ops.checks import check_choice, check_count

_TWO_ITEMS = "One item alone has no positive. A range of K is a tuple, such as (2, 8)."


@dataclass(frozen=True)
class PKOptions:
    """Arguments of `pk_batches`, which says what they mean; checked when made."""

    classes_per_batch: int
    examples_per_class: int | tuple[int, int]
    super_classes_per_batch: int | None = None
    class_weighting: str = "uniform"
    short_classes: str = "error"

    def __post_init__(self) -> None:
        check_count(
            "classes_per_batch",
            self.classes_per_batch,
            least=2,
            fix="One class alone has no negative.",
        )
        bounds = self.examples_per_class
        for bound in bounds if isinstance(bounds, tuple) else (bounds,):
            check_count("examples_per_class", bound, least=2, fix=_TWO_ITEMS)
        if isinstance(bounds, tuple) and (len(bounds) != 2 or bounds[0] > bounds[1]):
            raise ValueError(
                "`examples_per_class` must be a number, or a tuple of the least and the largest "
                f"number. Received: {bounds!r}."
            )
        check_choice("class_weighting", self.class_weighting, WEIGHTINGS)
        check_choice("short_classes", self.short_classes, ("error", "drop", "repeat"))
        if self.super_classes_per_batch is not None:
            check_count("super_classes_per_batch", self.super_classes_per_batch)
            if self.classes_per_batch % self.super_classes_per_batch:
                raise ValueError(
                    "`classes_per_batch` must be a multiple of `super_classes_per_batch`, which "
                    f"share a batch evenly. Received: {self.classes_per_batch} and "
                    f"{self.super_classes_per_batch}."
                )

    @property
    def range_of_examples(self) -> tuple[int, int]:
        """The least and the largest number of examples of a class in a batch."""
        bounds = self.examples_per_class
        return bounds if isinstance(bounds, tuple) else (bounds, bounds)

    @property
    def has_varying_sizes(self) -> bool:
        """Whether batches differ in size."""
        low, high = self.range_of_examples
        return low < high


class PKPlanner:
    """Plans epochs of P x K batches over items of known labels.

    Args:
        labels: Class ids, shape `(num_items,)`.
        groups: Super-classes, any values that sort, shape `(num_items,)`, or `None`.
        options: What the batches are to be.
        steps_per_epoch: Number of batches; `None` for as many as the items fill, at least 1.
        names: What to call the class of each item in an error, shape `(num_items,)`. Defaults to
            `None`: its id.

    Attributes:
        classes: Ids of the classes in use, ascending, shape `(num_classes,)`.
        num_items: Number of their items.
        steps_per_epoch: Number of batches.

    Raises: ValueError: If the items cannot make such batches.
    """

    def __init__(
        self,
        labels: np.ndarray,
        groups: np.ndarray | None,
        options: PKOptions,
        steps_per_epoch: int | None = None,
        names: np.ndarray | None = None,
    ) -> None:
        self._options = options
        classes, first, ids, counts = np.unique(labels, True, True, True)
        class_names = classes if names is None else names[first]
        low, high = options.range_of_examples
        is_used = _used_classes(class_names, counts, options)
        if options.super_classes_per_batch is not None:
            is_used, group_of_class = _used_in_groups(class_names, ids, groups, is_used, options)
            _, group_ids = np.unique(group_of_class[is_used], return_inverse=True)
            self._classes_of_group = Members.of(group_ids)
        self.classes = classes[is_used]
        items = np.flatnonzero(is_used[ids])
        self.num_items = len(items)
        by_class = Members.of((np.cumsum(is_used) - 1)[ids[items]])
        self._items = Members(items[by_class.members], by_class.counts)
        self._num_each = np.clip(self._items.counts, low, high)
        if steps_per_epoch is None:
            mean_batch = options.classes_per_batch * self._num_each.mean()
            steps_per_epoch = max(1, int(self.num_items // mean_batch))
        self.steps_per_epoch = check_count("steps_per_epoch", steps_per_epoch)

    def epoch(
        self, rng: np.random.Generator, alike: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Plans one epoch.

        Args:
            rng: Where random numbers come from, and all that the plan depends on.
            alike: For each class, by its place in `classes`, the places of those to share a batch
                with: see `deal_out`.

        Returns: `(items, sizes)`: places of items, those of a batch and of a class side by side,
            shape `(sum(sizes),)`, and how many each batch has, shape `(steps_per_epoch,)`.
        """
        num_classes, steps = self._options.classes_per_batch, self.steps_per_epoch
        weight = WEIGHTINGS[self._options.class_weighting]
        num_groups = self._options.super_classes_per_batch
        if num_groups is None:
            classes = deal_out(weight(self._items.counts), num_classes, steps, rng, alike).ravel()
        else:
            of = self._classes_of_group
            sizes = np.add.reduceat(self._items.counts[of.members], of.starts)
            groups = deal_out(weight(sizes), num_groups, steps, rng).ravel()
            classes = take_next(groups, of, np.full(len(sizes), num_classes // num_groups), rng)
        items = take_next(classes, self._items, self._num_each, rng)
        return items, self._num_each[classes].reshape(steps, num_classes).sum(axis=1)


def _used_classes(names: np.ndarray, counts: np.ndarray, options: PKOptions) -> np.ndarray:
    """Returns a mask `(C,)` of the classes that batches are made of.

    Raises: ValueError: If a class is short and may not be, or fewer than P classes are left.
    """
    least, _ = options.range_of_examples
    short = counts < least
    if options.short_classes == "error" and short.any():
        some = _named_sizes(names[short], counts[short])
        raise ValueError(
            f"Expected at least `examples_per_class={options.examples_per_class}` items of each "
            f"class. Received: {short.sum()} of {len(names)} classes with fewer, among them "
            f'{some}. Use `short_classes="drop"` to leave them out, `short_classes="repeat"` to '
            "repeat their items, or a smaller `examples_per_class`."
        )
    used = ~short if options.short_classes == "drop" else np.ones_like(short)
    if used.sum() < options.classes_per_batch:
        dropped = f" ({(~used).sum()} short ones were dropped)" if not used.all() else ""
        raise ValueError(
            f"`classes_per_batch={options.classes_per_batch}` is more than the {used.sum()} "
            f"classes to draw from{dropped}. Use a smaller `classes_per_batch` or data with more "
            "classes."
        )
    return used


def _used_in_groups(
    class_names: np.ndarray,
    ids: np.ndarray,
    groups: np.ndarray | None,
    is_used: np.ndarray,
    options: PKOptions,
) -> tuple[np.ndarray, np.ndarray]:
    """Leaves out classes of super-classes that are too small.

    Args:
        class_names: What to call the classes in an error, shape `(C,)`.
        ids: Place in `class_names` of each item, shape `(num_items,)`.
        groups: Super-class of each item, shape `(num_items,)`.
        is_used: Which classes are used so far, shape `(C,)`.
        options: What the batches are to be.

    Returns: `(is_used, group_of_class)`, shapes `(C,)`.

    Raises: ValueError: If there are no groups, a class is in two, a group is too small and may not
        be, or too few are left.
    """
    num_groups = options.super_classes_per_batch or 1
    if groups is None:
        raise ValueError(
            f"`super_classes_per_batch={num_groups}` needs the super-class of each item. Received: "
            "none. Use a source with groups, such as `from_arrays(x, y, groups=...)`."
        )
    names, group_ids = np.unique(groups, return_inverse=True)
    group_of_class = np.empty(len(class_names), np.int64)
    group_of_class[ids] = group_ids
    astray = np.flatnonzero(group_of_class[ids] != group_ids)
    if len(astray):
        item = astray[0]
        raise ValueError(
            "Each class must be in one super-class. Received: class "
            f"{class_names[ids[item]].item()!r} in {names[group_ids[item]].item()!r} and in "
            f"{names[group_of_class[ids[item]]].item()!r}. Join the names, as in 'Greek/alpha'."
        )
    wanted = options.classes_per_batch // num_groups
    sizes = np.bincount(group_of_class[is_used], minlength=len(names))
    is_short = sizes < wanted
    if is_short.any() and options.short_classes != "drop":
        some = _named_sizes(names[is_short], sizes[is_short])
        raise ValueError(
            f"Expected at least {wanted} classes (classes_per_batch / super_classes_per_batch) in "
            f"each super-class. Received: {is_short.sum()} of {len(names)} with fewer, among them "
            f'{some}. Use `short_classes="drop"` to leave them out, or more super-classes.'
        )
    if (~is_short).sum() < num_groups:
        raise ValueError(
            f"`super_classes_per_batch={num_groups}` is more than the {(~is_short).sum()} "
            f"super-classes with {wanted} classes or more. Use fewer, or a smaller "
            "`classes_per_batch`."
        )
    return is_used & ~is_short[group_of_class], group_of_class


def _named_sizes(names: np.ndarray, sizes: np.ndarray) -> str:
    """Returns the first three names with their sizes, for an error."""
    first = zip(names[:3].tolist(), sizes[:3].tolist(), strict=True)
    return ", ".join(f"{name!r} ({size})" for name, size in first)
