"""What a Siamese network learns of classes that it saw, and of classes that it did not.

    python examples/fashion_mnist.py --data FOLDER

Takes about three minutes on two cores. FOLDER holds the four IDX files of Fashion-MNIST (on Debian:
`apt install dataset-fashion-mnist`); without `--data`, they come from TensorFlow Datasets
(`--download` fetches them).

First, all ten classes are trained on, and the test images are new. Then six classes are trained on,
and the test images are of the other four. A handful of classes teaches little about others: compare
with `omniglot.py`, which trains on a hundred.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from sklearn.model_selection import train_test_split

import keras_siamese as ks

CLASS_NAMES = (
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, dict[str, float]]]:
    """Runs the example and returns the figures of both tables."""
    args = parse_arguments(argv)
    keras.utils.set_random_seed(args.seed)
    (x, y), (x_test, y_test) = (load_images(args, part) for part in ("train", "test"))

    figures = {}
    title = "Ten classes seen, images unseen"
    figures["seen classes"] = compare(title, x, y, x_test, y_test, args)

    classes = np.random.default_rng(args.seed).permutation(10)
    seen, unseen = classes[:6], classes[6:]
    names = [", ".join(CLASS_NAMES[label] for label in sorted(part)) for part in (seen, unseen)]
    title = f"Trained on {names[0]}; tested on {names[1]}"
    in_train, in_test = np.isin(y, seen), np.isin(y_test, unseen)
    figures["unseen classes"] = compare(
        title, x[in_train], y[in_train], x_test[in_test], y_test[in_test], args
    )
    print("\n" + verdict(figures["unseen classes"]))
    return figures


def compare(
    title: str,
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    args: argparse.Namespace,
) -> dict[str, dict[str, float]]:
    """Trains on `x`, prints the table of figures on `x_test`, draws the spaces."""
    # The epoch is chosen on images of the training classes, never on the test images.
    x, x_val, y, y_val = train_test_split(x, y, test_size=2000, stratify=y, random_state=args.seed)
    model = ks.SiameseModel(ks.encoders.convnet(x.shape[1:], embedding_dim=64))
    model.compile(
        optimizer="adam",
        loss=ks.losses.TripletLoss(margin=0.2, miner=ks.miners.SemiHardMiner()),
        metrics=[ks.metrics.RecallAtK(1), ks.metrics.MAPAtR()],
    )
    spaces = {
        "raw pixels": x_test,
        "centred raw pixels": centred(x_test, x.mean(axis=0)),
        "untrained encoder": model.predict(x_test, verbose=0),
    }
    batches = ks.data.pk_batches(
        x,
        y,
        classes_per_batch=len(np.unique(y)),
        examples_per_class=96 // len(np.unique(y)),
        steps_per_epoch=args.steps,
        seed=args.seed,
    )
    stop = keras.callbacks.EarlyStopping("val_map_at_r", patience=3, restore_best_weights=True)
    print(f"\n{title}:\n")
    model.fit(batches, epochs=args.epochs, validation_data=(x_val, y_val), callbacks=[stop])
    spaces["trained encoder"] = model.predict(x_test, verbose=0)

    figures = {
        name: ks.evaluation.evaluate_embeddings(space, y_test) for name, space in spaces.items()
    }
    print("\n" + ks.evaluation.format_table(figures))
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    picture = ks.evaluation.plot_embeddings(
        spaces, y_test, class_names=CLASS_NAMES, title=title, max_points=args.points
    )
    picture.savefig(out / f"{len(np.unique(y))}_classes_seen.png")
    print(f"\nPicture: {out / f'{len(np.unique(y))}_classes_seen.png'}")
    return figures


def centred(images: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Returns images less the mean image, at norm 1: their Euclidean distances are cosine ones."""
    flat = (images - mean).reshape(len(images), -1)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def verdict(figures: dict[str, dict[str, float]]) -> str:
    """Returns a sentence on what training is worth on unseen classes."""
    trained = figures["trained encoder"]
    others = {name: row for name, row in figures.items() if name != "trained encoder"}
    best = {figure: max(row[figure] for row in others.values()) for figure in trained}
    no_better = [figure for figure in trained if trained[figure] <= best[figure]]
    if not no_better:
        return "On the unseen classes, the trained encoder is the best by every figure."
    return (
        "On the unseen classes, the trained encoder is no better than what was not trained by "
        f"{', '.join(no_better)}: six classes are too few to learn what makes any two images alike."
    )


def load_images(args: argparse.Namespace, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels of a part, `"train"` or `"test"`."""
    if args.data is None:
        return ks.data.from_tfds("fashion_mnist", part, download=args.download).arrays()
    return ks.data.from_idx(args.data, part).arrays()


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the IDX files; default: TensorFlow Datasets")
    parser.add_argument("--download", action="store_true", help="let TensorFlow Datasets fetch it")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--steps", type=int, default=100, help="batches of an epoch")
    parser.add_argument("--points", type=int, default=1000, help="images in the pictures")
    parser.add_argument("--out", default="runs/fashion_mnist", help="folder for the pictures")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
