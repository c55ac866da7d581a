"""What makes a TensorBoard that is running read the Projector's configuration of a run again."""

import re
import time
from pathlib import Path

import tensorflow as tf

from keras_siamese.files import atomic_path

_POINTER = "checkpoint"
_IS_OURS = re.compile(rb'model_checkpoint_path: "refresh-(\d+)"\n')


def refresh(directory: Path) -> None:
    """Makes TensorBoard read the configuration in a run directory again, at the next request.

    It does so when the run has a checkpoint of another name than before: here, one of a single
    number. The name is short, as the Projector shows it. A directory with checkpoints of another
    writer is left as it is.

    Args:
        directory: The run directory.

    Raises: OSError or tf.errors.OpError: If it cannot be written.
    """
    pointer = directory / _POINTER
    last = _IS_OURS.fullmatch(pointer.read_bytes()) if pointer.exists() else None
    if pointer.exists() and last is None:
        return
    # A directory that was removed and made again needs another name, too: it starts anywhere.
    name = f"refresh-{int(last[1]) + 1 if last else time.time_ns() // 1000 % 10_000}"
    _write_checkpoint(directory / name)
    with atomic_path(pointer) as temporary:
        temporary.write_text(f'model_checkpoint_path: "{name}"\n')
    for kind in ("index", "data-00000-of-00001"):
        for file in directory.glob(f"refresh-*.{kind}"):
            if file.name != f"{name}.{kind}":
                file.unlink(missing_ok=True)


def _write_checkpoint(prefix: Path) -> None:
    """Writes one without a variable, for which the workers of a strategy would wait."""
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=["number"], shape_and_slices=[""], tensors=[tf.constant(0)]
    )
