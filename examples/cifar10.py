"""Learn an embedding of photographs from folders of JPEG files, and see which classes it confuses.

    python examples/cifar10.py --data FOLDER

Takes about five minutes on two cores. FOLDER holds CIFAR-10 as `train/CLASS/FILE.jpg` and
`test/CLASS/FILE.jpg`, or `cifar10_images.zip` with these folders; without `--data`, the images come
from TensorFlow Datasets (`--download` fetches them).

Files are read and decoded when a batch needs them, so the folder may be larger than memory. All ten
classes are trained on and the test images are new: a figure of seen classes, as CIFAR-10's always
are. Ten classes are too few to say anything about others: see `fashion_mnist.py`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
from unpack import unpacked

import keras_siamese as ks


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Runs the example and returns the figures of its table."""
    args = parse_arguments(argv)
    keras.utils.set_random_seed(args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    # The epoch is chosen on images held out of the training part, never on the test images.
    known, test = (load_images(args, part) for part in ("train", "test"))
    train, val = ks.data.stratified_split(known, fractions=(0.95, 0.05), seed=args.seed)
    ks.data.find_leaks(train=train, val=val, test=test).check("items")

    model = make_model(args)
    x_test, y_test = test.arrays()
    spaces = {"raw pixels": x_test, "untrained encoder": model.predict(x_test, verbose=0)}
    train_model(model, train, val, args)
    model.save(out / "model.keras")
    spaces["trained encoder"] = model.predict(x_test, verbose=0)
    figures = {
        name: ks.evaluation.evaluate_embeddings(space, y_test) for name, space in spaces.items()
    }
    print(f"\n{len(y_test)} images that training never saw, of the ten classes that it saw:\n")
    print(ks.evaluation.format_table(figures))
    print("\nClasses that images lie next to, the most often confused first:\n")
    confused = ks.evaluation.confused_classes(spaces["trained encoder"], y_test)
    for name, others in confused.items():
        print(f"    {name}: {', '.join(map(str, others))}")
    picture = ks.evaluation.plot_embeddings(
        spaces, y_test, title="CIFAR-10, unseen images of seen classes", max_points=args.points
    )
    picture.savefig(out / "embeddings.png")
    print(f"\nThe model and the picture embeddings.png are in {out}.")
    return figures


def make_model(args: argparse.Namespace) -> ks.SiameseModel:
    """Returns an untrained model."""
    model = ks.SiameseModel(
        ks.encoders.convnet((32, 32, 3), embedding_dim=128, filters=(32, 64, 128), dropout=0.2)
    )
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(2e-3, args.epochs * args.steps)
        ),
        loss=ks.losses.SupConLoss(temperature=0.1),
        metrics=[ks.metrics.RecallAtK(1), ks.metrics.MAPAtR()],
    )
    return model


def train_model(
    model: ks.SiameseModel, train: ks.data.Source, val: ks.data.Source, args: argparse.Namespace
) -> None:
    """Trains the model; the epoch that is best on the validation images is kept."""
    batches = ks.data.pk_batches(
        train,
        classes_per_batch=10,
        examples_per_class=16,
        steps_per_epoch=args.steps,
        seed=args.seed,
    )
    model.fit(
        ks.data.augment(batches, ks.data.natural_augmentation(), seed=args.seed),
        epochs=args.epochs,
        validation_data=val,
        callbacks=[
            keras.callbacks.EarlyStopping("val_map_at_r", patience=5, restore_best_weights=True)
        ],
    )


def load_images(args: argparse.Namespace, part: str) -> ks.data.Source:
    """Returns the images of a part, `"train"` or `"test"`."""
    if args.data is None:
        return ks.data.from_tfds("cifar10", part, download=args.download)
    folder = Path(args.data)
    if not (folder / part).is_dir():
        folder = unpacked(folder / "cifar10_images.zip", Path(args.out) / "images")
    return ks.data.from_image_folder(folder / part)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the images; default: TensorFlow Datasets")
    parser.add_argument("--download", action="store_true", help="let TensorFlow Datasets fetch it")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100, help="batches of an epoch")
    parser.add_argument("--points", type=int, default=1000, help="images in the picture")
    parser.add_argument("--out", default="runs/cifar10", help="folder for all that is written")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
