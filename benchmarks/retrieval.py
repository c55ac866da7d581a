"""Times retrieval metrics of one set against the matrix product they need, FAISS and others.

    python benchmarks/retrieval.py

Random unit vectors in classes, each item a query against all others. One JSON line for each size,
with medians of alternating runs in seconds:

- `floor`: the matrix product of all embeddings with each other alone, 2 N^2 D operations, in NumPy;
- `recall`: recall at 1, 5 and 10, as `evaluate` computes them;
- `all`: ten retrieval metrics, MAP@R and R-precision among them;
- `faiss`: FAISS's flat index, the 11 nearest items, and the same recalls of them;
- `faiss_all`: as many neighbours as MAP@R and R-precision need, and these two of them;
- `peer`: the AccuracyCalculator of pytorch-metric-learning, all its metrics but those of k-means;
- `scikit_learn`: the 11 nearest items by brute force, and the same recalls of them.

The peers stand where `pip install -e '.[benchmark]'` has installed them. Memory is what a fresh
process needs beyond the embeddings, at its peak, for `all`.
"""

import argparse
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
from measure import in_fresh_process, interleaved_seconds, peak_mib, report, reset_peak

import keras_siamese as ks

RECALLS = (1, 5, 10)
SIZES = ("10000x128", "10000x512", "60000x128", "60000x512")


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a line for each size and size of the classes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="ITEMSxDIM")
    parser.add_argument("--class-sizes", nargs="+", type=int, default=[5, 1000])
    parser.add_argument("--seconds", type=float, default=20.0, help="time for each size")
    parser.add_argument("--least", type=int, default=3, help="runs of each, at least")
    parser.add_argument("--warm-up", type=int, default=1, help="runs of each that do not count")
    parser.add_argument("--peers", nargs="*", default=["faiss", "peer", "scikit_learn"])
    parser.add_argument("--memory", action="store_true", help="of this process alone")
    args = parser.parse_args(argv)
    for size in args.sizes:
        num_items, dim = map(int, size.split("x"))
        for class_size in args.class_sizes:
            x, y = make_set(num_items, dim, class_size)
            if args.memory:
                collection = collected(x, y)
                del x
                reset_peak()
                before = peak_mib()
                collection.evaluate(all_metrics())
                report(extra_mib=round(peak_mib() - before))
            else:
                measure(x, y, class_size, args)


def measure(x: np.ndarray, y: np.ndarray, class_size: int, args: argparse.Namespace) -> None:
    """Prints the times and the memory for one set."""
    recalls = [ks.metrics.RecallAtK(k) for k in RECALLS]
    functions: dict[str, Callable[[], object]] = {
        "floor": lambda: multiply(x),
        "recall": lambda: evaluate(x, y, recalls),
        "all": lambda: evaluate(x, y, all_metrics()),
    }
    functions |= {
        name: peer
        for name, peer in peers(x, y, class_size).items()
        if name.removesuffix("_all") in args.peers
    }
    times = interleaved_seconds(functions, args.seconds, args.least, args.warm_up)
    memory = in_fresh_process(
        __file__,
        *("--memory", "--sizes", f"{len(x)}x{x.shape[1]}", "--class-sizes", str(class_size)),
    )
    report(
        benchmark="retrieval",
        num_items=len(x),
        embedding_dim=x.shape[1],
        class_size=class_size,
        seed=0,
        seconds={name: round(value, 3) for name, value in times.items()},
        ratios={
            "recall_to_floor": round(times["recall"] / times["floor"], 2),
            "all_to_floor": round(times["all"] / times["floor"], 2),
            **{
                f"{name}_to_ours": round(
                    value / times["recall" if name in ("faiss", "scikit_learn") else "all"], 2
                )
                for name, value in times.items()
                if name not in ("floor", "recall", "all")
            },
        },
        extra_mib=memory["extra_mib"],
        value=evaluate(x, y, recalls),
        value_of_faiss=functions["faiss"]() if "faiss" in functions else None,
    )


def make_set(num_items: int, dim: int, class_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes of unit vectors around random centres, in random order."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(num_items) // class_size)
    centres = rng.normal(size=(labels.max() + 1, dim))
    # As far around that one in four is not next to its class, if classes are small.
    x = centres[labels] + 1.5 * (dim / 128) ** 0.25 * rng.normal(size=(num_items, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels


def multiply(x: np.ndarray) -> None:
    """The matrix product of all with all, in blocks whose results are thrown away."""
    out = np.empty((2048, len(x)), np.float32)
    for start in range(0, len(x), len(out)):
        block = x[start : start + len(out)]
        np.matmul(block, x.T, out=out[: len(block)])


def all_metrics() -> list[ks.metrics.EmbeddingMetric]:
    """All kinds of retrieval metrics."""
    return [
        *(ks.metrics.RecallAtK(k) for k in RECALLS),
        ks.metrics.TrueRecallAtK(10),
        ks.metrics.PrecisionAtK(10),
        ks.metrics.RPrecision(),
        ks.metrics.MAPAtR(),
        ks.metrics.MAPAtK(10),
        ks.metrics.MeanReciprocalRank(),
        ks.metrics.NDCGAtK(10),
    ]


def evaluate(
    x: np.ndarray, y: np.ndarray, metrics: Sequence[ks.metrics.EmbeddingMetric]
) -> dict[str, float]:
    """The figures, as `SiameseModel.evaluate` computes them once it has the embeddings."""
    figures = collected(x, y).evaluate(metrics)
    return {name: round(value, 6) for name, value in figures.items()}


def collected(x: np.ndarray, y: np.ndarray) -> ks.metrics.EmbeddingCollection:
    """The embeddings, ready to be evaluated."""
    collection = ks.metrics.EmbeddingCollection()
    collection.add_items(y, x)
    return collection


def peers(x: np.ndarray, y: np.ndarray, class_size: int) -> dict[str, Callable[[], object]]:
    """What others do for the same figures, as far as they are installed."""
    functions: dict[str, Callable[[], object]] = {"scikit_learn": lambda: scikit_learn(x, y)}
    if find_spec("faiss"):
        functions["faiss"] = lambda: faiss_recalls(x, y)
        functions["faiss_all"] = lambda: faiss_at_r(x, y, class_size)
    if find_spec("pytorch_metric_learning"):
        import torch
        from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

        calculator = AccuracyCalculator(exclude=("AMI", "NMI"), device=torch.device("cpu"))
        embeddings, labels = torch.from_numpy(x), torch.from_numpy(y)
        functions["peer"] = lambda: calculator.get_accuracy(embeddings, labels)
    return functions


def faiss_neighbours(x: np.ndarray, k: int) -> np.ndarray:
    """Places of the k nearest others, by FAISS's flat index."""
    import faiss

    index = faiss.IndexFlatL2(x.shape[1])
    index.add(x)
    return index.search(x, k + 1)[1][:, 1:]


def recalls_of(neighbours: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The recalls of neighbours, by the same names as ours."""
    hits = y[neighbours] == y[:, None]
    return {f"recall_at_{k}": round(float(hits[:, :k].any(axis=1).mean()), 6) for k in RECALLS}


def faiss_recalls(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The recalls by FAISS."""
    return recalls_of(faiss_neighbours(x, max(RECALLS)), y)


def faiss_at_r(x: np.ndarray, y: np.ndarray, class_size: int) -> dict[str, float]:
    """R-precision and MAP@R by FAISS, for classes of one size."""
    hits = y[faiss_neighbours(x, class_size - 1)] == y[:, None]
    precisions = np.cumsum(hits, axis=1) / np.arange(1, class_size)
    return {"r_precision": hits.mean(), "map_at_r": (precisions * hits).mean()}


def scikit_learn(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The recalls by scikit-learn's brute force."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(algorithm="brute").fit(x)
    return recalls_of(search.kneighbors(n_neighbors=max(RECALLS), return_distance=False), y)


if __name__ == "__main__":
    main()
