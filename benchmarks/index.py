"""Recall, time and memory of `EmbeddingIndex`, exact and approximate, and of FAISS by itself.

    python benchmarks/index.py
    python benchmarks/index.py --sizes 1000000

Unit vectors of 128 dimensions from a stated generator, seed 0. `mixture`, for what trained encoders
give: one cluster for each 100 vectors; the vectors of a cluster lie around its centre, spread in 16
directions that are common to all, and a tenth as far in all others. `uniform`, the hard case: no
clusters at all, where all vectors are about equally far from each other, so that no graph and no
code finds its way. Queries are 1,000 more vectors of the same kind, asked all at once.

Each case runs in a fresh process and prints one JSON line: `build_seconds`; `query_seconds` for all
queries (median of three) and one at a time; `recall_at_10`, the fraction of the true ten nearest
that are found (truth: a float64 ranking of FAISS-free NumPy distances); `mib`, what the process
holds after building, beyond the vectors it read from a file.

- `exact`, `exact_float16`, `exact_int8`: the exact backend, vectors kept in these dtypes;
- `usearch_*`: USearch's graph over codes, float32 vectors beside it to rank candidates by:
  4 * k of them for int8, 20 * k for binary codes;
- `small`: int8 codes, and vectors kept as float16;
- `faiss`: the FAISS backend with the same settings of the graph;
- `faiss_flat`, `faiss_hnsw`: FAISS alone, which holds its vectors once.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from measure import in_fresh_process, report

from keras_siamese.index import EmbeddingIndex

DIM, NUM_QUERIES, K, PER_CLUSTER, DIRECTIONS = 128, 1000, 10, 100, 16

CASES: dict[str, dict[str, Any] | None] = {
    "exact": {},
    "exact_float16": {"dtype": "float16"},
    "exact_int8": {"dtype": "int8"},
    "usearch_float32": {"backend": "usearch"},
    "usearch_float16": {"backend": "usearch", "codes": "float16"},
    "usearch_int8": {"backend": "usearch", "codes": "int8"},
    "usearch_binary": {"backend": "usearch", "codes": "binary", "rescore": 20},
    "small": {"backend": "usearch", "codes": "int8", "dtype": "float16"},
    "faiss": {"backend": "faiss"},
    "faiss_flat": None,
    "faiss_hnsw": None,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[60_000])
    parser.add_argument("--data", nargs="+", choices=GENERATORS, default=["mixture"])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=available_cases())
    parser.add_argument("--queries", type=int, default=NUM_QUERIES)
    parser.add_argument("--folder", help="of one case, in this process")
    args = parser.parse_args(argv)
    if args.folder is not None:
        report(**measure(args.cases[0], Path(args.folder)))
        return
    for data in args.data:
        for num_items in args.sizes:
            with tempfile.TemporaryDirectory() as folder:
                write_set(Path(folder), data, num_items, args.queries)
                for case in args.cases:
                    line = in_fresh_process(__file__, "--folder", folder, "--cases", case)
                    line = {key: line[key] for key in line if key not in ("versions", "device")}
                    report(
                        benchmark="index",
                        case=case,
                        data=data,
                        num_items=num_items,
                        embedding_dim=DIM,
                        num_queries=args.queries,
                        seed=0,
                        **line,
                    )


def measure(case: str, folder: Path) -> dict[str, Any]:
    """Builds an index and asks it."""
    x, queries, truth = (
        np.load(folder / f"{name}.npy", mmap_mode=mode)
        for name, mode in (("x", "r"), ("queries", None), ("truth", None))
    )
    settings = CASES[case]
    # What libraries take at their first use is not the index's.
    make_index(settings, case, np.array(x[:1000]))(queries[:2])
    before = resident_mib()
    start = time.perf_counter()
    ask = make_index(settings, case, x)
    build_seconds = time.perf_counter() - start
    mib = resident_mib() - before
    found = ask(queries)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        ask(queries)
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    for query in queries[:50]:
        ask(query[None])
    one = (time.perf_counter() - start) / len(queries[:50])
    shared = [len(set(f) & set(t)) for f, t in zip(found.tolist(), truth.tolist(), strict=True)]
    return {
        "recall_at_10": round(float(np.mean(shared)) / K, 4),
        "build_seconds": round(build_seconds, 2),
        "query_seconds": round(statistics.median(seconds), 4),
        "milliseconds_of_one_query": round(1e3 * one, 3),
        "mib": round(mib),
    }


def make_index(
    settings: dict[str, Any] | None, case: str, x: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function of queries that gives the places of what it found."""
    if settings is not None:
        index = EmbeddingIndex(distance="euclidean", **settings)
        index.add(x, verbose=0)
        return lambda queries: index.query_embeddings(queries, k=K).ids
    import faiss

    peer = faiss.IndexFlatL2(DIM) if case == "faiss_flat" else faiss.IndexHNSWFlat(DIM, 16)
    if case == "faiss_hnsw":
        peer.hnsw.efConstruction, peer.hnsw.efSearch = 128, 64
    for start in range(0, len(x), 2**16):
        peer.add(np.ascontiguousarray(x[start : start + 2**16]))
    return lambda queries: peer.search(queries, K)[1]


def mixture(rng: np.random.Generator, num_items: int, num_clusters: int) -> np.ndarray:
    """Vectors around the centres of clusters: see above."""
    shape = np.random.default_rng(0)
    centres = shape.normal(size=(num_clusters, DIM)).astype(np.float32)
    directions = shape.normal(size=(DIRECTIONS, DIM)).astype(np.float32)
    x = centres[rng.integers(0, num_clusters, num_items)]
    x += rng.normal(size=(num_items, DIRECTIONS)).astype(np.float32) @ directions / DIRECTIONS**0.5
    return x + 0.1 * rng.normal(size=(num_items, DIM)).astype(np.float32)


def uniform(rng: np.random.Generator, num_items: int, num_clusters: int) -> np.ndarray:
    """Vectors in all directions."""
    return rng.normal(size=(num_items, DIM)).astype(np.float32)


GENERATORS = {"mixture": mixture, "uniform": uniform}


def write_set(folder: Path, data: str, num_items: int, num_queries: int) -> None:
    """Writes vectors, queries, and the places of each query's ten nearest."""
    rng, generator = np.random.default_rng(0), GENERATORS[data]
    num_clusters = max(1, num_items // PER_CLUSTER)
    x = normalized(generator(rng, num_items, num_clusters))
    queries = normalized(generator(rng, num_queries, num_clusters))
    np.save(folder / "x.npy", x)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "truth.npy", nearest(x, queries))


def nearest(x: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Ranks, in float64, the items that one matrix product says are the fifty nearest."""
    places = []
    for start in range(0, len(queries), 100):
        block = queries[start : start + 100]
        count = min(5 * K, len(x) - 1)
        some = np.argpartition(-block @ x.T, count, axis=1)[:, :count]
        difference = block[:, None].astype(np.float64) - x[some]
        order = np.square(difference).sum(axis=-1).argsort(axis=1)[:, :K]
        places.append(np.take_along_axis(some, order, axis=1))
    return np.concatenate(places)


def normalized(x: np.ndarray) -> np.ndarray:
    """The vectors at norm 1."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def resident_mib() -> float:
    """Memory of this process that is no file's, in MiB (Linux)."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def available_cases() -> list[str]:
    """All cases, those of FAISS where it is installed."""
    has_faiss = find_spec("faiss") is not None
    return [case for case in CASES if has_faiss or not case.startswith("faiss")]


if __name__ == "__main__":
    main()
