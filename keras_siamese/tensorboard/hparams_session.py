"""A session of TensorBoard's HParams tab: the hyper-parameters of a training, and how it ended."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorboard.plugins.hparams import api_pb2, summary, summary_v2

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
