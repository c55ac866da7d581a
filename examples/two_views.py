"""Learn without labels: two random views of an image are to look alike, as in SimCLR.

    python examples/two_views.py

Takes half a minute on two cores, and needs no network: the images are scikit-learn's handwritten
digits. Training sees no label. Labels serve at the end alone, to compare the trained encoder with
the untrained one and with raw pixels on images that training never saw. For views made in other
ways change `augmentation`; for other losses of two views, `loss`: `BarlowTwinsLoss`, `VICRegLoss`
and `SimSiamLoss` want an encoder with `normalize=False`.
"""

import argparse
from collections.abc import Sequence

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_siamese as ks


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Runs the example and returns the figures of its table."""
    args = parse_arguments(argv)
    keras.utils.set_random_seed(args.seed)
    digits = load_digits()
    images = (digits.images[..., None] / 16).astype("float32")
    x, x_test, _, y_test = train_test_split(
        images, digits.target, test_size=0.25, stratify=digits.target, random_state=args.seed
    )

    augmentation = keras.Sequential(
        [
            keras.layers.RandomTranslation(0.15, 0.15, fill_mode="constant", seed=args.seed),
            keras.layers.RandomRotation(0.06, fill_mode="constant", seed=args.seed + 1),
            keras.layers.RandomZoom(0.15, 0.15, fill_mode="constant", seed=args.seed + 2),
        ]
    )
    batches = ks.data.two_views(x, augmentation, batch_size=128, seed=args.seed)

    model = ks.SiameseModel(ks.encoders.convnet(x.shape[1:], embedding_dim=64))
    loss = ks.losses.NTXentLoss(temperature=0.5)
    model.compile(optimizer="adam", loss=loss, metrics=[ks.metrics.PairAUC()])
    spaces = {"raw pixels": x_test, "untrained encoder": model.predict(x_test, verbose=0)}
    model.fit(batches, epochs=args.epochs, verbose=2)
    spaces["trained encoder"] = model.predict(x_test, verbose=0)

    # Exact: each unseen image against all other unseen images.
    metrics = [ks.metrics.RecallAtK(1), ks.metrics.PairAUC()]
    figures = {
        name: ks.evaluation.evaluate_embeddings(space, y_test, metrics=metrics)
        for name, space in spaces.items()
    }
    print(f"\n{len(y_test)} images that training never saw, after training without labels:\n")
    print(ks.evaluation.format_table(figures))
    return figures


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
