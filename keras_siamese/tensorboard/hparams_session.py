"""A session of TensorBoard's HParams tab: the hyper-parameters of a training, and how it ended."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.plugins.hparams import api_pb2, metadata, summary, summary_v2

from keras_siamese.tensorboard.summary_run import read_events

Value = bool | int | float | str


def check_hparams(hparams: Mapping[str, Any]) -> dict[str, Value]:
    """Returns hyper-parameters as Python values.

    Args:
        hparams: Strings, numbers (of NumPy, too) and bools, by name.

    Raises: ValueError: If a name is no text, or a value none that TensorBoard shows.
    """
    checked = {}
    for name, value in hparams.items():
        value = value.item() if isinstance(value, np.generic) else value
        is_shown = isinstance(value, str | int) or (
            isinstance(value, float) and math.isfinite(value)
        )
        if not isinstance(name, str) or not name or not is_shown:
            raise ValueError(
                "`hparams` must be strings, finite numbers or bools, by name. Received: "
                f"{name!r}: {value!r}. Leave it out, or give it as text: `str(...)`."
            )
        checked[name] = value
    return checked


def session_start(hparams: Mapping[str, Value], group: str = "") -> Any:
    """Returns the summary that makes a run a session, and so a row of the table.

    Only the first one in a run counts, and so it is with `session_end`.

    Args:
        hparams: The columns.
        group: Sessions of one group share a row, which shows the means of their figures. Defaults
            to `""`: a row of its own, named after the run.
    """
    return summary_v2.hparams_pb(dict(hparams), trial_id=group)


def session_end(success: bool) -> Any:
    """Returns the summary that ends a session.

    Args:
        success: Whether training came to its end.
    """
    status = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    return summary.session_end_pb(status)


def hparams_of_session(directory: Path) -> dict[str, Value] | None:
    """Reads the hyper-parameters of the session in a run; None if there is no session.

    Args:
        directory: The run directory.
    """
    for event in read_events(directory):
        for value in event.summary.value:
            if value.tag == metadata.SESSION_START_INFO_TAG:
                content = value.metadata.plugin_data.content
                start = metadata.parse_session_start_info_plugin_data(content)
                return {
                    name: getattr(field, field.WhichOneof("kind"))
                    for name, field in start.hparams.items()
                }
    return None
