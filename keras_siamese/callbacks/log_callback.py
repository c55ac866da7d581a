"""What the callbacks that write for TensorBoard share: they never stop a training."""

import copy
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_siamese.ops.checks import check_count
from keras_siamese.tensorboard.summary_run import SummaryRun, directory_of_run

# What stands around the messages of its errors.
_OF_TENSORFLOW = re.compile(r"\{\{.*?\}\} | \[Op:.*", re.DOTALL)


class LogCallback(keras.callbacks.Callback):
    """Base of the callbacks that write for TensorBoard, each into runs of its own.

    Epochs are counted from 1 in all that is written. A training that starts at its first epoch
    writes summaries into a new run, `name`, `name_2`, ...; one that goes on from a later epoch
    (`initial_epoch`, `BackupAndRestore`) goes on with the one of them that ends there. What cannot
    be written, on a full or missing disk, is lost and said in a warning; training goes on. Under
    `tf.distribute` one worker writes.

    Subclasses that override `on_train_begin`, `on_epoch_begin` or `on_train_end` call those of the
    base.

    Args:
        log_dir: The directory that TensorBoard is started with, local; None writes nothing. `~` is
            the home directory, as for TensorBoard.
        name: The run's directory below `log_dir`.
        every_n_epochs: Write after each n-th epoch; 0 for never.

    Attributes:
        log_dir: See above, as an absolute path: a training may change the working directory. It may
            be assigned between trainings.

    Raises: ValueError: If `log_dir` is no path, `name` no directory below it, or `every_n_epochs`
        negative.
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] | None, name: str, every_n_epochs: int = 1
    ) -> None:
        super().__init__()
        self.log_dir = log_dir
        self.name = _check_name(name)
        self.every_n_epochs = check_count("every_n_epochs", every_n_epochs, least=0)
        self.first_epoch: int | None = None
        self._summaries: SummaryRun | None = None
        self._num_lost = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "LogCallback":
        """Returns a callback of the same settings, of no model and with no file open."""
        twin = copy.copy(self)
        twin.__dict__ |= copy.deepcopy({**vars(self), "_model": None, "_summaries": None}, memo)
        return twin

    @property
    def log_dir(self) -> Path | None:
        """The directory that TensorBoard is started with, absolute; None writes nothing."""
        return self._log_dir

    @log_dir.setter
    def log_dir(self, log_dir: str | os.PathLike[str] | None) -> None:
        if not isinstance(log_dir, str | os.PathLike | None):
            raise ValueError(
                "`log_dir` must be the path of a directory, or None. Received: an object of type "
                f"{type(log_dir).__name__}. Is it `data`? Name the arguments."
            )
        self._log_dir = None if log_dir is None else Path(os.path.expanduser(log_dir)).absolute()

    @property
    def is_writer(self) -> bool:
        """Whether this process writes: one worker of `tf.distribute` does."""
        if self.log_dir is None:
            return False
        strategy = getattr(self.model, "distribute_strategy", None)
        return strategy is None or strategy.extended.should_save_summary

    @property
    def run_dir(self) -> Path:
        """The directory of the first run."""
        assert self.log_dir is not None
        return self.log_dir / self.name

    def is_due(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0 as by Keras, is one of the n-th."""
        return self.every_n_epochs > 0 and (epoch + 1) % self.every_n_epochs == 0

    def write_summaries(self, epoch: int, **summaries: Any) -> None:
        """Writes summaries into the run, if this process writes.

        Args:
            epoch: Counted from 0 as by Keras.
            **summaries: `scalars`, `histograms`, `images`, `messages`: see `SummaryRun.write`.
        """
        if not self.is_writer:
            return
        with self.writing(f"the summaries of epoch {epoch + 1}"):
            if self._summaries is None:
                run = directory_of_run(self.run_dir, self.first_epoch or 0, self.is_own_run)
                self._summaries = SummaryRun(run)
            self._summaries.write(epoch + 1, **summaries)

    def is_own_run(self, directory: Path) -> bool:
        """Whether an earlier run may be of this training, which goes on: by default, any may.

        Args:
            directory: Of the run.
        """
        return True

    @contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Within it, files are written; if they cannot be, that is said and training goes on.

        Args:
            what: What is lost then.
        """
        try:
            yield
        except tf.errors.OpError as error:
            self.say_lost(what, _OF_TENSORFLOW.sub("", error.message))
        except OSError as error:
            self.say_lost(what, str(error))

    def say_lost(self, what: str, why: str) -> None:
        """Warns that something was not written: the first time at once, later ones at the end.

        Args:
            what: What was lost.
            why: The reason, and what to do.
        """
        self._num_lost += 1
        if self._num_lost == 1:
            warnings.warn(
                f"{type(self).__name__} lost {what}: {why.rstrip(' .')}. Training goes on.",
                stacklevel=3,
            )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forgets the fit before."""
        self.first_epoch = None
        self._summaries = None
        self._num_lost = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes where training starts."""
        if self.first_epoch is None:
            self.first_epoch = epoch

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the run, and says how much of it was lost."""
        if self._summaries is not None:
            with self.writing("the end of the summaries"):
                self._summaries.close()
            self._summaries = None
        if self._num_lost > 1:
            warnings.warn(
                f"{type(self).__name__} could not write {self._num_lost} times: the logs in "
                f"{str(self.run_dir)!r} are not complete.",
                stacklevel=2,
            )


def _check_name(name: str) -> str:
    path = Path(name)
    if not name or path.is_absolute() or ".." in path.parts or path == Path():
        raise ValueError(
            f"`name` must be a directory below `log_dir`, such as 'trial_1'. Received: {name!r}."
        )
    return name
