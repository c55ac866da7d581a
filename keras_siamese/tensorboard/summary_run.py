"""A run of summaries: the scalars, histograms and pictures of one training."""

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.histogram.summary_v2 import histogram_pb

_EVENTS = "events.out.tfevents.*"


class SummaryRun:
    """Writes summaries into a run directory, each of them on the disk or an error.

    The directory and its event file are made by the first summary.

    Args:
        directory: The run directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._writer: Any = None
        self._known: set[Path] = set()

    def write(
        self,
        step: int,
        *,
        scalars: Mapping[str, float] | None = None,
        histograms: Mapping[str, Any] | None = None,
        images: Mapping[str, np.ndarray] | None = None,
        messages: Iterable[Any] = (),
    ) -> None:
        """Writes summaries, by their tags, into a new file if the last one was removed.

        Args:
            step: The step that they are shown at.
            scalars: Numbers.
            histograms: Arrays of any shape, at least one value each.
            images: Pictures, uint8, shape `(height, width, 3 or 4)`.
            messages: Summaries of other kinds, as TensorBoard's protocol buffers.

        Raises: OSError or tf.errors.OpError: If they cannot be written.
        """
        # `tf.summary.histogram` takes 5 ms.
        counted = [histogram_pb(tag, values) for tag, values in (histograms or {}).items()]
        messages = [*counted, *messages]
        # TensorFlow goes on writing into a file that was removed.
        if self._writer is not None and not self._has_file():
            self._writer = None
        if self._writer is None:
            self._known = set(self.directory.glob(_EVENTS))
            self._writer = tf.summary.create_file_writer(str(self.directory))
        with self._writer.as_default(step=step):
            for tag, value in (scalars or {}).items():
                tf.summary.scalar(tag, value)
            for tag, image in (images or {}).items():
                tf.summary.image(tag, image[None])
            for message in messages:
                tf.summary.experimental.write_raw_pb(message.SerializeToString())
        self._writer.flush()
        if not self._has_file():
            self._writer = None
            raise FileNotFoundError(f"The event file in {str(self.directory)!r} is gone.")

    def _has_file(self) -> bool:
        return bool(set(self.directory.glob(_EVENTS)) - self._known)

    def close(self) -> None:
        """Closes the file; a later summary opens another one."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def directory_of_run(
    directory: Path, epochs_done: int = 0, is_own: Callable[[Path], bool] = lambda run: True
) -> Path:
    """Returns where a training writes its summaries: an earlier one is never written over.

    A training that goes on does so in the run that ends where it begins: of those with no later
    step, the one with the latest; if all have later ones, in the last run.

    Args:
        directory: The directory of the first training; later ones have `_2`, `_3`, ... behind it.
        epochs_done: How many epochs the training has behind it, in an earlier run.
        is_own: Whether a run may be that one.
    """
    numbers = {1: directory} if any(directory.glob(_EVENTS)) else {}
    for run in directory.parent.glob(f"{glob.escape(directory.name)}_*"):
        number = run.name.removeprefix(f"{directory.name}_")
        if number.isdecimal() and any(run.glob(_EVENTS)):
            numbers[int(number)] = run
    own = [numbers[number] for number in sorted(numbers) if epochs_done and is_own(numbers[number])]
    if own:
        steps = [max((event.step for event in read_events(run)), default=0) for run in own]
        places = [place for place, step in enumerate(steps) if step <= epochs_done]
        return own[max(places, key=lambda place: (steps[place], place), default=-1)]
    if not numbers:
        return directory
    return directory.with_name(f"{directory.name}_{max(numbers) + 1}")


def read_events(directory: Path) -> Iterator[Any]:
    """Reads the events of a run, as TensorBoard's protocol buffers.

    Args:
        directory: The run directory.
    """
    for file in sorted(directory.glob(_EVENTS)):
        yield from EventFileLoader(str(file)).Load()
