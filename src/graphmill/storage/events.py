"""Events as they are stored: lists of JSON values, several in one JSON text.

`["text", 7, ["end", "x"], null, ["Hel", "lo"]]` is the chunks 7 and 8. To a kind, members may be
added at the end only, with a meaning for when they are absent: old rows stay readable.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
    RunFinished,
    RunPaused,
    RunResumed,
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
    turns: bool = False
    """Does the run pause, go on or end in them?"""


def sort_events(events: Sequence[NumberedEvent], starts: Starts) -> Sorted:
    """Sort `events`, of which there is at least one, and keep account of `starts`.

    The end of a node tells its start as well. So a start gets an entry of its own only if the end
    is not among `events`."""
    result = Sorted()
    chunks = _Chunks(result.others)
    for sequence, event in events:
        match event:
            case TextChunk():
                chunks.add(sequence, event)
            case NodeFinished():
                start, _ = starts.pop(event.execution.id, (None, None))
                result.nodes.append(_node_finished(sequence, start, event))
            case NodeStarted():
                starts[event.execution.id] = (sequence, event.execution)
            case RunStarted():
                result.started = (sequence, event)
            case RunFinished():
                result.finished = (sequence, event)
                result.turns = True
            case _:
                result.turns |= isinstance(event, RunPaused | RunResumed)
                result.others.append(_ENTRIES[type(event)](sequence, event))
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
        *_for_replay(event),
    ]


def _for_replay(event: NodeFinished) -> Entry:
    """Members that few ends have."""
    if event.handle == "source" and not event.leaves and not event.streamed:
        return []
    return [event.handle, event.leaves, event.streamed]


def _agent_logged(sequence: int, event: AgentLogged) -> Entry:
    return [
        "agent",
        sequence,
        event.execution_id,
        event.node_id,
        event.id,
        event.label,
        event.parent_id,
        event.error,
        event.status,
        event.data,
        event.metadata,
        _position(event.position),
    ]


def _container_finished(sequence: int, event: ContainerFinished) -> Entry:
    return [
        "rounds_over",
        sequence,
        _execution(event.execution),
        event.status,
        event.inputs,
        event.outputs,
        event.metadata,
        event.steps,
        event.error,
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


def _reasoning(sequence: int, event: ReasoningChunk) -> Entry:
    position = _position(event.position)
    return ["reasoning", sequence, event.node_id, event.text, event.is_final, position]


def _container_started(sequence: int, event: ContainerStarted) -> Entry:
    return ["rounds", sequence, _execution(event.execution), event.inputs, event.metadata]


def _round_started(sequence: int, event: RoundStarted) -> Entry:
    execution = _execution(event.execution)
    return ["round", sequence, execution, event.index, event.outputs_before, event.at]


def _form_closed(sequence: int, event: FormClosed) -> Entry:
    return [
        "form",
        sequence,
        event.node_id,
        event.title,
        event.rendered_content,
        event.action_id,
        event.action_text,
        event.submitted,
        event.expires_at,
    ]


def _run_paused(sequence: int, event: RunPaused) -> Entry:
    return [
        "pause",
        sequence,
        event.reasons,
        event.paused_nodes,
        event.elapsed,
        event.total_tokens,
        event.total_steps,
        event.at,
    ]


_ENTRIES: Final[dict[type[Event], Callable[[int, Any], Entry]]] = {
    NodeRetried: _node_retried,
    VariableUpdated: lambda n, event: ["variable", n, event.selector, event.value],
    ReasoningChunk: _reasoning,
    AgentLogged: _agent_logged,
    ResourcesRetrieved: lambda n, event: ["resources", n, event.node_id, event.resources],
    ContainerStarted: _container_started,
    RoundStarted: _round_started,
    ContainerFinished: _container_finished,
    NodePaused: lambda n, event: ["wait", n, _execution(event.execution), event.reason],
    FormClosed: _form_closed,
    RunPaused: _run_paused,
    RunResumed: lambda n, event: ["resume", n, event.at],
}
"""Of events that have no row or entry of their own."""


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


def _read_reasoning(
    sequence: int, node_id: str, text: str, is_final: bool, position: Entry | None
) -> Iterator[NumberedEvent]:
    yield sequence, ReasoningChunk(node_id, text, is_final, _read_position(position))


def _read_agent(sequence: int, *members: Any) -> Iterator[NumberedEvent]:
    logged = AgentLogged(*members)
    logged.position = _read_position(members[-1])
    yield sequence, logged


def _read_resources(sequence: int, *members: Any) -> Iterator[NumberedEvent]:
    yield sequence, ResourcesRetrieved(*members)


def _read_rounds(sequence: int, execution: Entry, *others: Any) -> Iterator[NumberedEvent]:
    yield sequence, ContainerStarted(_read_execution(execution), *others)


def _read_round(sequence: int, execution: Entry, *others: Any) -> Iterator[NumberedEvent]:
    yield sequence, RoundStarted(_read_execution(execution), *others)


def _read_rounds_over(
    sequence: int, execution: Entry, status: str, *others: Any
) -> Iterator[NumberedEvent]:
    yield sequence, ContainerFinished(_read_execution(execution), NodeStatus(status), *others)


def _read_wait(sequence: int, execution: Entry, reason: Any) -> Iterator[NumberedEvent]:
    yield sequence, NodePaused(_read_execution(execution), reason)


def _read_form(sequence: int, *members: Any) -> Iterator[NumberedEvent]:
    yield sequence, FormClosed(*members)


def _read_pause(sequence: int, *members: Any) -> Iterator[NumberedEvent]:
    yield sequence, RunPaused(*members)


def _read_resume(sequence: int, at: float) -> Iterator[NumberedEvent]:
    yield sequence, RunResumed(at)


_READERS: Final[dict[str, Callable[..., Iterator[NumberedEvent]]]] = {
    "end": _read_end,
    "start": _read_start,
    "retry": _read_retry,
    "text": _read_text,
    "variable": _read_variable,
    "reasoning": _read_reasoning,
    "agent": _read_agent,
    "resources": _read_resources,
    "rounds": _read_rounds,
    "round": _read_round,
    "rounds_over": _read_rounds_over,
    "wait": _read_wait,
    "form": _read_form,
    "pause": _read_pause,
    "resume": _read_resume,
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
