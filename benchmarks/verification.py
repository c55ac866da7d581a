"""Area under the ROC curve over all pairs of a set, against sorting them and against the products.

    python benchmarks/verification.py

Embeddings of D = 128 on the unit sphere, classes of 5: a centre each, with noise of twice its size.
One JSON line for each number of items, with medians of alternating runs, in seconds:

- `ours`: `PairCounts.of_set` with Euclidean distance: everything that figures of verification need,
  the area exact up to 2**26 pairs and within 1e-6 beyond;
- `products`: the matrix product of the set with itself, in blocks of rows, and nothing else;
- up to 20,000 items, `sorting`: distances of all pairs by those products, matches and others each
  sorted by NumPy, and the area by binary search; `sort_alone`: the sort of so many random numbers;
- with `--sklearn`: scikit-learn's `roc_auc_score` of all pairs, once.

`error` is the difference from an exact area: that of `sorting`, or of a count of all negatives
closer than each positive; `error_bound` is what ours says that it is at most. Then memory, of fresh
processes: what one set adds to the peak of a process that did a small one.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from measure import in_fresh_process, interleaved_seconds, peak_mib, report, reset_peak

from keras_siamese.distances import Euclidean
from keras_siamese.ops.labelled_set import LabelledSet
from keras_siamese.ops.pair_counts import PairCounts

DIM, ITEMS, MAX_SORTED = 128, 5, 20_000
ROWS = 512


def main(argv: Sequence[str] | None = None) -> None:
    """Measures speed in this process and memory in fresh ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 60_000])
    parser.add_argument("--memory", type=int, nargs="*", default=[10_000, 60_000])
    parser.add_argument("--items", type=int, default=ITEMS, help="items of a class")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each size, at least")
    parser.add_argument("--least", type=int, default=3, help="runs of each, at least")
    parser.add_argument("--sklearn", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        measure_memory(args.one, args.items)
        return
    for size in args.sizes:
        measure_speed(size, args)
    for size in args.memory:
        report(**in_fresh_process(__file__, "--one", str(size), "--items", str(args.items)))


def measure_speed(size: int, args: argparse.Namespace) -> None:
    """Prints the times and the error for one number of items."""
    data = make_set(size, args.items)
    x = data.embeddings
    functions = {"ours": lambda: PairCounts.of_set(data), "products": lambda: products(x)}
    if size <= MAX_SORTED:
        functions["sorting"] = lambda: area_by_sorting(data)
        functions["sort_alone"] = random_sort(size * (size - 1) // 2)
    seconds = interleaved_seconds(functions, args.seconds, args.least)
    ours = PairCounts.of_set(data)
    exact = area_by_sorting(data) if size <= MAX_SORTED else area_by_counting(data)
    if args.sklearn:
        start = time.perf_counter()
        area_by_sklearn(data)
        seconds["sklearn"] = time.perf_counter() - start
    ratios = {"ours_to_products": seconds["ours"] / seconds["products"]}
    for other in ("sorting", "sort_alone", "sklearn"):
        if other in seconds:
            ratios[f"times_faster_than_{other}"] = seconds[other] / seconds["ours"]
    report(
        benchmark="verification",
        items=size,
        dim=DIM,
        items_per_class=args.items,
        pairs=size * (size - 1) // 2,
        seed=size,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        ratios={name: round(value, 2) for name, value in ratios.items()},
        area=ours.area,
        error=abs(ours.area - exact),
        error_bound=ours.area_error_bound,
    )


def measure_memory(size: int, items: int) -> None:
    """Prints the peak memory of one set, beyond that of a small one, its embeddings left out."""
    PairCounts.of_set(make_set(200, items))
    data = make_set(size, items)
    reset_peak()
    before = peak_mib()
    PairCounts.of_set(data)
    report(
        benchmark="verification_memory",
        items=size,
        dim=DIM,
        items_per_class=items,
        extra_mib=round(peak_mib() - before, 1),
        process_mib=round(peak_mib(), 1),
    )


def make_set(size: int, items: int) -> LabelledSet:
    """Unit vectors in random order: a centre for each class, and twice as much noise."""
    rng = np.random.default_rng(size)
    labels = rng.permutation(np.arange(size) // items)
    x = 2 * rng.normal(size=(size, DIM)).astype(np.float32)
    x += rng.normal(size=(labels.max() + 1, DIM)).astype(np.float32)[labels]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return LabelledSet(labels, x, Euclidean())


def products(x: np.ndarray) -> None:
    """The floor of everything that looks at all pairs, each in both orders."""
    for start in range(0, len(x), ROWS):
        x[start : start + ROWS] @ x.T


def all_distances(data: LabelledSet) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of matches and of others, each pair once."""
    kinds: tuple[list, list] = ([], [])
    norms = np.einsum("nd,nd->n", data.embeddings, data.embeddings)
    for start in range(0, len(data.labels), ROWS):
        rows = slice(start, start + ROWS)
        squared = data.embeddings[rows] @ data.embeddings[start:].T
        squared *= -2
        squared += norms[rows, None]
        squared += norms[start:]
        is_upper = np.arange(len(squared))[:, None] < np.arange(squared.shape[1])
        same = data.labels[rows, None] == data.labels[start:]
        kinds[0].append(squared[is_upper & same])
        kinds[1].append(squared[is_upper & ~same])
    return np.concatenate(kinds[0]), np.concatenate(kinds[1])


def area_by_sorting(data: LabelledSet) -> float:
    """The area as it is usually computed exactly."""
    positives, negatives = all_distances(data)
    positives.sort()
    negatives.sort()
    twice_closer = sum(
        int(np.searchsorted(negatives, positives, side).sum()) for side in ("left", "right")
    )
    return 1.0 - twice_closer / (2 * len(positives) * len(negatives))


def area_by_counting(data: LabelledSet) -> float:
    """The same for sets of any size: each negative is looked up among the positives."""
    order = np.argsort(data.labels, kind="stable")
    x, labels = data.embeddings[order], data.labels[order]
    norms = np.einsum("nd,nd->n", x, x)
    stops = np.searchsorted(labels, labels, "right")

    def squared(start: int) -> np.ndarray:
        rows = slice(start, start + ROWS)
        return norms[rows, None] + norms[start:] - 2 * (x[rows] @ x[start:].T)

    def is_match(start: int) -> np.ndarray:
        places = np.arange(start, min(start + ROWS, len(x)))[:, None], np.arange(start, len(x))
        return (places[0] < places[1]) & (places[1] < stops[places[0]])

    starts = range(0, len(x), ROWS)
    positives = np.sort(np.concatenate([squared(start)[is_match(start)] for start in starts]))
    twice_farther, num_negatives = 0, 0
    for start in starts:
        upper = np.arange(min(ROWS, len(x) - start))[:, None] < np.arange(len(x) - start)
        negatives = np.sort(squared(start)[upper & ~is_match(start)])
        # Of two sorted arrays, the shorter one is looked up in the longer one.
        for side in ("left", "right"):
            closer = np.searchsorted(negatives, positives, side)
            twice_farther += int((len(negatives) - closer).sum())
        num_negatives += len(negatives)
    return twice_farther / (2 * len(positives) * num_negatives)


def area_by_sklearn(data: LabelledSet) -> float:
    """scikit-learn's area of the same pairs."""
    from sklearn.metrics import roc_auc_score

    positives, negatives = all_distances(data)
    same = np.repeat([1, 0], [len(positives), len(negatives)])
    return float(roc_auc_score(same, -np.concatenate([positives, negatives])))


def random_sort(number: int) -> Callable[[], np.ndarray]:
    """A sort of random numbers, a copy of which is made each time."""
    values = np.random.default_rng(0).random(number, dtype=np.float32)
    return lambda: np.sort(values)


if __name__ == "__main__":
    main()
