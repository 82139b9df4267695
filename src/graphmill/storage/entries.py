"""Events as lists of JSON values: a word, the event's number, and the fields of the event.

`["resume", 7, 1700000000.5]` is `RunResumed` with the number 7. To a kind, fields may be added at
the end only, with a default: old rows stay readable.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from graphmill.engine.events import (
    AgentLogged,
    ContainerFinished,
    ContainerStarted,
    Event,
    Execution,
    FormClosed,
    FramePosition,
    NodeFinished,
    NodePaused,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    ReasoningChunk,
    ResourcesRetrieved,
    RoundStarted,
    RunPaused,
    RunResumed,
    TextChunk,
    VariableUpdated,
)
from graphmill.ports.runs import NumberedEvent

Entry: TypeAlias = list[Any]

_TYPES: Final[dict[str, type[Event]]] = {
    "start": NodeStarted,
    "retry": NodeRetried,
    "variable": VariableUpdated,
    "reasoning": ReasoningChunk,
    "agent": AgentLogged,
    "resources": ResourcesRetrieved,
    "rounds": ContainerStarted,
    "round": RoundStarted,
    "rounds_over": ContainerFinished,
    "wait": NodePaused,
    "form": FormClosed,
    "pause": RunPaused,
    "resume": RunResumed,
}
"""By their words. `end` and `text` tell more than one event each."""
_WORDS: Final = {kind: word for word, kind in _TYPES.items()}


def entry_of(sequence: int, event: Event) -> Entry:
    """Of an event that has a word of its own."""
    kind = type(event)
    members = [
        getattr(event, name) if form is None else form.write(getattr(event, name))
        for name, form in _FIELDS[kind]
    ]
    return [_WORDS[kind], sequence, *members]


def entry_of_end(sequence: int, start: int | None, event: NodeFinished) -> Entry:
    """`start`: the number of the node's start, which the entry tells as well; None when another
    one has told it."""
    return [
        "end",
        sequence,
        start,
        _execution(event.execution),
        event.status,
        event.inputs,
        event.process_data,
        event.outputs,
        event.metadata,
        event.error,
        event.error_type,
        event.at,
        *_for_replay(event),
    ]


def _for_replay(event: NodeFinished) -> Entry:
    """Members that few ends have."""
    if event.handle == "source" and not event.leaves and not event.streamed:
        return []
    return [event.handle, event.leaves, event.streamed]


def entry_of_text(sequence: int, chunk: TextChunk, texts: list[str]) -> Entry:
    """Of chunks with the numbers from `sequence` on, one for each of `texts`, all at the place of
    `chunk`."""
    return ["text", sequence, chunk.selector, _position(chunk.position), texts]


def events_in(entries: Iterable[Entry]) -> Iterator[NumberedEvent]:
    """The events that the entries were made of; a node's start comes with its end."""
    for word, sequence, *members in entries:
        match word:
            case "end":
                yield from _read_end(sequence, *members)
            case "text":
                yield from _read_text(sequence, *members)
            case _:
                kind = _TYPES[word]
                yield sequence, kind(*_values(kind, members))


def _values(kind: type[Event], members: Entry) -> Iterator[Any]:
    # Not strict: old entries have fewer members.
    for (_, form), member in zip(_FIELDS[kind], members, strict=False):
        yield member if form is None else form.read(member)


def _execution(execution: Execution) -> Entry:
    return [
        execution.id,
        execution.node_id,
        execution.node_type,
        execution.title,
        execution.index,
        execution.predecessor,
        execution.started_at,
        _position(execution.position),
        *_rest(execution),
    ]


def _rest(execution: Execution) -> Entry:
    """Members that few executions have."""
    if execution.path:
        return [execution.extras, execution.path]
    return [execution.extras] if execution.extras else []


def _position(position: FramePosition | None) -> Entry | None:
    if position is None:
        return None
    return [
        position.iteration_id,
        position.iteration_index,
        position.loop_id,
        position.loop_index,
    ]


def _read_execution(members: Entry) -> Execution:
    execution = Execution(*members)
    execution.position = _read_position(members[7])
    return execution


def _read_position(members: Entry | None) -> FramePosition | None:
    return None if members is None else FramePosition(*members)


def _read_end(
    sequence: int, start: int | None, execution: Entry, status: str, *others: Any
) -> Iterator[NumberedEvent]:
    finished = NodeFinished(_read_execution(execution), NodeStatus(status), *others)
    finished.streamed = tuple(finished.streamed)
    if start is not None:
        yield start, NodeStarted(finished.execution)
    yield sequence, finished


def _read_text(
    first: int, selector: list[str], position: Entry | None, texts: list[str]
) -> Iterator[NumberedEvent]:
    for sequence, text in enumerate(texts, first):
        yield sequence, TextChunk(tuple(selector), text, _read_position(position))


@dataclass(frozen=True, slots=True)
class _Form:
    """How a value that is no plain JSON is written and read."""

    write: Callable[[Any], object]
    read: Callable[[Any], object]


_FORMS: Final[dict[object, _Form]] = {
    Execution: _Form(_execution, _read_execution),
    FramePosition | None: _Form(_position, _read_position),
    NodeStatus: _Form(str, NodeStatus),
    tuple[str, ...]: _Form(list, tuple),
}
"""By the types of fields."""
_FIELDS: Final = {
    kind: [(field.name, _FORMS.get(field.type)) for field in fields(kind)] for kind in _WORDS
}
"""In the order in which entries have them."""
