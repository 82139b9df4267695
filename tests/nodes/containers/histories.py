"""What the database has of a run, and what makes two events of two processes the same."""

from graphmill.engine.events import (
    ContainerFinished,
    ContainerStarted,
    Event,
    NodeFinished,
    NodeStarted,
    RoundStarted,
    VariableUpdated,
)
from graphmill.engine.fanout import EPOCH_SHIFT
from graphmill.storage.entries import events_in
from graphmill.storage.events import Sorted, sort_events
from graphmill.storage.packing import pack, unpack


def stored(events: list[Event]) -> list[Event]:
    """The events as the database gives them back."""
    numbered = list(enumerate(events, (1 << EPOCH_SHIFT) + 1))
    kept: Sorted = sort_events(numbered, {})
    again = dict(numbered[:1])
    again.update(events_in(unpack(pack([*kept.nodes, *kept.others]))))
    return [event for _, event in sorted(again.items())]


def mark(event: Event) -> object:
    match event:
        case NodeStarted(execution) | NodeFinished(execution) | ContainerStarted(execution):
            return type(event), execution.path, execution.node_id
        case ContainerFinished(execution):
            return type(event), execution.path, execution.node_id
        case RoundStarted(execution, index):
            return type(event), execution.path, execution.node_id, index
        case VariableUpdated(selector, value):
            return type(event), selector, repr(value)
        case _:
            return type(event)
