"""A run of summaries: the scalars, histograms and pictures of one training."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
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


def directory_of_run(directory: Path, resumes: bool) -> Path:
    """Returns where a training writes its summaries: an earlier one is never written over.

    Args:
        directory: The directory of the first training; later ones have `_2`, `_3`, ... behind it.
        resumes: Whether the training goes on from the last one, and so does its run.
    """
    numbered = (directory.with_name(f"{directory.name}_{i}") for i in itertools.count(2))
    last = directory
    for run in itertools.chain([directory], numbered):
        if not any(run.glob(_EVENTS)):
            return last if resumes else run
        last = run
    raise AssertionError  # There is always a free number.
