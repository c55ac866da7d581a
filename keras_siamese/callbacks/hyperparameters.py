"""A callback that lists trainings, their hyper-parameters and final figures in one table."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras import ops

from keras_siamese.callbacks.log_callback import LogCallback
from keras_siamese.losses import CrossBatchMemory, Matryoshka, WeightedSum
from keras_siamese.model import SiameseModel
from keras_siamese.ops.checks import check_choice
from keras_siamese.tensorboard.hparams_session import (
    Value,
    check_hparams,
    hparams_of_session,
    session_end,
    session_start,
)


class HyperParameters(LogCallback):
    """Makes each training a row of TensorBoard's HParams tab: what it was set to, what came out.

    Give all trainings that are to be compared one `log_dir`, and start TensorBoard with it. Columns
    are, of a `SiameseModel`, `margin`, `embedding_dim`, `loss`, `miner`, `distance`, `optimizer`,
    `learning_rate` (at the beginning), and of P x K batches `classes_per_batch` and
    `examples_per_class` (of a range, its middle); then `hparams`, and the figures at the end of
    training. A loss without a miner has the miner `none`, one without a margin, or with the soft
    one, no margin. A sum of losses has all names (`contrastive_loss + triplet_loss`), and the
    margin that all agree on. Of any other `keras.Model` there are `hparams` alone.

    TensorBoard ticks the first five of either kind of column: by name, but before all others those
    that trainings differ in. Its parallel coordinates draw only the rows that have a value in every
    ticked column: untick the margin where some losses have none.

    Figures are those of the last epoch, or what the last one that has them says (with
    `validation_freq=2`, not every epoch has `val_*`). With
    `EarlyStopping(restore_best_weights=True)` give it the same `monitor` and `mode`: then they are
    those of the best epoch, as are the weights.

    A training that raises, as one that diverges does, or is interrupted has no figures and the
    status "unknown", which is what TensorBoard calls one that has not ended, until it is resumed
    and ends. Where figures are not finite, or a trial of a search raises, the status is "failure".

    In a search over a `keras_siamese.tuning.SiameseHyperModel`, give it to `tuner.search`: each
    trial is a row, named after it and the project, all that is searched is a column, and figures
    are those of the epoch that the objective calls best. Executions of a trial share its row, which
    shows means. Searches of different questions have a `log_dir` each. KerasTuner's own rows, which
    it adds when it sees a `keras.callbacks.TensorBoard`, are left out, so that callback may have
    the same `log_dir`.

    Args:
        log_dir: The directory that TensorBoard is started with, local; None writes nothing.
        hparams: Further columns, by name: strings, numbers or bools. Where the name is that of a
            column above, they win. One name should have one kind of value in all trainings:
            TensorBoard cannot filter a mixed column.
        metrics: Names in the logs. Defaults to None: all `val_*` but the parts of a sum of losses,
            what callbacks such as `RetrievalEvaluation` add, and of training what has no `val_*`,
            but no `batch_*`. The loss in training is called `train_loss` here.
        monitor: Name of the figure whose best epoch counts. Defaults to None: the last epoch.
        mode: `"max"` if larger is better, or `"min"`.
        name: Directory of the run below `log_dir`; the later fits' have `_2`, `_3`, ... behind it.
            A training that is resumed goes on with that of the same hyper-parameters.

    Attributes:
        group: Trainings of one group share a row, which shows the means of their figures. At first
            `""`: each has its own, named after its run.

    Raises: ValueError: If a value of `hparams` is of another kind, `mode` is unknown, `name` is no
        directory below `log_dir`; in `fit`, if the model is no `SiameseModel` and `hparams` is
        empty.

    Example:
        >>> for margin in (0.1, 0.2, 0.4):
        ...     model.compile("adam", keras_siamese.losses.TripletLoss(margin))
        ...     table = keras_siamese.callbacks.HyperParameters("logs", hparams={"seed": 1})
        ...     model.fit(batches, epochs=5, validation_data=(x_val, y_val), callbacks=[table])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None,
        *,
        hparams: Mapping[str, Value] | None = None,
        metrics: Sequence[str] | None = None,
        monitor: str | None = None,
        mode: str = "max",
        name: str = "hparams",
    ) -> None:
        super().__init__(log_dir, name)
        if isinstance(metrics, str):
            raise ValueError(f"`metrics` must be a list of names. Received: {metrics!r}.")
        self.hparams = check_hparams(hparams or {})
        self.metrics = None if metrics is None else list(metrics)
        self.monitor = monitor
        self.mode = check_choice("mode", mode, ("max", "min"))
        self.group = ""
        self._epochs: list[tuple[int, dict[str, Any]]] = []
        self._start: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets the fit before, and checks that there is something to show."""
        super().on_train_begin(logs)
        self._epochs = []
        self._start = None
        if not self.hparams and not isinstance(self.model, SiameseModel):
            raise ValueError(
                "Of a model that is no SiameseModel the hyper-parameters are not known. Received: "
                f"{type(self.model).__name__}. Name them: `HyperParameters(log_dir, hparams=...)`."
            )

    def is_own_run(self, directory: Path) -> bool:
        """Whether a run has the hyper-parameters of this training, which goes on.

        The learning rate may have changed since.
        """
        started = hparams_of_session(directory)
        own = self._all_hparams()
        return started is not None and all(
            started.get(name) == own.get(name)
            for name in {*started, *own}
            if name != "learning_rate"
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins the session, as soon as the size of the embeddings is known."""
        super().on_epoch_begin(epoch, logs)
        if self._start is None:
            hparams = self._all_hparams()
            if "embedding_dim" in hparams or not isinstance(self.model, SiameseModel):
                self._start = session_start(hparams, self.group)
                self.write_summaries(epoch, messages=[self._start])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the logs, to which later callbacks may yet add."""
        self._epochs.append((epoch, {} if logs is None else logs))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Ends the session with its figures."""
        if self._epochs:
            epoch, figures = self._final_figures()
            self._end(epoch, figures, success=all(map(math.isfinite, figures.values())))
        super().on_train_end(logs)

    def on_train_failure(self) -> None:
        """Ends the session of a training that raised, which Keras does not tell callbacks of."""
        self._end(self._epochs[-1][0] if self._epochs else 0, {}, success=False)
        super().on_train_end()

    def _end(self, epoch: int, figures: dict[str, float], success: bool) -> None:
        # The start again, for a disk that did not take it; of several, the first one counts.
        start = self._start or session_start(self._all_hparams(), self.group)
        finite = {name: value for name, value in figures.items() if math.isfinite(value)}
        self.write_summaries(epoch, scalars=finite, messages=[start, session_end(success)])

    def _final_figures(self) -> tuple[int, dict[str, float]]:
        place = len(self._epochs) - 1
        if self.monitor is not None:
            scores = {
                place: float(logs[self.monitor])
                for place, (_, logs) in enumerate(self._epochs)
                if self.monitor in logs and math.isfinite(logs[self.monitor])
            }
            if scores:
                best = max if self.mode == "max" else min
                place = best(scores, key=scores.__getitem__)
            else:
                self._say_missing(self.monitor, self._epochs[-1][1])
        epoch = self._epochs[place][0]
        logs: dict[str, Any] = {}
        for _, of_epoch in self._epochs[: place + 1]:
            logs |= of_epoch
        if self.metrics is None:
            parts = getattr(getattr(self.model, "loss", None), "part_names", [])
            names = [name for name in logs if _is_final(name, logs, parts)]
        else:
            names = [name for name in self.metrics if name in logs]
            for name in set(self.metrics) - set(names):
                self._say_missing(name, logs)
        # `loss` is the name of another column.
        tags = {name: "train_loss" if name == "loss" else name for name in names}
        return epoch, {tags[name]: float(logs[name]) for name in names}

    def _say_missing(self, name: str, logs: dict[str, Any]) -> None:
        self.say_lost(f"the figure {name!r}", f"the logs hold {sorted(logs)}.")

    def _all_hparams(self) -> dict[str, Value]:
        found = _hparams_of(self.model) if isinstance(self.model, SiameseModel) else {}
        return {**found, **self.hparams}


def _hparams_of(model: SiameseModel) -> dict[str, Value]:
    parts = _parts(model.loss)
    margins = {getattr(part, "margin", None) for part in parts} - {None}
    miners = [getattr(part, "miner", None) for part in parts]
    distances = [getattr(part, "distance", model.distance_function) for part in parts]
    optimizer: Any = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    learning_rate = float(ops.convert_to_numpy(optimizer.learning_rate))
    hparams: dict[str, Any] = {
        "margin": margins.pop() if len(margins) == 1 else None,
        "embedding_dim": model.embedding_dim,
        "loss": _describe(model.loss),
        "miner": _join(miner.name for miner in miners if miner is not None) or "none",
        "distance": _join(distance.name for distance in distances),
        "optimizer": type(optimizer).__name__,
        "learning_rate": float(f"{learning_rate:.6g}"),  # 0.001 is 0.0010000000475 in float32
    }
    if (options := model.pk_options) is not None:
        hparams["classes_per_batch"] = options.classes_per_batch
        hparams["examples_per_class"] = sum(options.range_of_examples) / 2
    return {name: value for name, value in hparams.items() if value is not None}


def _parts(loss: Any) -> list[Any]:
    """The losses that one consists of."""
    if isinstance(loss, CrossBatchMemory | Matryoshka):
        return _parts(loss.loss)
    if isinstance(loss, WeightedSum):
        return [part for member in loss.losses for part in _parts(member)]
    return [loss]


def _describe(loss: Any) -> str:
    if isinstance(loss, CrossBatchMemory | Matryoshka):
        return f"{loss.name}({_describe(loss.loss)})"
    if isinstance(loss, WeightedSum):
        return _join(map(_describe, loss.losses))
    return loss if isinstance(loss, str) else getattr(loss, "name", None) or loss.__name__


def _join(names: Any) -> str:
    return " + ".join(dict.fromkeys(names))


def _is_final(name: str, logs: dict[str, Any], parts: Sequence[str]) -> bool:
    """Whether a name in the logs is a figure that trainings of all kinds are compared by."""
    is_passing = name.startswith("batch_") or name == "learning_rate" or f"val_{name}" in logs
    return not is_passing and name.removeprefix("val_") not in parts
