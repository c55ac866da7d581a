"""What each callback costs an epoch, on Fashion-MNIST's 10,000 test images.

    python benchmarks/callbacks.py --data FOLDER    # of the four IDX files

The quickstart's encoder and loss, B = 128 (P = 8, K = 16), 100 steps an epoch. Each callback works
at the end of each epoch, as no user needs it to. In turn, a training without callbacks and one with
each of them, again and again; of each training the first epoch, which compiles, does not count. One
JSON line a callback:

- `end_seconds`: median of what it takes at the end of an epoch;
- `bare_epoch_seconds`: median of an epoch without it;
- `mib_per_epoch`: what it writes.

What TrainingDiagnostics adds to the steps is less than what epochs differ by. It has a line of its
own, of medians of alternating steps on one batch: `bare`; `probe_off` and `probe_on`, in steps that
are not looked at and that are; and `look`, to read it. `percent` is how much longer an epoch of 100
steps takes with it, four of them looked at, and its end.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf
from measure import interleaved_seconds, report
from train_step import stepper

import keras_siamese as ks
from keras_siamese.probe import BatchProbe

CLASSES_PER_BATCH, EXAMPLES_PER_CLASS = 8, 16
PLAIN, DIAGNOSTICS = "none", "TrainingDiagnostics"


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
    parser.add_argument("--seconds", type=float, default=30.0, help="time for single steps")
    parser.add_argument("--callbacks", nargs="*", help="names of callbacks (default: all)")
    args = parser.parse_args(argv)

    train, test = (ks.data.from_idx(args.data, split) for split in ("train", "test"))
    points = test.subset(range(min(args.points, len(test)))).arrays()
    batches = ks.data.pk_batches(
        *train.arrays(),
        classes_per_batch=CLASSES_PER_BATCH,
        examples_per_class=EXAMPLES_PER_CLASS,
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
    ends = {}
    for name in callbacks:
        if name != PLAIN:
            ends[name] = summarize(name, watches[name], watches[PLAIN], mib[name], len(points[1]))
    if DIAGNOSTICS in ends:
        measure_steps(batches, ends[DIAGNOSTICS], args.seconds)


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
        DIAGNOSTICS: lambda logs: [c.TrainingDiagnostics(logs)],
        "RetrievalEvaluation": lambda logs: [c.RetrievalEvaluation(points, log_dir=logs, **every)],
        "EmbeddingPictures": lambda logs: [c.EmbeddingPictures(logs, points, **every)],
        "HyperParameters": lambda logs: [c.HyperParameters(logs)],
    }


def train_with(callbacks: list, batches: object, epochs: int) -> Stopwatch:
    """Trains a new model with the callbacks."""
    model = make_model()
    watch = Stopwatch()
    callbacks = [watch.before, *callbacks, watch.after]
    model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks)
    return watch


def make_model() -> ks.SiameseModel:
    """The quickstart's model."""
    keras.utils.set_random_seed(0)
    model = ks.SiameseModel(ks.encoders.convnet((28, 28, 1), embedding_dim=64))
    model.compile("adam", ks.losses.TripletLoss(0.8))
    return model


def measure_steps(batches: tf.data.Dataset, end_seconds: float, seconds: float) -> None:
    """Prints what the probe of TrainingDiagnostics adds to a step."""
    same_batch = tf.data.Dataset.from_tensors(next(iter(batches))).repeat().prefetch(2)
    models = {name: make_model() for name in ("bare", "probe_off", "probe_on")}
    for name in ("probe_off", "probe_on"):
        models[name].probe = BatchProbe()
        models[name].probe.turn(name == "probe_on")
    functions = {name: stepper(model, same_batch) for name, model in models.items()}
    times = interleaved_seconds({**functions, "look": models["probe_on"].probe.read}, seconds)
    added = 100 * (times["probe_off"] - times["bare"]) + end_seconds
    added += 4 * (times["probe_on"] - times["probe_off"] + times["look"])
    report(
        benchmark="steps_of_diagnostics",
        seed=0,
        milliseconds={name: round(1e3 * value, 3) for name, value in times.items()},
        percent=round(added / times["bare"], 2),  # of 100 steps
    )


def summarize(
    name: str, watches: list[Stopwatch], bare: list[Stopwatch], mib: float, num_points: int
) -> float:
    """Prints the medians of one callback, and returns the seconds that it takes."""
    bare_steps = [x for watch in bare for x in watch.steps[1:]]
    end = statistics.median(x for watch in watches for x in watch.ends[1:])
    report(
        benchmark="callbacks",
        callback=name,
        num_points=num_points,
        seed=0,
        end_seconds=round(end, 4),
        bare_epoch_seconds=round(statistics.median(bare_steps), 3),
        mib_per_epoch=round(mib, 4),
    )
    return end


if __name__ == "__main__":
    main()
