"""Semi-hard triplet loss, forward and backward, against what it must beat.

    python benchmarks/triplet_loss.py

With pytorch-metric-learning (`pip install -e .[benchmark]`), it is measured too. Embeddings
of D = 128 dimensions on the unit sphere, margin 0.2, K = 4 items a class. One JSON line for each
batch size, with medians of alternating runs, in milliseconds:

- `ours`: `TripletLoss` in a `tf.function`, class-contiguous P x K batches; `ours_shuffled`: the
  same items in random order; `ours_ragged`: random labels with 4 items a class on average.
- `dense_plain`, `dense_jit`: nothing but the matrix of pairwise distances and its gradient, the
  floor of a naive design.
- `tiling`: the textbook form with a (B, B, B) mask, that of tensorflow-addons; up to B = 512.
- `peer`: pytorch-metric-learning's semi-hard `TripletMarginMiner` and `TripletMarginLoss`; up to
  B = 1024.

With these, ratios to the better of the two dense forms, and how many times faster than the others.
Then memory, of fresh processes: what one batch adds to the peak of a process that did a small one.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence

# PyTorch's idle threads would otherwise keep spinning and slow down what runs after them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import tensorflow as tf
from measure import in_fresh_process, interleaved_seconds, peak_mib, report

from keras_siamese.losses import TripletLoss

DIM, ITEMS, MARGIN = 128, 4, 0.2


def main(argv: Sequence[str] | None = None) -> None:
    """Measures speed in this process and memory in fresh ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[64, 128, 256, 512, 1024, 2048, 4096]
    )
    parser.add_argument("--memory", type=int, nargs="*", default=[4096, 16384, 32768])
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each batch size")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        measure_memory(args.one)
        return
    for size in args.sizes:
        measure_speed(size, args.seconds)
    for size in args.memory:
        report(**in_fresh_process(__file__, "--one", str(size)))


def measure_speed(size: int, seconds: float) -> None:
    """Prints the times for one batch size."""
    rng = np.random.default_rng(size)
    x, labels = make_batch(rng, size)
    order = rng.permutation(size)
    ragged = rng.integers(0, size // ITEMS, size)
    loss = TripletLoss(MARGIN)
    dense = [with_gradient(distance_sum, jit_compile=jit) for jit in (False, True)]
    mined = with_gradient(loss)
    shuffled_labels, shuffled_x = labels[order], x[order]
    functions = {
        "dense_plain": lambda: dense[0](labels, x),
        "dense_jit": lambda: dense[1](labels, x),
        "ours": lambda: mined(labels, x),
        "ours_shuffled": lambda: mined(shuffled_labels, shuffled_x),
        "ours_ragged": lambda: mined(ragged, x),
    }
    if size <= 512:
        tiling = with_gradient(tiled_loss)
        functions["tiling"] = lambda: tiling(labels, x)
    peer = make_peer(x, labels) if size <= 1024 else None
    if peer:
        functions["peer"] = peer
    seconds_of = interleaved_seconds(functions, seconds)
    ours, floor = seconds_of["ours"], min(seconds_of["dense_plain"], seconds_of["dense_jit"])
    ratios = {f"{name}_to_dense": seconds_of[name] / floor for name in functions if "ours" in name}
    for other in ("tiling", "peer"):
        if other in seconds_of:
            ratios[f"times_faster_than_{other}"] = seconds_of[other] / ours
    report(
        benchmark="triplet_loss",
        batch_size=size,
        dim=DIM,
        items_per_class=ITEMS,
        seed=size,
        milliseconds={name: round(1e3 * value, 3) for name, value in seconds_of.items()},
        ratios={name: round(value, 2) for name, value in ratios.items()},
        value=round(mined(labels, x)[0], 6),
        value_of_tiling=round(tiling(labels, x)[0], 6) if size <= 512 else None,
    )


def measure_memory(size: int) -> None:
    """Prints the peak memory and the time of one batch size, beyond that of a small one."""
    rng = np.random.default_rng(size)
    ours = with_gradient(TripletLoss(MARGIN))
    small_x, small_labels = make_batch(rng, 64)
    ours(small_labels, small_x)
    x, labels = make_batch(rng, size)
    before = peak_mib()
    ours(labels, x)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        ours(labels, x)
        times.append(time.perf_counter() - start)
    report(
        benchmark="triplet_loss_memory",
        batch_size=size,
        seconds=round(float(np.median(times)), 3),
        extra_mib=round(peak_mib() - before, 1),
        process_mib=round(peak_mib(), 1),
    )


def make_batch(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Random unit vectors, and the labels of a P x K batch."""
    x = rng.normal(size=(size, DIM)).astype("float32")
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x, np.repeat(np.arange(size // ITEMS), ITEMS)


def with_gradient(
    loss: Callable, jit_compile: bool = False, variables: Sequence[tf.Variable] = ()
) -> Callable:
    """A compiled function of (labels, embeddings) with the gradient, as in a training step."""

    @tf.function(jit_compile=jit_compile, autograph=False)
    def gradient(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        return value, tape.gradient(value, [x, *variables])

    def call(labels, x):
        value, gradients = gradient(tf.constant(labels), tf.constant(x))
        return float(value), gradients[0].numpy()

    return call


def pairwise(x: tf.Tensor) -> tf.Tensor:
    """The dense matrix of Euclidean distances."""
    squares = tf.reduce_sum(x * x, axis=1)
    squared = squares[:, None] + squares[None, :] - 2 * tf.matmul(x, x, transpose_b=True)
    return tf.sqrt(tf.maximum(squared, 1e-12))


def distance_sum(labels: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Floor of a naive design: its value needs the whole matrix, and so does its gradient."""
    return tf.reduce_sum(pairwise(x))


def tiled_loss(labels: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """The semi-hard loss as tensorflow-addons computes it, on a (B * B, B) tiling of the matrix."""
    d, size = pairwise(x), tf.shape(x)[0]
    different = labels[:, None] != labels[None, :]
    tile = tf.tile(d, [size, 1])
    beyond = tf.tile(different, [size, 1]) & (tile > tf.reshape(tf.transpose(d), [-1, 1]))
    weight = tf.cast(beyond, x.dtype)
    exists = tf.transpose(tf.reshape(tf.reduce_sum(weight, 1) > 0, [size, size]))
    largest = tf.reduce_max(tile, 1, keepdims=True)
    nearest = tf.reduce_min((tile - largest) * weight, 1, keepdims=True) + largest
    smallest = tf.reduce_min(d, 1, keepdims=True)
    weight = tf.cast(different, x.dtype)
    farthest = tf.reduce_max((d - smallest) * weight, 1, keepdims=True) + smallest
    d_an = tf.where(exists, tf.transpose(tf.reshape(nearest, [size, size])), farthest)
    positive = tf.cast(~different, x.dtype) - tf.eye(size)
    losses = tf.maximum((d - d_an + MARGIN) * positive, 0)
    return tf.reduce_sum(losses) / tf.reduce_sum(positive)


def make_peer(x: np.ndarray, labels: np.ndarray) -> Callable | None:
    """pytorch-metric-learning's loss on the same batch, or None where it is not installed."""
    try:
        import torch
        from pytorch_metric_learning import losses, miners
    except ImportError:
        return None
    miner = miners.TripletMarginMiner(margin=MARGIN, type_of_triplets="semihard")
    loss = losses.TripletMarginLoss(margin=MARGIN)
    y = torch.tensor(labels)

    def run():
        e = torch.tensor(x, requires_grad=True)
        loss(e, y, miner(e, y)).backward()
        return e.grad.numpy()

    return run


if __name__ == "__main__":
    main()
