"""Events as they are stored: lists of JSON values, several in one JSON text.

`["text", 7, ["end", "x"], null, ["Hel", "lo"]]` is the chunks 7 and 8. To a kind, members may be
added at the end only, with a meaning for when they are absent: old rows stay readable.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from graphmill.engine.events import (
    Execution,
    FramePosition,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    RunFinished,
    RunStarted,
    TextChunk,
    VariableUpdated,
)
from graphmill.jsontext import decode, encode
from graphmill.ports.runs import NumberedEvent
from graphmill.variables.files import IDENTITY, File, file_from_mapping

Entry: TypeAlias = list[Any]
Starts: TypeAlias = dict[str, tuple[int, Execution]]
"""By execution id: what has started and not finished, with the number of its NodeStarted."""

_IDENTITY: Final = IDENTITY.encode()


@dataclass(slots=True)
class Sorted:
    """Some events of a run, by where they are kept."""

    started: tuple[int, RunStarted] | None = None
    finished: tuple[int, RunFinished] | None = None
    nodes: list[Entry] = field(default_factory=list)
    """For `node_executions`."""
    others: list[Entry] = field(default_factory=list)
    """For `journal`."""


def sort_events(events: Sequence[NumberedEvent], starts: Starts) -> Sorted:
    """Sort `events`, of which there is at least one, and keep account of `starts`.

    The end of a node tells its start as well. So a start gets an entry of its own only if the end
    is not among `events`."""
    result = Sorted()
    chunks = _Chunks(result.others)
    for sequence, event in events:
        match event:
            case NodeFinished():
                start, _ = starts.pop(event.execution.id, (None, None))
                result.nodes.append(_node_finished(sequence, start, event))
            case NodeStarted():
                starts[event.execution.id] = (sequence, event.execution)
            case TextChunk():
                chunks.add(sequence, event)
            case RunStarted():
                result.started = (sequence, event)
            case RunFinished():
                result.finished = (sequence, event)
            case NodeRetried():
                result.others.append(_node_retried(sequence, event))
            case VariableUpdated():
                result.others.append(["variable", sequence, event.selector, event.value])
    if starts:
        first = events[0][0]
        result.others += [
            ["start", sequence, _execution(execution)]
            for sequence, execution in starts.values()
            if sequence >= first
        ]
    return result


def pack(entries: object) -> bytes:
    """JSON in which files can be told from other mappings."""
    return encode(entries, default=_file)


def unpack(text: bytes) -> Any:
    """What `pack` was given, files included."""
    value = decode(text)
    return _restored(value) if _IDENTITY in text else value


def events_in(entries: Iterable[Entry]) -> Iterator[NumberedEvent]:
    """The events that `sort_events` made entries of; a node's start comes with its end."""
    for kind, *members in entries:
        yield from _READERS[kind](*members)


class _Chunks:
    """Text chunks that follow one another at one place share an entry."""

    __slots__ = ("_entries", "_last", "_next", "_texts")

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._next = 0
        self._last: TextChunk
        self._texts: list[str]

    def add(self, sequence: int, chunk: TextChunk) -> None:
        if (
            sequence == self._next
            and chunk.selector == self._last.selector
            and chunk.position == self._last.position
        ):
            self._texts.append(chunk.text)
        else:
            self._texts = [chunk.text]
            position = _position(chunk.position)
            self._entries.append(["text", sequence, chunk.selector, position, self._texts])
        self._last = chunk
        self._next = sequence + 1


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
    ]


def _position(position: FramePosition | None) -> Entry | None:
    if position is None:
        return None
    return [
        position.iteration_id,
        position.iteration_index,
        position.loop_id,
        position.loop_index,
    ]


def _node_finished(sequence: int, start: int | None, event: NodeFinished) -> Entry:
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
    ]


def _node_retried(sequence: int, event: NodeRetried) -> Entry:
    return [
        "retry",
        sequence,
        _execution(event.execution),
        event.retry_index,
        event.error,
        event.inputs,
        event.process_data,
        event.outputs,
        event.at,
    ]


def _read_execution(members: Entry) -> Execution:
    execution = Execution(*members)
    execution.position = _read_position(members[-1])
    return execution


def _read_position(members: Entry | None) -> FramePosition | None:
    return None if members is None else FramePosition(*members)


def _read_end(
    sequence: int, start: int | None, execution: Entry, status: str, *others: Any
) -> Iterator[NumberedEvent]:
    finished = NodeFinished(_read_execution(execution), NodeStatus(status), *others)
    if start is not None:
        yield start, NodeStarted(finished.execution)
    yield sequence, finished


def _read_start(sequence: int, execution: Entry) -> Iterator[NumberedEvent]:
    yield sequence, NodeStarted(_read_execution(execution))


def _read_retry(sequence: int, execution: Entry, *others: Any) -> Iterator[NumberedEvent]:
    yield sequence, NodeRetried(_read_execution(execution), *others)


def _read_text(
    first: int, selector: list[str], position: Entry | None, texts: list[str]
) -> Iterator[NumberedEvent]:
    for sequence, text in enumerate(texts, first):
        yield sequence, TextChunk(tuple(selector), text, _read_position(position))


def _read_variable(sequence: int, selector: list[str], value: Any) -> Iterator[NumberedEvent]:
    yield sequence, VariableUpdated(tuple(selector), value)


_READERS: Final[dict[str, Callable[..., Iterator[NumberedEvent]]]] = {
    "end": _read_end,
    "start": _read_start,
    "retry": _read_retry,
    "text": _read_text,
    "variable": _read_variable,
}


def _file(value: object) -> object:
    if isinstance(value, File):
        return value.to_mapping()
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _restored(value: Any) -> Any:
    match value:
        case list():
            return [_restored(item) for item in value]
        case {"dify_model_identity": str(identity), "type": str(), "transfer_method": str()} if (
            identity == IDENTITY
        ):
            return file_from_mapping(value)
        case dict():
            return {key: _restored(item) for key, item in value.items()}
        case _:
            return value
