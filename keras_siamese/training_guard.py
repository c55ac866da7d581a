"""Watches a training run, and says what goes wrong before it goes on silently."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from keras_siamese.data import find_sampler
from keras_siamese.data.sampling.planner import PKOptions
from keras_siamese.losses import MetricLoss, TripletLoss
from keras_siamese.ops.compiled import not_compiled

_REMEDY = (
    "Check the inputs for NaN and infinity; if they are fine, training has diverged: lower the "
    "learning rate, or set `clipnorm` in the optimizer."
)


_EASIER = (
    "Lower the learning rate, mine easier negatives "
    '(`SemiHardMiner(fallback="farthest")` in place of batch-hard), lower the margin, or enlarge '
    "the batch."
)

# Spread of the embeddings below which they count as collapsed: cosines of 0.9975 on average.
_COLLAPSED_SPREAD = 0.05


@dataclass(frozen=True)
class Sign:
    """A sign of a collapse.

    Attributes:
        figure: What it is seen in, a name in the logs of an epoch.
        holds: Whether it is seen in these logs, with this loss.
        num_epochs: For how many epochs on end it must be seen.
        message: What it means, and what to do; `value` is that of the figure, `when` the epochs.
    """

    figure: str
    holds: Callable[[Mapping[str, float], Any], bool]
    num_epochs: int
    message: str


class CollapseWatch:
    """Looks for signs of a collapse after each epoch, and warns of each once.

    Args:
        signs: What to look for.
    """

    def __init__(self, signs: Sequence[Sign]) -> None:
        self._signs = list(signs)
        self._first_epochs: dict[str, int] = {}

    def look(self, epoch: int, logs: Mapping[str, Any], loss: Any) -> None:
        """Warns of the signs that are seen for long enough.

        Args:
            epoch: Counted from 0 as by Keras.
            logs: Figures of the epoch.
            loss: The loss that the model is trained by.
        """
        logs = {
            name: float(value)
            for name, value in logs.items()
            if name == "loss" or name.startswith("batch_")
        }
        for sign in list(self._signs):
            if sign.figure not in logs or not sign.holds(logs, loss):
                self._first_epochs.pop(sign.figure, None)
                continue
            first = self._first_epochs.setdefault(sign.figure, epoch)
            if epoch - first + 1 >= sign.num_epochs:
                self._signs.remove(sign)
                since = f", since epoch {first + 1}" if first < epoch else ""
                when = f"in epoch {epoch + 1}{since}"
                warnings.warn(sign.message.format(value=logs[sign.figure], when=when), stacklevel=3)


def _is_one_point(logs: Mapping[str, float], loss: Any) -> bool:
    return logs.get("batch_spread", 1.0) < _COLLAPSED_SPREAD


def _is_stuck(logs: Mapping[str, float], loss: Any) -> bool:
    """Whether the loss is what it is where no distance depends on the class."""
    if not isinstance(loss, TripletLoss) or loss.reduction not in ("mean", "mean_nonzero"):
        return False
    stuck = math.log(2) if loss.margin is None else loss.margin
    is_active = logs.get("batch_active_fraction", 0.0) > 0.95
    return is_active and abs(logs["loss"] - stuck) < 0.02 * stuck and not _is_one_point(logs, loss)


def _is_one_line(logs: Mapping[str, float], loss: Any) -> bool:
    """Whether they use two dimensions at most, and not to tell two classes apart."""
    d_ap, d_an = (logs.get(f"batch_{kind}_distance", 0.0) for kind in ("positive", "negative"))
    return logs["batch_effective_rank"] < 2 and d_an < 2 * d_ap and not _is_one_point(logs, loss)


POINT_COLLAPSE = Sign(
    "batch_spread",
    _is_one_point,
    1,
    "The embeddings have collapsed: their spread is {value:.2g} {when}, so all items look alike "
    f"and the loss stays at the margin. {_EASIER}",
)
STUCK_LOSS = Sign(
    "loss",
    _is_stuck,
    5,
    "Training is stuck: the loss is {value:.3g} {when}, that of embeddings that say nothing of "
    f"the class (the margin, or ln 2 of a soft one), and nearly all tuples have one. {_EASIER}",
)
DIMENSIONAL_COLLAPSE = Sign(
    "batch_effective_rank",
    _is_one_line,
    3,
    "The embeddings have collapsed to a line: their effective rank is {value:.2g} {when}, and "
    f"items of other classes are hardly further away than those of the same. {_EASIER}",
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

    def __init__(self, data: Any, num_replicas: int = 1) -> None:
        super().__init__()
        self._sampler = find_sampler(data)
        self.pk_options = None if self._sampler is None else self._sampler.options
        if self.pk_options is not None:
            _check_whole_classes(self.pk_options, num_replicas)
        self._watch = CollapseWatch([POINT_COLLAPSE, STUCK_LOSS])
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
        self._watch.look(epoch, logs, self.model.loss)


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
