"""What the loss and the sampler add to a bare supervised training step of the same encoder.

    python benchmarks/train_step.py

A small convnet on 28 x 28 x 1 images, B = 128 (P = 16, K = 8), Adam; random images, for only the
time counts. One JSON line for `jit_compile` off and one for on, with medians of alternating steps
in milliseconds:

- `supervised`: a classifier on the encoder, cross-entropy, always the same batch;
- `loss`: `SiameseModel` with the semi-hard `TripletLoss` and its running figures, the same batch;
- `loss_and_sampler`: the same, on `pk_batches` of 60,000 images.
"""

import argparse
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from measure import interleaved_seconds, report

import keras_siamese as ks

CLASSES, CLASSES_PER_BATCH, EXAMPLES_PER_CLASS = 100, 16, 8


def main(argv: Sequence[str] | None = None) -> None:
    """Measures without and with `jit_compile`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="time for each of the two")
    args = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    images = rng.random((args.images, 28, 28, 1), dtype="float32")
    labels = rng.integers(0, CLASSES, args.images)
    for jit_compile in (False, True):
        measure(images, labels, jit_compile, args.seconds)


def measure(images: np.ndarray, labels: np.ndarray, jit_compile: bool, seconds: float) -> None:
    """Prints the times of the three steps."""
    batches = ks.data.pk_batches(
        images,
        labels,
        classes_per_batch=CLASSES_PER_BATCH,
        examples_per_class=EXAMPLES_PER_CLASS,
        seed=0,
    ).repeat()
    same_batch = tf.data.Dataset.from_tensors(next(iter(batches))).repeat().prefetch(2)
    times = interleaved_seconds(
        {
            "supervised": stepper(make_classifier(jit_compile), same_batch),
            "loss": stepper(make_siamese(jit_compile), same_batch),
            "loss_and_sampler": stepper(make_siamese(jit_compile), batches),
        },
        seconds,
    )
    bare = times["supervised"]
    report(
        benchmark="train_step",
        batch_size=CLASSES_PER_BATCH * EXAMPLES_PER_CLASS,
        jit_compile=jit_compile,
        seed=0,
        milliseconds={name: round(1e3 * value, 2) for name, value in times.items()},
        percent_added={
            "loss": round(100 * (times["loss"] / bare - 1), 1),
            "loss_and_sampler": round(100 * (times["loss_and_sampler"] / bare - 1), 1),
        },
    )


def make_encoder() -> keras.Model:
    """The quickstart's encoder."""
    keras.utils.set_random_seed(0)
    return ks.encoders.convnet((28, 28, 1), embedding_dim=64)


def make_siamese(jit_compile: bool) -> keras.Model:
    """The encoder, trained by semi-hard triplets."""
    model = ks.SiameseModel(make_encoder())
    model.compile("adam", ks.losses.TripletLoss(0.2), jit_compile=jit_compile)
    return model


def make_classifier(jit_compile: bool) -> keras.Model:
    """The encoder, trained as a classifier."""
    model = keras.Sequential([make_encoder(), keras.layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=jit_compile)
    return model


def stepper(model: keras.Model, dataset: tf.data.Dataset) -> Callable[[], object]:
    """A function that trains one step and waits for its logs."""
    model.make_train_function()
    iterator = iter(dataset)
    return lambda: float(model.train_function(iterator)["loss"])


if __name__ == "__main__":
    main()
