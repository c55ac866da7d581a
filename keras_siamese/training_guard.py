"""Watches a training run, and says what goes wrong before it goes on silently."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from keras_siamese.data import find_sampler
from keras_siamese.data.sampling.planner import PKOptions
from keras_siamese.losses import MetricLoss
from keras_siamese.ops.compiled import not_compiled

_REMEDY = (
    "Check the inputs for NaN and infinity; if they are fine, training has diverged: lower the "
    "learning rate, or set `clipnorm` in the optimizer."
)


class TrainingGuard(keras.callbacks.Callback):
    """Callback that `SiameseModel.fit` adds: no silent NaN, collapse or empty batches.

    It also tells a data set of `pk_batches` how far training has come, so that a resumed run goes
    on with the batches that the uninterrupted one would have seen.

    Args:
        data: What `fit` was given as `x`.
        num_replicas: Number of replicas that a batch is divided among. Defaults to 1.

    Attributes:
        pk_options: What P x K batches the data is; None for batches of another make.

    Raises: ValueError: If replicas would cut the classes of P x K batches.
    """

    # Spread of the embeddings below which they count as collapsed: cosines of 0.9975 on average.
    COLLAPSED = 0.05

    def __init__(self, data: Any, num_replicas: int = 1) -> None:
        super().__init__()
        self._sampler = find_sampler(data)
        self.pk_options = None if self._sampler is None else self._sampler.options
        if self.pk_options is not None:
            _check_whole_classes(self.pk_options, num_replicas)
        self._warned = False
        self._warned_of_val_loss = False

    @contextmanager
    def compiled_if_alike(self, model: keras.Model) -> Iterator[None]:
        """Within it, the losses of a training compile themselves if its batches are alike.

        P x K batches of a range of examples are not: each of their sizes would take a second.

        Args:
            model: What is trained. Its train function is traced anew if that changes.
        """
        if self.pk_options is None or not self.pk_options.has_varying_sizes:
            yield
            return
        model.train_function = None
        try:
            with not_compiled():
                yield
        finally:
            model.train_function = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the data, and miners that follow a schedule, to where training is."""
        loss = self.model.loss
        if isinstance(loss, MetricLoss) and loss.set_epoch(epoch):
            self.model.make_train_function(force=True)
            self.model.make_test_function(force=True)
        if self._sampler is not None:
            steps = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
            self._sampler.epoch_counter.assign(steps)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops at a loss that is not finite.

        Raises: ValueError: If it is not.
        """
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            raise ValueError(f"The loss is not finite at batch {batch}. {_REMEDY}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks for broken weights, epochs without tuples, collapse and a `val_loss` of NaN.

        Raises: ValueError: If a weight is not finite, or no batch of the epoch held anything to
            learn from.
        """
        logs = logs or {}
        for weight in self.model.trainable_weights:
            if not bool(keras.ops.all(keras.ops.isfinite(weight))):
                raise ValueError(
                    f"The weight {weight.path!r} is not finite after epoch {epoch + 1}. {_REMEDY}"
                )
        if math.isnan(float(logs.get("batch_active_fraction", 0.0))):
            raise ValueError(
                "Nothing was learned: no batch of this epoch held both a positive and a negative "
                "for any anchor. Expected several items of each of several classes in a batch. "
                "Random batches of many classes, or of one, have none: use "
                "`keras_siamese.data.pk_batches(x, y, classes_per_batch=16, "
                "examples_per_class=8)`."
            )
        if math.isnan(float(logs.get("val_loss", 0.0))) and not self._warned_of_val_loss:
            self._warned_of_val_loss = True
            warnings.warn(
                "`val_loss` is NaN. A loss with something of its own for each class "
                "(`num_classes`) has none for validation classes that are in no training batch. "
                "Monitor `val_recall_at_1` instead, also in EarlyStopping, ModelCheckpoint and "
                "ReduceLROnPlateau, which follow `val_loss` if not told otherwise.",
                stacklevel=2,
            )
        if float(logs.get("batch_spread", 1.0)) < self.COLLAPSED and not self._warned:
            self._warned = True
            warnings.warn(
                f"The embeddings have collapsed: their spread is {float(logs['batch_spread']):.2g} "
                f"in epoch {epoch + 1}, so all items look alike and the loss stays at the margin. "
                "Lower the learning rate, mine easier negatives "
                '(`SemiHardMiner(fallback="farthest")` in place of batch-hard), lower the margin, '
                "or enlarge the batch.",
                stacklevel=2,
            )


def _check_whole_classes(options: PKOptions, num_replicas: int) -> None:
    """Checks that each replica gets whole classes of a P x K batch, and as many as the others.

    `tf.distribute` cuts a batch into equal parts, one after the other, and P x K batches hold the
    items of a class side by side.

    Args:
        options: What the batches are.
        num_replicas: Number of replicas.

    Raises: ValueError: If a class would be cut.
    """
    if num_replicas > 1 and (options.has_varying_sizes or options.classes_per_batch % num_replicas):
        raise ValueError(
            f"Each of the {num_replicas} replicas needs whole classes of a batch. Expected "
            f"`classes_per_batch` to be a multiple of {num_replicas}, and one number of "
            f"`examples_per_class`. Received: {options.classes_per_batch} and "
            f"{options.examples_per_class}."
        )
