"""Recognise characters of alphabets that training never saw, from one example of each.

    python examples/omniglot.py --data FOLDER

Takes about four minutes on two cores. FOLDER holds `images_background_small1.zip` and
`images_background_small2.zip` of https://github.com/brendenlake/omniglot; without `--data`, they
come from TensorFlow Datasets (`--download` fetches them).

Trains on the alphabets of one set but one, which says when to stop, and tests on the alphabets of
the other set that are not in the first. The settings were chosen on held-out alphabets of small1.
There, turned and mirrored drawings as classes of their own helped. Whether drawings are augmented,
and how many alphabets share a batch, made no more difference than the seed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from unpack import unpacked

import keras_siamese as ks

SIZE = 28
# The alphabet of each set that says when to stop.
VALIDATION = {"small1": "Early_Aramaic", "small2": "Tagalog"}


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Runs the example and returns the figures of its table."""
    args = parse_arguments(argv)
    keras.utils.set_random_seed(args.seed)
    out = Path(args.out)

    # Characters are classes, alphabets their super-classes: no alphabet is on two sides.
    known = load_drawings(args, args.train)
    other = load_drawings(args, "small2" if args.train == "small1" else "small1")
    is_val = known.groups == VALIDATION[args.train]
    train, val = known.subset(~is_val), known.subset(is_val)
    test = other.subset(~np.isin(other.groups, known.groups))
    for role, drawings in {"Train": train, "Choose the epoch": val, "Test": test}.items():
        alphabets = ", ".join(np.unique(drawings.groups))
        print(f"{role} on {len(np.unique(drawings.labels))} characters of {alphabets}.")
    ks.data.find_leaks(train=train, val=val, test=test).check()

    (x_train, y_train), (x_val, y_val), (x_test, y_test) = map(as_ink, (train, val, test))
    encoder = ks.encoders.convnet((SIZE, SIZE, 1), embedding_dim=256)
    model = ks.SiameseModel(encoder)
    num_steps = args.epochs * args.steps
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, num_steps)),
        loss=ks.losses.TripletLoss(margin=0.2, miner=ks.miners.SemiHardMiner()),
        metrics=[ks.metrics.RecallAtK(1), ks.metrics.MAPAtR()],
    )
    spaces = {"raw pixels": x_test, "untrained encoder": model.predict(x_test, verbose=0)}

    batches = ks.data.pk_batches(
        turned_and_mirrored(x_train, y_train, train.groups),
        classes_per_batch=32,
        examples_per_class=4,
        super_classes_per_batch=args.alphabets,
        steps_per_epoch=args.steps,
        seed=args.seed,
    )
    model.fit(
        ks.data.augment(batches, ks.data.grey_augmentation(), seed=args.seed),
        epochs=args.epochs,
        validation_data=(x_val, y_val),
        callbacks=[
            keras.callbacks.EarlyStopping("val_map_at_r", patience=6, restore_best_weights=True),
            ks.callbacks.EmbeddingProjector(
                out / "logs", (x_test, test.labels), metadata={"alphabet": test.groups}
            ),
        ],
    )
    model.save(out / "model.keras")
    spaces["trained encoder"] = model.predict(x_test, verbose=0)

    figures = {
        name: ks.evaluation.evaluate_embeddings(space, y_test) for name, space in spaces.items()
    }
    print(f"\n{len(y_test)} drawings of alphabets that training never saw:\n")
    print(ks.evaluation.format_table(figures))
    print("\nError at 20-way one-shot recognition within an alphabet (mean of 1000 episodes):\n")
    for name, space in spaces.items():
        result = ks.evaluation.few_shot_accuracy(
            space.reshape(len(space), -1), test.labels, groups=test.groups, seed=args.seed
        )
        figures[name] = {**figures[name], "one_shot_error": result.error}
        print(f"    {name}: {result.error:.1%} ± {result.interval:.1%}")
    if result.left_out_groups:
        print(f"    (without {', '.join(result.left_out_groups)}: fewer than 20 characters)")
    print(f"\nThe model and the logs are in {out}. See the unseen alphabets, coloured, by\n")
    print(f"    {Path(sys.executable).with_name('tensorboard')} --logdir {out / 'logs'}")
    return figures


def load_drawings(args: argparse.Namespace, name: str) -> ks.data.Source:
    """Returns the drawings of a set, `"small1"` or `"small2"`: black ink on white paper."""
    image_options = {"size": (SIZE, SIZE), "color_mode": "grayscale"}
    if args.data is None:
        return ks.data.from_tfds(
            "omniglot",
            name,
            x="image",
            label="label",
            group="alphabet",
            download=args.download,
            **image_options,
        )
    archive = Path(args.data) / f"images_background_{name}.zip"
    folder = unpacked(archive, Path(args.out) / archive.stem) / archive.stem
    return ks.data.from_image_folder(folder, depth=2, **image_options)


def as_ink(drawings: ks.data.Source) -> tuple[np.ndarray, np.ndarray]:
    """Returns images with ink as 1 on paper as 0, and ids of the characters."""
    x, _ = drawings.arrays()
    return 1 - x, drawings.class_ids


def turned_and_mirrored(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> ks.data.Source:
    """Makes eight classes of each: a character turned or mirrored is another character."""
    x = np.concatenate([np.rot90(x, turns, axes=(1, 2)) for turns in range(4)])
    x = np.concatenate([x, x[:, :, ::-1]])
    return ks.data.from_arrays(
        x,
        np.concatenate([8 * y + number for number in range(8)]),
        groups=np.tile(groups, 8),
    )


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the zip files; default: TensorFlow Datasets")
    parser.add_argument("--download", action="store_true", help="let TensorFlow Datasets fetch it")
    parser.add_argument("--train", choices=sorted(VALIDATION), default="small1")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--alphabets", type=int, default=4, help="alphabets that share a batch")
    parser.add_argument("--steps", type=int, default=100, help="batches of an epoch")
    parser.add_argument("--out", default="runs/omniglot", help="folder for all that is written")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
