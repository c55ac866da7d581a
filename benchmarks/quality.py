"""Eight losses, tuned alike, on Omniglot and Fashion-MNIST.

    python benchmarks/quality.py --omniglot FOLDER --fashion-mnist FOLDER

Takes about half an hour on two cores. The folders are those of `examples/omniglot.py` (the two
minimal sets) and `examples/fashion_mnist.py` (the IDX files); a set without a folder is left out.

The same convnet is trained by each loss for the same number of steps, B = 128, Adam. Each loss gets
three trials, one for each value of its main argument; the best MAP@R on a validation part of the
training data (an alphabet; images) chooses. The choice is trained with three further seeds, and
tested: on alphabets of `small2` that are not in `small1`; on Fashion-MNIST's test images.

Each training is one JSON line in `--out`: an interrupted run goes on where it stopped.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parent.parent / "examples"))

import keras
import numpy as np
from omniglot import VALIDATION, as_ink, load_drawings, turned_and_mirrored
from sklearn.model_selection import train_test_split

import keras_siamese as ks
from keras_siamese import losses

FIGURES = ("recall_at_1", "map_at_r", "pair_auc")
TUNING_SEED = 0


class Tuned(NamedTuple):
    """A loss: how it is made, of one argument and the number of classes, and what is tried."""

    make: Callable[[float, int], losses.MetricLoss]
    argument: str
    values: tuple[float, ...]


LOSSES = {
    "TripletLoss": Tuned(
        lambda margin, _: losses.TripletLoss(margin),
        "margin",
        (0.1, 0.2, 0.4),
    ),
    "ContrastiveLoss": Tuned(
        lambda margin, _: losses.ContrastiveLoss(margin, reduction="balanced"),
        "margin",
        (0.5, 0.8, 1.2),
    ),
    "MultiSimilarityLoss": Tuned(
        lambda base, _: losses.MultiSimilarityLoss(base=base),
        "base",
        (0.3, 0.5, 0.7),
    ),
    "CircleLoss": Tuned(
        lambda gamma, _: losses.CircleLoss(gamma=gamma),
        "gamma",
        (32.0, 80.0, 256.0),
    ),
    "NTXentLoss": Tuned(
        lambda temperature, _: losses.NTXentLoss(temperature=temperature),
        "temperature",
        (0.05, 0.1, 0.3),
    ),
    "SupConLoss": Tuned(
        lambda temperature, _: losses.SupConLoss(temperature=temperature),
        "temperature",
        (0.05, 0.1, 0.3),
    ),
    "ProxyAnchorLoss": Tuned(
        lambda multiplier, num_classes: losses.ProxyAnchorLoss(
            num_classes, learning_rate_multiplier=multiplier
        ),
        "learning_rate_multiplier",
        (10.0, 100.0, 1000.0),
    ),
    "ArcFaceLoss": Tuned(
        lambda multiplier, num_classes: losses.ArcFaceLoss(
            num_classes, learning_rate_multiplier=multiplier
        ),
        "learning_rate_multiplier",
        (10.0, 100.0, 1000.0),
    ),
}


class Task(NamedTuple):
    """Labelled images for training, for the choice of the argument, and for the test."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes_per_batch: int
    examples_per_class: int
    warp: bool = False


class Records:
    """The results so far, each a line of a file.

    Args:
        path: The file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, dict[str, float]] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                self._results[json.dumps(record["key"])] = record["result"]

    def get(self, key: dict[str, Any], make: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Returns the result that is there, or makes and keeps it."""
        name = json.dumps(key)
        if name not in self._results:
            self._results[name] = make()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps({"key": key, "result": self._results[name]}) + "\n")
        return self._results[name]


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what `--out` does not hold yet, and prints the tables."""
    args = parse_arguments(argv)
    records = Records(Path(args.out))
    for name, load in find_tasks(args).items():
        task = load()
        rows = {"raw pixels": [evaluate(*task.test)]}
        seeds = range(TUNING_SEED + 1, TUNING_SEED + 1 + args.seeds)
        rows["untrained encoder"] = [
            evaluate(make_encoder(task, seed).predict(task.test[0], verbose=0), task.test[1])
            for seed in seeds
        ]
        for loss in args.losses:
            best, results = tune(name, task, loss, seeds, args.steps, records)
            rows[f"{loss}, {LOSSES[loss].argument} {best:g}"] = results
        print(f"\n{name}, {args.steps} steps, {args.seeds} seeds:\n\n{make_table(rows)}")


def tune(
    name: str, task: Task, loss: str, seeds: Iterable[int], steps: int, records: Records
) -> tuple[float, list[dict[str, float]]]:
    """Chooses the argument of a loss, and gives the figures on the test set for each seed."""

    def run(part: str, value: float, seed: int) -> dict[str, float]:
        key = {"task": name, "loss": loss, "value": value, "steps": steps, "seed": seed}
        return records.get(
            {**key, "part": part}, lambda: train(task, loss, value, steps, seed, part)
        )

    trials = {value: run("validation", value, TUNING_SEED) for value in LOSSES[loss].values}
    best = max(trials, key=lambda value: trials[value]["map_at_r"])
    return best, [run("test", best, seed) for seed in seeds]


def train(
    task: Task, loss: str, value: float, steps: int, seed: int, part: str
) -> dict[str, float]:
    """Trains by a loss, and returns the figures of a part of the data, `"validation"` or `"test"`.

    With them, `seconds_per_step`.
    """
    model = ks.SiameseModel(make_encoder(task, seed))
    num_classes = len(np.unique(task.train[1]))
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(keras.optimizers.Adam(schedule), LOSSES[loss].make(value, num_classes))
    batches = ks.data.pk_batches(
        *task.train,
        classes_per_batch=task.classes_per_batch,
        examples_per_class=task.examples_per_class,
        steps_per_epoch=steps,
        seed=seed,
    )
    if task.warp:
        batches = ks.data.augment(batches, ks.data.RandomWarp(seed=seed))
    start = time.perf_counter()
    model.fit(batches, verbose=0)
    seconds = time.perf_counter() - start
    x, y = getattr(task, part)
    return {**evaluate(model.predict(x, verbose=0), y), "seconds_per_step": seconds / steps}


def evaluate(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The figures of a set, each item against all others."""
    metrics = [ks.metrics.RecallAtK(1), ks.metrics.MAPAtR(), ks.metrics.PairAUC()]
    return ks.evaluation.evaluate_embeddings(embeddings, labels, metrics=metrics)


def make_encoder(task: Task, seed: int) -> keras.Model:
    """The convnet; the seed also draws all that follows."""
    keras.utils.set_random_seed(seed)
    return ks.encoders.convnet(task.train[0].shape[1:], embedding_dim=64)


def find_tasks(args: argparse.Namespace) -> dict[str, Callable[[], Task]]:
    """The tasks that have data, each by a function that loads it."""
    if args.toy:
        return {"toy": make_toy}
    tasks: dict[str, Callable[[], Task]] = {}
    if args.omniglot:
        tasks["Omniglot"] = lambda: load_omniglot(args.omniglot, Path(args.out).parent)
    if args.fashion_mnist:
        tasks["Fashion-MNIST"] = lambda: load_fashion_mnist(args.fashion_mnist)
    return tasks


def load_omniglot(folder: str, out: Path) -> Task:
    """Characters of `small1`, turned and mirrored too; tested on other alphabets."""
    args = argparse.Namespace(data=folder, out=out)
    known, other = (load_drawings(args, name) for name in ("small1", "small2"))
    is_validation = known.groups == VALIDATION["small1"]
    train, validation = known.subset(~is_validation), known.subset(is_validation)
    test = other.subset(~np.isin(other.groups, known.groups))
    parts = [turned_and_mirrored(*as_ink(train), train.groups).arrays()]
    parts += [as_ink(part) for part in (validation, test)]
    return Task(*map(with_ids, parts), classes_per_batch=32, examples_per_class=4, warp=True)


def load_fashion_mnist(folder: str) -> Task:
    """All ten classes; 5,000 of the training images are the validation part."""
    x, y = ks.data.from_idx(folder, "train").arrays()
    x, x_val, y, y_val = train_test_split(x, y, test_size=5000, stratify=y, random_state=0)
    parts = ((x, y), (x_val, y_val), ks.data.from_idx(folder, "test").arrays())
    return Task(*parts, classes_per_batch=8, examples_per_class=16)


def make_toy() -> Task:
    """Noisy pictures of a few classes."""
    rng = np.random.default_rng(0)
    patterns = rng.random((4, 12, 12, 1), "float32")
    labels = np.repeat(np.arange(4), 6)
    parts = [
        (patterns[labels] + rng.normal(0, 0.5, (24, 12, 12, 1)).astype("float32"), labels)
        for _ in range(3)
    ]
    return Task(*parts, classes_per_batch=4, examples_per_class=2)


def with_ids(part: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Images with class ids from 0."""
    return part[0], np.unique(part[1], return_inverse=True)[1]


def make_table(rows: dict[str, Iterable[dict[str, float]]]) -> str:
    """Means and standard deviations over the seeds, as a Markdown table."""
    lines = [["", *FIGURES], ["---", *["--:"] * len(FIGURES)]]
    for title, results in rows.items():
        columns = [[result[figure] for result in results] for figure in FIGURES]
        lines.append([title, *map(mean_and_spread, columns)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mean_and_spread(values: Sequence[float]) -> str:
    """`0.877 ± 0.003`: the mean and the standard deviation of single trainings."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--omniglot", metavar="FOLDER", help="folder of the zip files")
    parser.add_argument("--fashion-mnist", metavar="FOLDER", help="folder of the IDX files")
    parser.add_argument("--toy", action="store_true", help="small synthetic images instead")
    parser.add_argument("--losses", nargs="*", choices=list(LOSSES), default=list(LOSSES))
    parser.add_argument("--steps", type=int, default=150, help="batches of a training")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of the chosen argument")
    parser.add_argument("--out", default="runs/quality.jsonl", help="file of the results")
    args = parser.parse_args(argv)
    if not (args.toy or args.omniglot or args.fashion_mnist):
        parser.error("name the data: --omniglot FOLDER, --fashion-mnist FOLDER, or --toy")
    return args


if __name__ == "__main__":
    main()
