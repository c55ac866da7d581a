"""How fast P x K batches come, P = 16, K = 8: from arrays, JPEG files, TFDS records and a stream.

    python benchmarks/sampling.py --fashion-mnist FOLDER --cifar10 FOLDER

FOLDER of CIFAR-10 holds `train/CLASS/0000.jpg` (the unpacked archive); without the folders, random
images of the same sizes stand in. Each case prints one JSON line with samples per second, medians
of alternating runs:

- `ours`: `pk_batches` of the source;
- `bare`: the least that the same source can cost in plain `tf.data`: `tf.gather` of random rows and
  labels, or reading and decoding alone, in file order (the better of one map call for each image
  and one for each batch);
- `peer_0`, `peer_2`: pytorch-metric-learning's `MPerClassSampler` with a `DataLoader` of 0 and of 2
  workers, where PyTorch is installed (arrays: rows of a tensor; files: PIL).

`step` compares training steps of the quickstart's encoder on one batch again and again with steps
on batches that are sampled. `memory` reads an epoch of a memory-mapped array in a fresh process.
"""

import argparse
import contextlib
import functools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from measure import in_fresh_process, interleaved_seconds, report
from train_step import make_siamese, stepper

import keras_siamese as ks

CLASSES_PER_BATCH, EXAMPLES_PER_CLASS = 16, 8
BATCH_SIZE = CLASSES_PER_BATCH * EXAMPLES_PER_CLASS
CASES = ("arrays", "files", "records", "stream", "step", "memory")


def main(argv: Sequence[str] | None = None) -> None:
    """Measures the cases that are asked for."""
    args = parse_arguments(argv)
    if args.anonymous_mib is not None:
        print(anonymous_mib(args.anonymous_mib))
        return
    with tempfile.TemporaryDirectory() as folder:
        for case in args.cases:
            globals()[f"measure_{case}"](args, Path(folder))


def measure_arrays(args: argparse.Namespace, folder: Path) -> None:
    """Rows of an array in memory: Fashion-MNIST, its ten classes cut into a hundred."""
    x, y = load_arrays(args)
    rows, labels = tf.constant(x), tf.constant(y)
    indices = np.random.default_rng(0).integers(0, len(x), (2000, BATCH_SIZE))
    bare = tf.data.Dataset.from_tensor_slices(indices).map(
        lambda places: (tf.gather(rows, places), tf.gather(labels, places)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    compare(
        "arrays",
        args,
        batches_per_turn=1000,
        ours=pk(ks.data.from_arrays(x, y)),
        bare=[bare.repeat().prefetch(tf.data.AUTOTUNE)],
        peers=peers(x, y),
        images=len(x),
    )


def measure_files(args: argparse.Namespace, folder: Path) -> None:
    """A folder of JPEG files."""
    root = jpeg_folder(args, folder)
    source = ks.data.from_image_folder(root)
    paths = np.array(sorted(map(str, root.glob("*/*.jpg"))))
    labels = np.unique([Path(path).parent.name for path in paths], return_inverse=True)[1]
    order = np.random.default_rng(0).permutation(len(paths))
    compare(
        "files",
        args,
        batches_per_turn=100,
        ours=pk(source),
        bare=bare_decoders(tf.data.Dataset.from_tensor_slices(paths[order])),
        peers=peers(paths, labels),
        images=len(paths),
    )


def bare_decoders(paths: tf.data.Dataset) -> list[tf.data.Dataset]:
    """Reading and decoding alone, by a map call for each image and by one for each batch."""

    def decode(path: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_jpeg(tf.io.read_file(path), channels=3)

    def decode_batch(paths: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(decode, paths, fn_output_signature=tf.uint8)

    auto = tf.data.AUTOTUNE
    each = paths.repeat().map(decode, num_parallel_calls=auto).batch(BATCH_SIZE)
    together = paths.repeat().batch(BATCH_SIZE).map(decode_batch, num_parallel_calls=auto)
    return [each.prefetch(auto), together.prefetch(auto)]


def measure_records(args: argparse.Namespace, folder: Path) -> None:
    """The same JPEG files as records of a TFDS data set."""
    root = jpeg_folder(args, folder)
    import tensorflow_datasets as tfds

    with contextlib.redirect_stdout(sys.stderr):  # where TFDS tells of its progress
        ks.data.prepare_image_folder(root, "benchmark_images", data_dir=folder)
    builder = tfds.builder("benchmark_images", data_dir=folder)
    # TFDS keeps small data sets in memory, decoded, if it is not told otherwise.
    options = tfds.ReadConfig(try_autocache=False)
    bare = builder.as_dataset(split="train", as_supervised=True, read_config=options).repeat()
    source = ks.data.from_tfds("benchmark_images", "train", data_dir=folder)
    compare(
        "records",
        args,
        batches_per_turn=100,
        ours=pk(source),
        bare=[bare.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)],
        peers={},
        images=len(source),
    )


def measure_stream(args: argparse.Namespace, folder: Path) -> None:
    """A stream of the array's rows in random order; bare: the same stream, shuffled and batched."""
    x, y = load_arrays(args)
    order = np.random.default_rng(0).permutation(len(x))
    elements = tf.data.Dataset.from_tensor_slices((x[order], y[order]))
    compare(
        "stream",
        args,
        batches_per_turn=200,
        ours=pk(ks.data.from_stream(elements)),
        bare=[elements.repeat().shuffle(4096).batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)],
        peers={},
        images=len(x),
    )


def measure_step(args: argparse.Namespace, folder: Path) -> None:
    """Training steps on sampled batches, and on one batch again and again."""
    batches = pk(ks.data.from_arrays(*load_arrays(args)))
    same_batch = tf.data.Dataset.from_tensors(next(iter(batches))).repeat().prefetch(2)
    times = interleaved_seconds(
        {
            "same_batch": stepper(make_siamese(jit_compile=False), same_batch),
            "sampled": stepper(make_siamese(jit_compile=False), batches),
        },
        args.seconds,
    )
    report(
        benchmark="sampling",
        case="step",
        batch_size=BATCH_SIZE,
        seed=0,
        milliseconds={name: round(1e3 * value, 2) for name, value in times.items()},
        percent_added=round(100 * (times["sampled"] / times["same_batch"] - 1), 1),
    )


def measure_memory(args: argparse.Namespace, folder: Path) -> None:
    """Memory of its own that a process takes, in the course of an epoch."""
    lines = {
        images: in_fresh_process(__file__, "--anonymous-mib", str(images))
        for images in (args.images, args.images * 16)
    }
    report(benchmark="sampling", case="memory", batch_size=BATCH_SIZE, seed=0, epochs=lines)


def anonymous_mib(images: int) -> str:
    """Reads an epoch of a mapped array of `images` rows; returns what it took as JSON."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        x = np.lib.format.open_memmap(file.name, "w+", "float32", (images, 28, 28, 1))
        batches = ks.data.pk_batches(
            x, np.arange(images) % 100, classes_per_batch=16, examples_per_class=8, seed=0
        )
        figures = {"array_mib": round(x.nbytes / 2**20)}
        places = {len(batches) * quarter // 4 - 1: f"{quarter}/4" for quarter in range(1, 5)}
        for number, _ in enumerate(batches):
            if number in places:
                figures[f"mib_after_{places[number]}"] = round(read_anonymous_mib())
    return json.dumps(figures)


def read_anonymous_mib() -> float:
    """Memory of this process that no file backs, in MiB (Linux)."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def compare(
    case: str,
    args: argparse.Namespace,
    *,
    batches_per_turn: int,
    ours: tf.data.Dataset,
    bare: Sequence[tf.data.Dataset],
    peers: dict[str, Callable[[], Iterator[Any]]],
    images: int,
) -> None:
    """Prints the rates of a case, measured in turns."""
    turn = max(1, batches_per_turn * min(images, 60_000) // 60_000)
    iterators = {"ours": iter(ours)} | {f"bare_{i}": iter(each) for i, each in enumerate(bare)}
    turns = dict.fromkeys(iterators, turn)
    for name, make in peers.items():
        iterators[name], turns[name] = make(), max(1, turn // 20)
    times = {
        name: seconds * turn / turns[name]
        for name, seconds in seconds_of_turns(iterators, turns, args.seconds).items()
    }
    best = min(seconds for name, seconds in times.items() if name.startswith("bare"))
    times = {name: t for name, t in times.items() if not name.startswith("bare")} | {"bare": best}
    peer_times = [seconds for name, seconds in times.items() if name.startswith("peer")]
    report(
        benchmark="sampling",
        case=case,
        batch_size=BATCH_SIZE,
        seed=0,
        images=images,
        samples_per_second={name: round(turn * BATCH_SIZE / t) for name, t in times.items()},
        microseconds_per_batch={name: round(1e6 * t / turn, 1) for name, t in times.items()},
        ratios={
            "ours_to_bare": round(best / times["ours"], 2),
            "ours_to_peer": round(min(peer_times) / times["ours"], 1) if peer_times else None,
        },
    )


def seconds_of_turns(
    iterators: dict[str, Iterator[Any]], turns: dict[str, int], seconds: float, least: int = 3
) -> dict[str, float]:
    """Draws from the iterators in turns; gives each one's median time for a turn.

    While others run, an iterator fills its buffers. So each turn begins with as many batches again
    that are not timed: they empty its own buffers, and let the others fill theirs.

    Args:
        iterators: By name; without end.
        turns: Number of batches in a turn.
        seconds: Keep on for so long.
        least: But not less often than this.
    """
    times: dict[str, list[float]] = {name: [] for name in iterators}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < least:
        for name, iterator in iterators.items():
            for _ in range(turns[name]):
                next(iterator)
            start = time.perf_counter()
            for _ in range(turns[name]):
                next(iterator)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def pk(source: Any) -> tf.data.Dataset:
    """Our batches, without end."""
    return ks.data.pk_batches(
        source,
        classes_per_batch=CLASSES_PER_BATCH,
        examples_per_class=EXAMPLES_PER_CLASS,
        seed=0,
    ).repeat()


def peers(items: np.ndarray, labels: np.ndarray) -> dict[str, Callable[[], Iterator[Any]]]:
    """Endless batches of pytorch-metric-learning's sampler: of rows, or of files by their path."""
    try:
        import torch
        from PIL import Image
        from pytorch_metric_learning.samplers import MPerClassSampler
    except ImportError:
        return {}

    class Images(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(items)

        def __getitem__(self, place: int) -> tuple[Any, int]:
            item = items[place]
            if isinstance(item, str):
                item = np.array(Image.open(item))
            return torch.from_numpy(item), int(labels[place])

    sampler = MPerClassSampler(
        labels, EXAMPLES_PER_CLASS, batch_size=BATCH_SIZE, length_before_new_iter=len(items)
    )

    def endless(num_workers: int) -> Iterator[Any]:
        loader = torch.utils.data.DataLoader(
            Images(), BATCH_SIZE, sampler=sampler, num_workers=num_workers
        )
        while True:
            yield from loader

    return {f"peer_{workers}": functools.partial(endless, workers) for workers in (0, 2)}


def load_arrays(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Images, float32, shape `(args.images, 28, 28, 1)`, and labels of a hundred classes."""
    rng = np.random.default_rng(0)
    if args.fashion_mnist is None:
        return rng.random((args.images, 28, 28, 1), dtype="float32"), np.arange(args.images) % 100
    x, y = ks.data.from_idx(args.fashion_mnist, "train").arrays()
    return x[: args.images], 10 * y[: args.images] + np.arange(len(x))[: args.images] % 10


def jpeg_folder(args: argparse.Namespace, folder: Path) -> Path:
    """A folder of a hundred classes of JPEG files, 32 x 32: links to CIFAR-10's, or noise."""
    root = folder / "jpeg"
    if root.exists():
        return root
    files = [] if args.cifar10 is None else sorted(Path(args.cifar10, "train").glob("*/*.jpg"))
    for label in range(100):
        (root / f"{label:02}").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(min(args.images, len(files)) if files else args.images):
        if files:
            place = number * len(files) // args.images if args.images < len(files) else number
            label = 10 * (place * 10 // len(files)) + number % 10
            (root / f"{label:02}" / f"{number:05}.jpg").symlink_to(files[place].resolve())
        else:
            noise = tf.constant(rng.integers(0, 256, (32, 32, 3), np.uint8))
            path = root / f"{number % 100:02}" / f"{number:05}.jpg"
            path.write_bytes(tf.io.encode_jpeg(noise).numpy())
    return root


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--fashion-mnist", help="folder of the IDX files; default: random images")
    parser.add_argument("--cifar10", help="folder of the unpacked archive; default: random images")
    parser.add_argument("--images", type=int, default=50_000, help="images of a case, at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="time for each case")
    parser.add_argument("--anonymous-mib", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
