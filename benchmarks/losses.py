"""Every loss, forward and backward, against pytorch-metric-learning and the dense matrix.

    python benchmarks/losses.py --table

Needs `pip install -e .[benchmark]` for the comparison. Embeddings of D = 128 dimensions on the unit
sphere, K = 4 items a class. One JSON line for each loss and batch size:

- `milliseconds`: medians of alternating runs: `ours` in a `tf.function`; `peer`, in PyTorch; and
  `dense`, nothing but the matrix of pairwise distances and its gradient, the better of plain and
  `jit_compile`. `ratios` are made of them.
- `memory`: from B = 1024 on, the peak of a batch in a fresh process, beyond what the process held
  after a small one, in MiB; without the compiler's own. A peer that goes beyond the limits of time
  or memory there is not measured further.
- `value`, `value_of_peer`: they agree unless `differs` says why not.
"""

import argparse
import os
import resource
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

# PyTorch's idle threads would otherwise keep spinning and slow down what runs after them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from loss_cases import CASES, DIM, Case
from measure import in_fresh_process, interleaved_seconds, peak_mib, report, reset_peak
from triplet_loss import ITEMS, distance_sum, make_batch, with_gradient

SMALL_SIZE, PROBED_FROM = 64, 1024


class Runner(NamedTuple):
    """A function that computes value and gradient, and the weights of its loss."""

    run: Callable[[], float]
    weights: list[np.ndarray]


def main(argv: Sequence[str] | None = None) -> None:
    """Measures memory in fresh processes and speed in this one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--losses", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 1024, 4096])
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each line")
    parser.add_argument("--limit-seconds", type=float, default=60.0, help="of a fresh process")
    parser.add_argument("--limit-gib", type=float, default=8.0, help="of a fresh process")
    parser.add_argument("--table", action="store_true", help="print a Markdown table at the end")
    parser.add_argument("--probe", choices=("ours", "peer"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.probe:
        report(**probe(CASES[args.losses[0]], args.probe, args.sizes[0], args.limit_gib))
        return
    lines = [measure(name, size, args) for name in args.losses for size in args.sizes]
    if args.table:
        print("\n" + make_table(lines))


def measure(name: str, size: int, args: argparse.Namespace) -> dict[str, Any]:
    """Prints and returns the figures of one loss and batch size."""
    case = CASES[name]
    has_peer = case.peer is not None and find_peer() is not None
    memory = {}
    if size >= PROBED_FROM:
        memory["ours"] = probe_in_fresh_process(name, "ours", size, args)
        if has_peer:
            memory["peer"] = probe_in_fresh_process(name, "peer", size, args)
            has_peer = isinstance(memory["peer"], float)
    labels_and_x = make_labelled(size)
    ours = make_ours(case, *labels_and_x)
    peer = make_peer(case, *labels_and_x, ours.weights) if has_peer else None
    dense = [with_gradient(distance_sum, jit_compile=jit) for jit in (False, True)]
    functions: dict[str, Callable[[], object]] = {
        "ours": ours.run,
        "dense_plain": lambda: dense[0](*labels_and_x),
        "dense_jit": lambda: dense[1](*labels_and_x),
    }
    if peer:
        functions["peer"] = peer.run
    seconds = interleaved_seconds(functions, args.seconds, least=3)
    seconds["dense"] = min(seconds.pop("dense_plain"), seconds.pop("dense_jit"))
    ratios = {"ours_to_dense": seconds["ours"] / seconds["dense"]}
    if peer:
        ratios["times_faster_than_peer"] = seconds["peer"] / seconds["ours"]
    line = {
        "benchmark": "losses",
        "loss": name,
        "batch_size": size,
        "dim": DIM,
        "items_per_class": ITEMS,
        "seed": size,
        "milliseconds": {key: round(1e3 * value, 3) for key, value in seconds.items()},
        "ratios": {key: round(value, 2) for key, value in ratios.items()},
        "memory": memory,
        "value": round(ours.run(), 6),
        "value_of_peer": round(peer.run(), 6) if peer else None,
        "differs": case.differs,
    }
    report(**line)
    return line


def make_labelled(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels and the embeddings of a batch."""
    x, labels = make_batch(np.random.default_rng(size), size)
    return labels, x


def make_ours(case: Case, labels: np.ndarray, x: np.ndarray) -> Runner:
    """Our loss in a `tf.function`, with the gradients by the embeddings and its weights."""
    loss = case.ours(len(labels) // ITEMS)
    loss.build(DIM)
    variables = [variable.value for variable in loss.trainable_variables]
    gradient = with_gradient(lambda labels, x: case.call(loss, labels, x), variables=variables)
    weights = [variable.numpy() for variable in variables]
    return Runner(lambda: gradient(labels, x)[0], weights)


def make_peer(
    case: Case, labels: np.ndarray, x: np.ndarray, weights: Sequence[np.ndarray] = ()
) -> Runner:
    """The peer's loss, with the gradients by the embeddings and its weights: ours, if given."""
    import torch

    assert case.peer is not None
    num_classes = len(labels) // ITEMS
    call, parameters = case.peer(find_peer(), num_classes)
    for parameter, weight in zip(parameters, weights, strict=False):
        # Ours: the first center of each class, then the second ones. The peer: class by class.
        centers = weight.reshape(-1, num_classes, DIM).swapaxes(0, 1).reshape(-1, DIM)
        rows = torch.tensor(centers)
        with torch.no_grad():
            parameter.copy_(rows if rows.shape == parameter.shape else rows.T)
    y = torch.tensor(labels)

    def run() -> float:
        embeddings = torch.tensor(x, requires_grad=True)
        for parameter in parameters:
            parameter.grad = None
        value = call(embeddings, y)
        value.backward()
        return value.item()

    return Runner(run, [])


def find_peer() -> Any:
    """pytorch-metric-learning, or None where it is not installed."""
    try:
        import pytorch_metric_learning.losses
        import pytorch_metric_learning.miners
        import pytorch_metric_learning.reducers
    except ImportError:
        return None
    return pytorch_metric_learning


def probe_in_fresh_process(
    name: str, side: str, size: int, args: argparse.Namespace
) -> float | str:
    """What a batch adds to the peak memory, in MiB, or "out of time" or "out of memory"."""
    options = ("--losses", name, "--probe", side, "--sizes", str(size))
    limit = ("--limit-gib", str(args.limit_gib))
    try:
        return in_fresh_process(__file__, *options, *limit, timeout=args.limit_seconds)["extra_mib"]
    except subprocess.TimeoutExpired:
        return "out of time"
    except subprocess.CalledProcessError as error:
        if error.returncode > 0:
            raise
        return "out of memory"  # killed by a signal


def probe(case: Case, side: str, size: int, limit_gib: float) -> dict[str, Any]:
    """The peak memory of one batch, beyond what the process holds after a small one."""
    if side == "peer":
        find_peer()
    limit = int(limit_gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    make = make_ours if side == "ours" else make_peer
    make(case, *make_labelled(SMALL_SIZE)).run()
    reset_peak()
    at_rest = peak_mib()
    try:
        run = make(case, *make_labelled(size)).run
        run()  # compiles
        reset_peak()
        run()
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        return {"extra_mib": "out of memory"}
    return {"extra_mib": round(peak_mib() - at_rest, 1)}


def make_table(lines: Sequence[dict[str, Any]]) -> str:
    """The lines as a Markdown table."""
    titles = ("loss", "B", "ours, ms", "peer, ms", "times faster", "dense, ms", "ours / dense")
    titles += ("ours, MiB", "peer, MiB", "value", "peer's value")
    rows = [list(titles), ["---", *["--:"] * (len(titles) - 1)]]
    for line in lines:
        milliseconds, ratios, memory = line["milliseconds"], line["ratios"], line["memory"]
        cells = (
            line["loss"],
            line["batch_size"],
            milliseconds["ours"],
            milliseconds.get("peer"),
            ratios.get("times_faster_than_peer"),
            milliseconds["dense"],
            ratios["ours_to_dense"],
            memory.get("ours"),
            memory.get("peer"),
            line["value"],
            line["value_of_peer"],
        )
        rows.append(["-" if cell is None else str(cell) for cell in cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
