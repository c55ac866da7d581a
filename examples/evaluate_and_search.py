"""Judge a trained model, choose a threshold, and search for pictures that look like a new one.

    python examples/evaluate_and_search.py --data FOLDER

Takes about seven minutes on two cores, or one with `--model runs/cifar10/model.keras`, which
`cifar10.py` writes. FOLDER is as for `cifar10.py`: CIFAR-10 as an image folder.

What it shows, in order: a report with an interval beside every figure, and as one HTML page; a
threshold with one false match in a hundred, chosen on images that are neither trained nor tested
on; an index of the training images, saved and loaded; and what it knows of a picture that is new to
it (`--picture FILE` for one of yours).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cifar10
import keras
import numpy as np

import keras_siamese as ks


def main(argv: Sequence[str] | None = None) -> ks.evaluation.EvaluationReport:
    """Runs the example and returns the report."""
    args = parse_arguments(argv)
    keras.utils.set_random_seed(args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    known, test = (cifar10.load_images(args, part) for part in ("train", "test"))
    # As `cifar10.py` splits, so that its model has seen none of the validation images; one half of
    # them chose its epoch, the other half chooses thresholds.
    train, held_out = ks.data.stratified_split(known, fractions=(0.95, 0.05), seed=args.seed)
    val, calibration = ks.data.stratified_split(held_out, fractions=(0.5, 0.5), seed=args.seed)
    if args.model:
        model = keras.saving.load_model(args.model)
    else:
        model = cifar10.make_model(args)
        cifar10.train_model(model, train, val, args)
        model.save(out / "model.keras")

    # Thresholds are fitted on images of their own, and what they give is reported on the test set.
    index = ks.EmbeddingIndex(model).calibrate(calibration, target="fmr", at=0.01)
    report = ks.evaluation.evaluate_embeddings(
        model.predict(test, verbose=0),
        test.labels,
        distance=model.distance_function,
        seen_classes=True,
        calibration=index.calibration,
    )
    print(f"\n{report}\n")
    report.to_json(out / "report.json")
    report.to_html(out / "report.html", test, title="CIFAR-10", max_points=args.points)

    index.add(train, verbose=0)
    index.save(out / "pictures.index")
    index = ks.EmbeddingIndex.load(out / "pictures.index")
    print(f"{index} takes {(out / 'pictures.index').stat().st_size / 2**20:.0f} MiB on disk.")

    picture, name = new_picture(args, test)
    found = index.query(picture[None], k=8)
    label = index.predict(picture[None], k=8)[0]
    probabilities = index.calibration.probability(found.distances[0])
    print(f"\nNearest to {name}, of which the index says {str(label)!r}:\n")
    for place, distance, probability in zip(
        found.labels[0], found.distances[0], probabilities, strict=True
    ):
        print(f"    {place:<12} distance {distance:.3f}   same class: {probability:.0%}")
    print(
        "\n(That is the share of matches among all pairs at such a distance. Of the nearest among"
    )
    print("very many items, fewer match: the report's recall_at_1 says how many.)")
    figure = ks.evaluation.plot_neighbours(
        model.predict(picture[None], verbose=0),
        [name],
        picture[None],
        gallery=(index.embeddings(found.ids[0]), found.labels[0], fetch(train, found.ids[0])),
        queries=1,
        distance=model.distance_function,
        title="A new picture, and its nearest neighbours",
    )
    figure.savefig(out / "neighbours.png")
    print(f"\nreport.html, report.json, pictures.index and neighbours.png are in {out}.")
    return report


def new_picture(args: argparse.Namespace, test: ks.data.Source) -> tuple[np.ndarray, str]:
    """Returns the picture to search for, and its name: that of its class, if it is known."""
    if args.picture:
        size = (32, 32)
        picture = keras.utils.load_img(args.picture, target_size=size, interpolation="bilinear")
        return keras.utils.img_to_array(picture) / 255, Path(args.picture).stem
    images, labels = test.subset([args.seed]).arrays()
    return images[0], str(labels[0])


def fetch(source: ks.data.Source, ids: np.ndarray) -> np.ndarray:
    """Returns the images with these ids: the index numbered them in the order of the source."""
    return source.subset(ids).arrays()[0]


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the images; default: TensorFlow Datasets")
    parser.add_argument("--download", action="store_true", help="let TensorFlow Datasets fetch it")
    parser.add_argument("--model", help="a trained model; default: train one")
    parser.add_argument("--picture", help="an image file to search for; default: a test image")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100, help="batches of an epoch")
    parser.add_argument("--points", type=int, default=2000, help="images on the map of the page")
    parser.add_argument("--out", default="runs/evaluate_and_search", help="folder for the results")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
