"""Few-shot recognition: how well embeddings tell new classes apart by a handful of examples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from keras import ops

from keras_siamese import distances
from keras_siamese.data import encode_labels
from keras_siamese.distances import Distance
from keras_siamese.ops.checks import (
    as_embeddings,
    check_choice,
    check_count,
    check_finite,
    check_same_length,
)

_BLOCK_SIZE = 2**22  # Floats in one block of differences: 16 MB.


@dataclass(frozen=True)
class FewShotResult:
    """What `few_shot_accuracy` found.

    Attributes:
        accuracy: Fraction of queries recognised, the mean over all episodes; in [0, 1].
        interval: Half-width of the 95 % interval of `accuracy`, in the same unit. It covers the
            draw of the episodes, not that of the training.
        episodes: Number of episodes.
        ways: Classes in an episode.
        shots: Support items of each class.
        queries: Query items of each class.
        num_left_out_classes: Number of classes in no episode for want of `shots + queries` items.
        left_out_groups: Groups in no episode for want of `ways` classes.
    """

    accuracy: float
    interval: float
    episodes: int
    ways: int
    shots: int
    queries: int
    num_left_out_classes: int
    left_out_groups: tuple[Any, ...]

    @property
    def error(self) -> float:
        """Fraction of queries not recognised, `1 - accuracy`."""
        return 1.0 - self.accuracy


def few_shot_accuracy(
    embeddings: Any,
    labels: Sequence[Any] | np.ndarray,
    *,
    ways: int = 20,
    shots: int = 1,
    queries: int = 1,
    episodes: int = 1000,
    groups: Sequence[Any] | np.ndarray | None = None,
    classifier: str = "prototype",
    distance: str | Distance = "euclidean",
    seed: int = 0,
) -> FewShotResult:
    """Accuracy at recognising items of classes of which only `shots` examples are known.

    An episode draws `ways` classes and, of each, `shots` support items and `queries` query items,
    all distinct. A query is given the class of the nearest prototype, the mean of a class's
    support, or of the nearest support item; with one shot these are the same. Where `n` classes are
    equally near, the right one counts `1 / n`, so that collapsed embeddings score `1 / ways`.

    Args:
        embeddings: Floats, shape `(num_items, embedding_dim)`.
        labels: Class of each item, ints or strings, shape `(num_items,)` or `(num_items, 1)`.
        ways: Classes in an episode. Defaults to 20.
        shots: Support items of each class. Defaults to 1.
        queries: Query items of each class. Defaults to 1.
        episodes: Number of episodes, at least 2. Defaults to 1000.
        groups: Group of each item, such as the alphabet of a character, shape as `labels`. All
            classes of an episode then come from one group, drawn uniformly among those with enough
            classes; the same label in two groups is two classes. Defaults to one group of all.
        classifier: `"prototype"` (the default) or `"nearest"`.
        distance: Name of a distance, or a `Distance`. Defaults to `"euclidean"`.
        seed: Seed of the draw of the episodes. Defaults to 0.

    Returns: A `FewShotResult`.

    Raises: ValueError: If no group has `ways` classes of `shots + queries` items, if embeddings are
        not finite, or if an argument is out of range.

    Example:
        >>> embeddings, labels = [[0.0], [0.1], [1.0], [1.1]], ["a", "a", "b", "b"]
        >>> keras_siamese.evaluation.few_shot_accuracy(embeddings, labels, ways=2).accuracy
        1.0

    Reference: [Lake et al., 2015](https://doi.org/10.1126/science.aab3050) for 20-way one-shot
        recognition within an alphabet; [Snell et al., 2017](https://arxiv.org/abs/1703.05175),
        section 2.2, for prototypes.
    """
    check_count("ways", ways, least=2)
    check_count("shots", shots)
    check_count("queries", queries)
    check_count("episodes", episodes, least=2, fix="The interval needs two.")
    check_choice("classifier", classifier, ("prototype", "nearest"))
    distance = distances.get(distance)
    embeddings = ops.convert_to_numpy(as_embeddings(embeddings))
    check_finite("Embeddings", embeddings)
    label_ids, _ = encode_labels(labels)
    group_ids, group_names = encode_labels(np.zeros_like(label_ids) if groups is None else groups)
    check_same_length(embeddings=embeddings, labels=label_ids, groups=group_ids)

    # Classes are numbered group by group, so that those of one group stand together.
    classes, class_ids, class_sizes = np.unique(
        np.stack([group_ids, label_ids], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    large = np.flatnonzero(class_sizes >= shots + queries)
    group_sizes = np.bincount(classes[large, 0], minlength=len(group_names))
    large_groups = np.flatnonzero(group_sizes >= ways)
    if not large_groups.size:
        scope = "" if groups is None else " in one group"
        raise ValueError(
            f"Expected {ways} classes (`ways`) of at least {shots + queries} items (`shots` + "
            f"`queries`){scope}. Received: at most {group_sizes.max()} such classes{scope}, and "
            f"{len(classes) - len(large)} classes with fewer items. Use fewer `ways`."
        )

    rng = np.random.default_rng(seed)
    group = rng.choice(large_groups, episodes)
    drawn = large[_draw_from_runs(rng, group_sizes, group, ways)]  # (episodes, ways)
    places = _draw_from_runs(rng, class_sizes, drawn, shots + queries)
    items = np.argsort(class_ids, kind="stable")[places]  # (episodes, ways, shots + queries)

    block = max(1, _BLOCK_SIZE // (ways * queries * ways * embeddings.shape[1]))
    accuracies = np.concatenate(
        [
            _episode_accuracies(
                embeddings[items[start : start + block]], shots, classifier, distance
            )
            for start in range(0, episodes, block)
        ]
    )
    return FewShotResult(
        accuracy=float(accuracies.mean()),
        interval=float(1.96 * accuracies.std(ddof=1) / math.sqrt(episodes)),
        episodes=episodes,
        ways=ways,
        shots=shots,
        queries=queries,
        num_left_out_classes=len(classes) - len(large),
        left_out_groups=tuple(np.delete(group_names, large_groups).tolist()),
    )


def _draw_from_runs(
    rng: np.random.Generator, run_sizes: np.ndarray, runs: np.ndarray, num: int
) -> np.ndarray:
    """Returns `num` distinct places out of each of `runs`, shape `(*runs.shape, num)`.

    The runs lie one behind the other; run `r` has `run_sizes[r]` places. Floyd's algorithm is
    uniform and takes `num` steps however long the runs are.
    """
    sizes = run_sizes[runs][..., None]
    ranks = np.empty((*runs.shape, 0), int)
    for last in np.moveaxis(sizes - num + np.arange(num), -1, 0)[..., None]:
        rank = rng.integers(0, last, endpoint=True)
        ranks = np.append(ranks, np.where((rank == ranks).any(-1, keepdims=True), last, rank), -1)
    # Floyd's set is uniform, its order is not.
    starts = np.cumsum(run_sizes) - run_sizes
    return starts[runs][..., None] + rng.permuted(ranks, axis=-1)


def _episode_accuracies(
    embeddings: np.ndarray, shots: int, classifier: str, distance: Distance
) -> np.ndarray:
    """Returns the fraction of queries recognised in each episode.

    Args:
        embeddings: The items of the episodes, support first; shape `(episodes, ways, shots +
            queries, embedding_dim)`.
        shots: Number of support items of each class.
        classifier: What of a class is compared with a query: `"prototype"` or `"nearest"`.
        distance: The distance by which queries are classified.
    """
    support, queries = embeddings[:, :, :shots], embeddings[:, :, shots:]
    if classifier == "prototype":
        support = support.mean(axis=2, keepdims=True)
    # Paired, not pairwise: equal vectors then give equal distances to the last bit.
    to_classes = reduce(
        np.minimum,
        (
            ops.convert_to_numpy(distance.paired(queries[:, :, :, None], of_class[:, None, None]))
            for of_class in np.moveaxis(support, 2, 0)
        ),
    )  # (episodes, ways, queries, ways)
    to_own = np.einsum("ewqw->ewq", to_classes)[..., None]
    nearer = np.count_nonzero(to_classes < to_own, axis=-1)
    as_near = np.count_nonzero(to_classes == to_own, axis=-1)
    return np.where(nearer == 0, 1.0 / as_near, 0.0).mean(axis=(1, 2))
