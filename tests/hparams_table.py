"""The table of the HParams tab, as TensorBoard itself makes it of a directory."""

from pathlib import Path
from typing import NamedTuple

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups


class Row(NamedTuple):
    """A row.

    Attributes:
        hparams: Values by name.
        metrics: Figures by name, means over the sessions.
        statuses: Of each session.
        steps: The step of each figure.
    """

    hparams: dict[str, float | str | bool]
    metrics: dict[str, float]
    statuses: list[str]
    steps: dict[str, int]


def read_table(log_dir: Path) -> dict[str, Row]:
    """Returns the rows by their names, in order."""
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(log_dir))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(log_dir))
    context = backend_context.Context(TBContext(data_provider=provider))
    request = api_pb2.ListSessionGroupsRequest(
        slice_size=1000, allowed_statuses=api_pb2.Status.values()
    )
    handler = list_session_groups.Handler(RequestContext(), context, "", request)
    rows = {}
    for group in handler.run().session_groups:
        hparams = {
            name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()
        }
        metrics = {value.name.tag: value.value for value in group.metric_values}
        steps = {value.name.tag: value.training_step for value in group.metric_values}
        statuses = [api_pb2.Status.Name(session.status) for session in group.sessions]
        rows[group.name] = Row(hparams, metrics, statuses, steps)
    return rows
