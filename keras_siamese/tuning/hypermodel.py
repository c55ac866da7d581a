"""A hypermodel that KerasTuner searches for the best margin and embedding size."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import keras_tuner as kt

from keras_siamese.losses import MetricLoss, TripletLoss
from keras_siamese.metrics import RecallAtK
from keras_siamese.model import SiameseModel
from keras_siamese.ops.checks import check_count, check_positive


class SiameseHyperModel(kt.HyperModel):
    """A `SiameseModel` whose `margin` and `embedding_dim` KerasTuner chooses.

    Any tuner of KerasTuner searches it, by `objective`: exact recall@1 on the validation set. A
    search that is started again with the same directory and project name goes on where it stopped.

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
        >>> tuner.search(batches, epochs=10, validation_data=(x_val, y_val))
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
