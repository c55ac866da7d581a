"""What makes a TensorBoard that is running read the Projector's configuration of a run again."""

import re
import time
from pathlib import Path

import tensorflow as tf

from keras_siamese.files import atomic_path

_POINTER = "checkpoint"
_IS_OURS = re.compile(rb'model_checkpoint_path: "refresh-\d+"\n')


def refresh(directory: Path) -> None:
    """Makes TensorBoard read the configuration in a run directory again, at the next request.

    It does so when the run has a checkpoint of a new name: here, one of a single number. A
    directory with checkpoints of another writer is left as it is.

    Args:
        directory: The run directory.

    Raises: OSError or tf.errors.OpError: If it cannot be written.
    """
    pointer = directory / _POINTER
    if pointer.exists() and not _IS_OURS.fullmatch(pointer.read_bytes()):
        return
    name = f"refresh-{time.time_ns()}"
    old = [*directory.glob("refresh-*.index"), *directory.glob("refresh-*.data-*")]
    tf.train.Checkpoint(number=tf.Variable(0)).write(str(directory / name))
    with atomic_path(pointer) as temporary:
        temporary.write_text(f'model_checkpoint_path: "{name}"\n')
    for file in old:
        file.unlink(missing_ok=True)
