"""A hypermodel that KerasTuner searches for the best margin and embedding size."""

import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import keras_tuner as kt
from tensorboard.plugins.hparams import api

from keras_siamese.callbacks import HyperParameters
from keras_siamese.callbacks.log_callback import LogCallback
from keras_siamese.losses import MetricLoss, TripletLoss
from keras_siamese.metrics import RecallAtK
from keras_siamese.model import SiameseModel
from keras_siamese.ops.checks import check_count, check_positive


class SiameseHyperModel(kt.HyperModel):
    """A `SiameseModel` whose `margin` and `embedding_dim` KerasTuner chooses.

    Any tuner of KerasTuner searches it, by `objective`: exact recall@1 on the validation set. A
    search that is started again with the same directory and project name goes on where it stopped.

    Callbacks of `keras_siamese.callbacks` write each execution of a trial into a directory of its
    own, `log_dir/trial/execution0`, as `keras.callbacks.TensorBoard` does in a search. With
    `HyperParameters(log_dir)` among them, TensorBoard's HParams tab shows the trials side by side.

    What else is searched is up to a subclass, and is a column there, too: `build` for the model,
    `fit` for the data.

    Args:
        encoder: Function of `embedding_dim` that gives a new encoder.
        margins: Least and greatest margin, in units of the loss's distance; searched on a
            logarithmic scale. Defaults to `(0.02, 1.0)`.
        embedding_dims: Embedding sizes to choose from. Defaults to `(16, 32, 64, 128)`.
        loss: Function of `margin` that gives a loss. Defaults to `TripletLoss`, semi-hard.
        optimizer: Function without arguments that gives a new optimizer. Defaults to
            `keras.optimizers.Adam`.
        metrics: Function without arguments that gives new metrics; `RecallAtK(1)` is there in any
            case.

    Raises: ValueError: If the margins or sizes are not positive or not in order, or, when a trial
        is built, a margin is out of the distance's reach.

    Example:
        >>> hypermodel = SiameseHyperModel(lambda dim: convnet((28, 28, 1), embedding_dim=dim))
        >>> tuner = kt.RandomSearch(
        ...     hypermodel, hypermodel.objective, max_trials=20, directory="runs"
        ... )
        >>> table = keras_siamese.callbacks.HyperParameters("runs/logs")
        >>> tuner.search(
        ...     batches, epochs=10, validation_data=(x_val, y_val), callbacks=[table]
        ... )  # and look: tensorboard --logdir runs/logs
        >>> tuner.get_best_hyperparameters()[0].values
    """

    objective = kt.Objective("val_recall_at_1", direction="max")

    def __init__(
        self,
        encoder: Callable[[int], keras.Model],
        *,
        margins: tuple[float, float] = (0.02, 1.0),
        embedding_dims: Sequence[int] = (16, 32, 64, 128),
        loss: Callable[[float], MetricLoss] = TripletLoss,
        optimizer: Callable[[], keras.optimizers.Optimizer] = keras.optimizers.Adam,
        metrics: Callable[[], list[Any]] = list,
    ) -> None:
        super().__init__(name="siamese")
        least, greatest = (check_positive("margins", margin) for margin in margins)
        if least >= greatest:
            raise ValueError(
                f"`margins` must be (least, greatest). Received: {margins!r}. Swap or widen them."
            )
        if not embedding_dims:
            raise ValueError("`embedding_dims` must name at least one size. Received: none.")
        self.encoder = encoder
        self.margins = (least, greatest)
        self.embedding_dims = [check_count("embedding_dims", dim) for dim in embedding_dims]
        self.loss = loss
        self.optimizer = optimizer
        self.metrics = metrics

    def build(self, hp: kt.HyperParameters) -> SiameseModel:
        """Makes the compiled model of one trial."""
        least, greatest = self.margins
        margin = hp.Float("margin", least, greatest, sampling="log")
        embedding_dim = hp.Choice("embedding_dim", self.embedding_dims)
        metrics = self.metrics()
        if not any(metric.name == "recall_at_1" for metric in metrics):
            metrics = [RecallAtK(1), *metrics]
        model = SiameseModel(self.encoder(embedding_dim))
        model.compile(self.optimizer(), self.loss(margin), metrics=metrics)
        return model

    def fit(
        self,
        hp: kt.HyperParameters,
        model: keras.Model,
        *args: Any,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Trains the model of one trial, whose logs are kept apart from those of others.

        Args:
            hp: What the trial searches.
            model: What `build` made.
            *args: Arguments of `model.fit`.
            callbacks: Those of the search, and KerasTuner's own.
            **kwargs: Arguments of `model.fit`.

        Returns: What `model.fit` returns.
        """
        callbacks = list(callbacks or [])
        tables = [callback for callback in callbacks if isinstance(callback, HyperParameters)]
        tuner_callback: Any = next((c for c in callbacks if hasattr(c, "trial")), None)
        if tuner_callback is not None:  # It is there in a search.
            tuner, trial = tuner_callback.tuner, tuner_callback.trial
            _separate([c for c in callbacks if isinstance(c, LogCallback)], trial)
            for table in tables:
                _describe(table, tuner, trial, hp)
        if tables:  # KerasTuner adds such a callback to one of TensorBoard; trials would be twice.
            callbacks = [c for c in callbacks if not isinstance(c, api.KerasCallback)]
        try:
            return model.fit(*args, callbacks=callbacks, **kwargs)
        except Exception:
            for table in tables:
                table.on_train_failure()
            raise


def _separate(callbacks: list[LogCallback], trial: Any) -> None:
    """Sends the logs of an execution where no other one, of a search cut short either, left any."""
    writing = [(callback, callback.log_dir) for callback in callbacks if callback.log_dir]
    for number in itertools.count():
        below = os.path.join(trial.trial_id, f"execution{number}")
        if not any(os.path.exists(log_dir / below / c.name) for c, log_dir in writing):
            for callback, log_dir in writing:
                callback.log_dir = log_dir / below
            return


def _describe(table: HyperParameters, tuner: Any, trial: Any, hp: kt.HyperParameters) -> None:
    """Tells the table what the trial is."""
    # Of KerasTuner's own values, the number of epochs is one that trials differ in by merit.
    searched = {
        name: value
        for name, value in hp.values.items()
        if not name.startswith("tuner/") or name == "tuner/epochs"
    }
    table.hparams = {**searched, **table.hparams}
    table.group = f"trial {trial.trial_id} of {tuner.project_name}"
    objective = tuner.oracle.objective
    if table.monitor is None and type(objective) is kt.Objective:
        table.monitor, table.mode = objective.name, objective.direction
