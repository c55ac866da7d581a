"""What each callback costs an epoch, on Fashion-MNIST's 10,000 test images.

    python benchmarks/callbacks.py --data FOLDER    # of the four IDX files

The quickstart's encoder and loss, B = 128 (P = 8, K = 16), 100 steps an epoch. Each callback works
at the end of each epoch, as no user needs it to. In turn, a training without callbacks and one with
each of them, again and again; of each training the first epoch, which compiles, does not count. One
JSON line a callback:

- `end_seconds`: median of what it takes at the end of an epoch;
- `epoch_seconds`, `bare_epoch_seconds`: medians of whole epochs with it and without;
- `percent_of_steps`: what it adds to the steps themselves: median over the rounds of the ratio of
  their times, less one;
- `mib_per_epoch`: what it writes.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
from measure import report

import keras_siamese as ks

PLAIN = "none"


class Stopwatch:
    """Times the steps of epochs, and what stands between its two callbacks at their ends.

    Attributes:
        before: To be put before the callback that is timed.
        after: To be put behind it.
        steps: Seconds of the steps of each epoch.
        ends: Seconds of the callback at the end of each epoch.
    """

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.ends: list[float] = []
        self._start = 0.0
        self.before = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self._mark(),
            on_epoch_end=lambda epoch, logs: self.steps.append(self._mark()),
        )
        self.after = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: self.ends.append(self._mark())
        )

    def _mark(self) -> float:
        start, self._start = self._start, time.perf_counter()
        return self._start - start


def main(argv: Sequence[str] | None = None) -> None:
    """Measures all callbacks, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=100, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=4, help="of a training")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--callbacks", nargs="*", help="names of callbacks (default: all)")
    args = parser.parse_args(argv)

    train, test = (ks.data.from_idx(args.data, split) for split in ("train", "test"))
    points = test.subset(range(min(args.points, len(test)))).arrays()
    batches = ks.data.pk_batches(
        *train.arrays(),
        classes_per_batch=8,
        examples_per_class=16,
        steps_per_epoch=args.steps,
        seed=0,
    )
    callbacks = {
        name: make
        for name, make in makers(points, args.points).items()
        if name == PLAIN or not args.callbacks or name in args.callbacks
    }
    watches: dict[str, list[Stopwatch]] = {name: [] for name in callbacks}
    mib = {}
    for _ in range(args.rounds):
        for name, make in callbacks.items():
            with tempfile.TemporaryDirectory() as directory:
                watches[name].append(train_with(make(directory), batches, args.epochs))
                files = [path for path in Path(directory).rglob("*") if path.is_file()]
                mib[name] = sum(file.stat().st_size for file in files) / 2**20 / args.epochs
    for name in callbacks:
        if name != PLAIN:
            summarize(name, watches[name], watches[PLAIN], mib[name], len(points[1]))


def makers(
    points: tuple, max_points: int
) -> dict[str, Callable[[str], list[keras.callbacks.Callback]]]:
    """Functions of a log directory that make the callbacks."""
    c = ks.callbacks
    every = {"every_n_epochs": 1}
    return {
        PLAIN: lambda logs: [],
        "EmbeddingProjector": lambda logs: [
            c.EmbeddingProjector(logs, points, max_points=max_points, **every)
        ],
        "EmbeddingProjector, nothing computed": lambda logs: [
            c.EmbeddingProjector(logs, points, max_points=max_points, computed=(), **every)
        ],
        "TrainingDiagnostics": lambda logs: [c.TrainingDiagnostics(logs)],
        "RetrievalEvaluation": lambda logs: [c.RetrievalEvaluation(points, log_dir=logs, **every)],
        "EmbeddingPictures": lambda logs: [c.EmbeddingPictures(logs, points, **every)],
        "HyperParameters": lambda logs: [c.HyperParameters(logs)],
    }


def train_with(callbacks: list, batches: object, epochs: int) -> Stopwatch:
    """Trains a new model with the callbacks."""
    keras.utils.set_random_seed(0)
    model = ks.SiameseModel(ks.encoders.convnet((28, 28, 1), embedding_dim=64))
    model.compile("adam", ks.losses.TripletLoss(0.8))
    watch = Stopwatch()
    callbacks = [watch.before, *callbacks, watch.after]
    model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks)
    return watch


def summarize(
    name: str, watches: list[Stopwatch], bare: list[Stopwatch], mib: float, num_points: int
) -> None:
    """Prints the medians of one callback."""
    ratios = [
        statistics.median(watch.steps[1:]) / statistics.median(without.steps[1:])
        for watch, without in zip(watches, bare, strict=True)
    ]
    steps = [x for watch in watches for x in watch.steps[1:]]
    bare_steps = [x for watch in bare for x in watch.steps[1:]]
    end = statistics.median(x for watch in watches for x in watch.ends[1:])
    report(
        benchmark="callbacks",
        callback=name,
        num_points=num_points,
        seed=0,
        end_seconds=round(end, 4),
        epoch_seconds=round(statistics.median(steps) + end, 3),
        bare_epoch_seconds=round(statistics.median(bare_steps), 3),
        percent_of_steps=round(100 * (statistics.median(ratios) - 1), 2),
        mib_per_epoch=round(mib, 4),
    )


if __name__ == "__main__":
    main()
