"""Train a Siamese network by online semi-hard mining, and see its embeddings fall into clusters.

    python examples/quickstart.py

Takes a minute on two cores, and needs no network: the images are scikit-learn's handwritten
digits. It trains, compares the trained encoder with the untrained one and with raw pixels on images
that training never saw, draws the three spaces, saves the model, loads it again and queries it, and
writes what TensorBoard's Projector shows. Other images:

    python examples/quickstart.py --dataset mnist --download    # any of TensorFlow Datasets
    python examples/quickstart.py --idx FOLDER                  # the IDX files of Fashion-MNIST
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

import keras_siamese as ks


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Runs the example and returns the figures of its table."""
    args = parse_arguments(argv)
    keras.utils.set_random_seed(args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    # Images for training, for choosing when to stop, and for the figures at the end.
    x, y = load_images(args)
    part = min(len(y) // 5, 2000)
    x, x_test, y, y_test = train_test_split(
        x, y, test_size=part, stratify=y, random_state=args.seed
    )
    x, x_val, y, y_val = train_test_split(x, y, test_size=part, stratify=y, random_state=args.seed)

    encoder = ks.encoders.convnet(x.shape[1:], embedding_dim=64)
    model = ks.SiameseModel(encoder)
    model.compile(
        optimizer="adam",
        loss=ks.losses.TripletLoss(margin=0.8, miner=ks.miners.SemiHardMiner()),
        metrics=[
            ks.metrics.RecallAtK(1),
            ks.metrics.RecallAtK(5),
            ks.metrics.MAPAtR(),
            ks.metrics.PairAUC(),
            ks.metrics.DistanceRatio(),
        ],
    )
    spaces = {"raw pixels": x_test, "untrained encoder": model.predict(x_test, verbose=0)}

    batches = ks.data.pk_batches(
        x,
        y,
        classes_per_batch=min(10, len(np.unique(y))),
        examples_per_class=8,
        steps_per_epoch=args.steps,
        seed=args.seed,
    )
    model.fit(
        batches,
        epochs=args.epochs,
        validation_data=(x_val, y_val),
        callbacks=[
            keras.callbacks.EarlyStopping("val_map_at_r", patience=5, restore_best_weights=True),
            ks.callbacks.EmbeddingProjector(out / "logs", (x_test, y_test), every_n_epochs=5),
        ],
    )
    spaces["trained encoder"] = model.predict(x_test, verbose=0)

    # Exact: each unseen image against all other unseen images.
    figures = {
        name: ks.evaluation.evaluate_embeddings(space, y_test) for name, space in spaces.items()
    }
    print(f"\n{len(y_test)} images that training never saw:\n")
    print(ks.evaluation.format_table(figures))
    title = "Images that training never saw, by t-SNE"
    picture = ks.evaluation.plot_embeddings(spaces, y_test, title=title, seed=args.seed)
    picture.savefig(out / "embeddings.png")

    # What is shipped: one file, and the embeddings of known images to search in.
    model.save(out / "model.keras")
    query(out / "model.keras", x, y, x_test[:5], y_test[:5])
    print(f"\nThe model, the picture embeddings.png and the logs are in {out}.")
    print("See the embedding space turn in 3D, at http://localhost:6006/#projector, by\n")
    print(f"    {Path(sys.executable).with_name('tensorboard')} --logdir {out / 'logs'}")
    return figures


def query(path: Path, x: np.ndarray, y: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> None:
    """Loads the saved model and prints the five known images nearest to each query."""
    model = keras.saving.load_model(path)
    known = NearestNeighbors(n_neighbors=5).fit(model.predict(x, verbose=0))
    distances, places = known.kneighbors(model.predict(queries, verbose=0))
    print("\nLoaded again: an unseen image's label, then labels (and distances) of the nearest:\n")
    for label, nearest, distance in zip(truth, y[places], distances, strict=True):
        row = (f"{one} ({far:.2f})" for one, far in zip(nearest, distance, strict=True))
        print(f"    {label}:  {'  '.join(row)}")


def load_images(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Returns images in [0, 1], shape `(num_images, height, width, channels)`, and labels."""
    if args.idx:
        return ks.data.from_idx(args.idx, "train").arrays()
    if args.dataset:
        size = None if args.size is None else (args.size, args.size)
        source = ks.data.from_tfds(args.dataset, "train", size=size, download=args.download)
        return source.arrays()
    digits = load_digits()
    return (digits.images[..., None] / 16).astype("float32"), digits.target


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--dataset", help="a name of TensorFlow Datasets, with image and label")
    source.add_argument("--idx", help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--download", action="store_true", help="fetch the --dataset if need be")
    parser.add_argument("--size", type=int, help="side that images of the --dataset are brought to")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20, help="batches of an epoch")
    parser.add_argument("--out", default="runs/quickstart", help="folder for all that is written")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
