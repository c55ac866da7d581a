"""Search margin and embedding size with KerasTuner, on scikit-learn's handwritten digits.

    python examples/tune_margin.py

Takes about two minutes on two cores. Stop it and start it again: it goes on where it was. More:
`--trials 20`, which adds to those that are done. TensorBoard's HParams tab shows the trials side by
side: the command is printed at the end.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import keras_tuner as kt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_siamese as ks


def main(argv: Sequence[str] | None = None) -> kt.Tuner:
    """Runs the search and prints its trials, the best first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--trials", type=int, default=8, help="trials in all, earlier runs included"
    )
    parser.add_argument("--epochs", type=int, default=5, help="epochs of a trial")
    parser.add_argument("--directory", default="runs", help="where the search is kept")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    keras.utils.set_random_seed(args.seed)
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) / 16).astype("float32")
    x, x_val, y, y_val = train_test_split(
        images, labels, test_size=0.4, stratify=labels, random_state=args.seed
    )
    batches = ks.data.pk_batches(x, y, classes_per_batch=8, examples_per_class=8, seed=args.seed)

    hypermodel = ks.tuning.SiameseHyperModel(
        lambda embedding_dim: ks.encoders.convnet((8, 8, 1), embedding_dim=embedding_dim),
        margins=(0.02, 1.0),
        embedding_dims=(8, 16, 32, 64),
    )
    tuner = kt.BayesianOptimization(
        hypermodel,
        hypermodel.objective,
        max_trials=args.trials,
        seed=args.seed,
        directory=args.directory,
        project_name="tune_margin",
    )
    log_dir = Path(args.directory) / "tune_margin" / "logs"
    tuner.search(
        batches,
        epochs=args.epochs,
        validation_data=(x_val, y_val),
        callbacks=[ks.callbacks.HyperParameters(log_dir)],
    )

    print("\n| trial | margin | embedding_dim | val_recall_at_1 |\n|---|---|---|---|")
    for trial in tuner.oracle.get_best_trials(args.trials):
        values = trial.hyperparameters.values
        print(
            f"| {trial.trial_id} | {values['margin']:.3f} | {values['embedding_dim']} "
            f"| {trial.score:.4f} |"
        )
    print(f"\nThe trials as parallel coordinates, under HPARAMS: tensorboard --logdir {log_dir}")
    return tuner


if __name__ == "__main__":
    main()
