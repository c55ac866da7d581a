"""Train, and see all of it in TensorBoard: the space, the batches, the retrieval curve, pictures.

    python examples/watch_training.py

Takes about a minute on two cores, on scikit-learn's handwritten digits, or a few with `--idx
FOLDER` of the IDX files of Fashion-MNIST. It prints the command that shows the logs: they can be
looked at while it trains.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_siamese as ks

FASHION = (
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def main(argv: Sequence[str] | None = None) -> keras.callbacks.History:
    """Trains one model for each margin."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--idx", help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--margins", type=float, nargs="+", default=[0.2, 0.8])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=20, help="batches of an epoch")
    parser.add_argument("--points", type=int, default=2_000, help="of each set in the Projector")
    parser.add_argument("--logs", default="runs/watch_training")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    train, gallery, queries, names = load(args)
    command = f"{Path(sys.executable).with_name('tensorboard')} --logdir {args.logs}"
    print(f"See it, at http://localhost:6006, by\n\n    {command}\n")
    batches = ks.data.pk_batches(
        *train,
        classes_per_batch=10,
        examples_per_class=8,
        steps_per_epoch=args.steps,
        seed=args.seed,
    )
    for margin in args.margins:
        keras.utils.set_random_seed(args.seed)
        model = ks.SiameseModel(ks.encoders.convnet(train[0].shape[1:], embedding_dim=32))
        model.compile("adam", ks.losses.TripletLoss(margin))
        logs = Path(args.logs) / f"margin_{margin:g}"
        history = model.fit(
            batches,
            epochs=args.epochs,
            callbacks=[
                # Those that add to the logs stand before those that read them.
                ks.callbacks.TrainingDiagnostics(logs),
                ks.callbacks.RetrievalEvaluation(queries, gallery, log_dir=logs),
                keras.callbacks.EarlyStopping(
                    "retrieval_map_at_r", mode="max", patience=5, restore_best_weights=True
                ),
                ks.callbacks.EmbeddingPictures(logs, queries, class_names=names),
                ks.callbacks.EmbeddingProjector(
                    logs,
                    {"gallery": gallery, "queries": queries},
                    every_n_epochs=5,
                    class_names=names,
                    max_points=2 * args.points,
                ),
                ks.callbacks.HyperParameters(logs),
            ],
        )
    return history


def load(args: argparse.Namespace) -> tuple:
    """Returns the items and labels of training, gallery and queries, and names of the classes."""
    if args.idx:
        train = ks.data.from_idx(args.idx, "train").arrays()
        x, y = ks.data.from_idx(args.idx, "test").arrays()
        names = FASHION
    else:
        images, y = load_digits(return_X_y=True)
        images = (images.reshape(-1, 8, 8, 1) / 16).astype("float32")
        x_train, x, y_train, y = train_test_split(
            images, y, test_size=0.5, stratify=y, random_state=args.seed
        )
        train, names = (x_train, y_train), None
    x, x_query, y, y_query = train_test_split(
        x, y, test_size=0.5, stratify=y, random_state=args.seed
    )
    return train, (x, y), (x_query, y_query), names


if __name__ == "__main__":
    main()
