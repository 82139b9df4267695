"""What happens in a run, as the payloads of Dify's event stream (`service-api §11`).

Members and their order are those a Dify 1.12 was recorded with, and those that older and newer
clients look for besides."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias
from weakref import WeakValueDictionary

from graphmill.api.dify.errors import ApiError
from graphmill.api.dify.pauses import form_closed, form_required, run_paused
from graphmill.api.sse import PIECE_BYTES, frame
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
from graphmill.engine.run import Run
from graphmill.ports.runs import NumberedEvent
from graphmill.storage.runs import RunRecord
from graphmill.variables.files import File
from graphmill.variables.values import Value

Payload: TypeAlias = dict[str, Any]

NodeEvent: TypeAlias = NodeStarted | NodeRetried | NodeFinished
RoundsEvent: TypeAlias = ContainerStarted | RoundStarted | ContainerFinished
Told: TypeAlias = tuple[str, Payload] | None
"""The name of an event and its data."""

_CONTAINERS: Final = frozenset({"iteration", "loop"})
_NOWHERE: Final = FramePosition()


class RunFrames:
    """One run's events as frames. However many readers a run has, those who keep up share one
    encoding of each batch, and all of them one of each large event."""

    __slots__ = ("__weakref__", "_encode", "_frames", "_large", "_span", "_tell")

    def __init__(
        self, tell: Callable[[Event], Payload | None], encode: Callable[[object], bytes]
    ) -> None:
        """`tell` makes payloads of the run's events."""
        self._tell = tell
        self._encode = encode
        self._span = (0, 0, False)
        self._frames = b""
        self._large: WeakValueDictionary[tuple[int, bool], _Large] = WeakValueDictionary()

    def pieces(self, batch: list[NumberedEvent], *, are_numbered: bool = False) -> Iterator[bytes]:
        """The events of `batch` as frames, as many to a piece as are about `PIECE_BYTES`.

        They are taken out of `batch` one by one: who lingers over a piece keeps nothing else."""
        span = (batch[0][0], batch[-1][0], are_numbered)
        if span == self._span:
            batch.clear()
            yield self._frames
            return
        batch.reverse()
        piece: list[bytes] = []
        size, is_whole = 0, True
        while batch:
            framed = self._framed(*batch.pop(), is_numbered=are_numbered)
            if isinstance(framed, _Large) or size >= PIECE_BYTES:
                is_whole = False
                yield b"".join(piece)
                piece, size = [], 0
            if isinstance(framed, _Large):
                yield framed.frame
            else:
                piece.append(framed)
                size += len(framed)
        frames = b"".join(piece)
        if is_whole:
            self._span, self._frames = span, frames
        yield frames

    def encode(self, events: Iterable[Event]) -> bytes:
        payloads = map(self._tell, events)
        return b"".join(
            [frame(self._encode(payload)) for payload in payloads if payload is not None]
        )

    def _framed(self, number: int, event: Event, *, is_numbered: bool) -> "bytes | _Large":
        """Empty for what is not told."""
        if self._large and (known := self._large.get((number, is_numbered))):
            return known
        payload = self._tell(event)
        if payload is None:
            return b""
        framed = frame(self._encode(payload), number if is_numbered else None)
        if len(framed) < PIECE_BYTES:
            return framed
        large = self._large[number, is_numbered] = _Large(framed)
        return large


class _Large:
    """A frame that is kept as long as somebody writes it."""

    __slots__ = ("__weakref__", "frame")

    def __init__(self, frame: bytes) -> None:
        self.frame = frame


def payload_of(run: Run, event: Event) -> Payload | None:
    """None for what this API does not tell."""
    told = _TOLD[type(event)](run, event)
    if told is None:
        return None
    name, data = told
    return {"event": name, "workflow_run_id": run.id, "task_id": run.task_id, "data": data}


def error_payload(error: ApiError, run: Run | None) -> Payload:
    """What ends a stream when no run could be started, or the server failed it (`§11.14`)."""
    return {
        "event": "error",
        "workflow_run_id": run.id if run is not None else None,
        "task_id": run.task_id if run is not None else None,
        "code": error.code,
        "status": error.status,
        "message": error.message,
    }


def blocking_answer(run: Run | RunRecord, end: RunFinished | RunRecord) -> Payload:
    """The whole answer of a run in blocking mode (`§7.2`)."""
    finished_at = end.at if isinstance(end, RunFinished) else end.finished_at
    return {
        "task_id": run.task_id,
        "workflow_run_id": run.id,
        "data": {
            "id": run.id,
            "workflow_id": run.workflow_id,
            "status": end.status,
            "outputs": end.outputs,
            "error": end.error,
            "elapsed_time": end.elapsed,
            "total_tokens": end.total_tokens,
            "total_steps": end.total_steps,
            "created_at": int(run.created_at),
            "finished_at": epoch(finished_at),
        },
    }


def accepted_answer(run: Run | RunRecord) -> Payload:
    """What there is to say of a run that was started and nobody waits for."""
    return {
        "task_id": run.task_id,
        "workflow_run_id": run.id,
        "data": {
            "id": run.id,
            "workflow_id": run.workflow_id,
            "status": "scheduled",
            "created_at": int(run.created_at),
        },
    }


def stored_end(record: RunRecord) -> Payload:
    """The last event of a run that is over, from its record (`§21`)."""
    return {
        "event": "workflow_finished",
        "workflow_run_id": record.id,
        "task_id": record.task_id,
        "data": {
            "id": record.id,
            "workflow_id": record.workflow_id,
            "sequence_number": record.sequence_number,
            "status": record.status,
            "outputs": record.outputs,
            "error": record.error,
            "elapsed_time": record.elapsed,
            "total_tokens": record.total_tokens,
            "total_steps": record.total_steps,
            "created_by": {"id": record.end_user_id, "user": record.session_id},
            "created_at": int(record.created_at),
            "finished_at": epoch(record.finished_at),
            "exceptions_count": record.exceptions_count,
            "files": files_in(record.outputs),
        },
    }


def _run_started(run: Run, inputs: Mapping[str, Value], reason: str) -> Payload:
    return {
        "id": run.id,
        "workflow_id": run.workflow_id,
        "sequence_number": run.sequence_number,
        "inputs": inputs,
        "created_at": int(run.created_at),
        "reason": reason,
    }


def _run_finished(run: Run, event: RunFinished) -> Payload:
    return {
        "id": run.id,
        "workflow_id": run.workflow_id,
        "sequence_number": run.sequence_number,
        "status": event.status,
        "outputs": event.outputs,
        "error": event.error,
        "elapsed_time": event.elapsed,
        "total_tokens": event.total_tokens,
        "total_steps": event.total_steps,
        "created_by": {"id": run.end_user_id, "user": run.user},
        "created_at": int(run.created_at),
        "finished_at": int(event.at),
        "exceptions_count": event.exceptions_count,
        "files": files_in(event.outputs),
    }


def _node_started(event: NodeStarted) -> Payload:
    execution = event.execution
    position = execution.position or _NOWHERE
    return {
        "id": execution.id,
        "node_id": execution.node_id,
        "node_type": execution.node_type,
        "title": execution.title,
        "index": execution.index,
        "predecessor_node_id": execution.predecessor,
        "inputs": {},
        "inputs_truncated": False,
        "created_at": int(execution.started_at),
        "extras": execution.extras or {},
        "iteration_id": position.iteration_id,
        "loop_id": position.loop_id,
        "agent_strategy": None,
    }


def _node_finished(event: NodeFinished) -> Payload:
    return _attempt(event, event.status, event.metadata)


def _node_retried(event: NodeRetried) -> Payload:
    return {**_attempt(event, "retry", None), "retry_index": event.retry_index}


def _attempt(
    event: NodeFinished | NodeRetried, status: str, metadata: Mapping[str, Value] | None
) -> Payload:
    """The end of one attempt: `node_finished`, or `node_retry` when another one follows."""
    execution = event.execution
    position = execution.position or _NOWHERE
    return {
        "id": execution.id,
        "node_id": execution.node_id,
        "node_type": execution.node_type,
        "title": execution.title,
        "index": execution.index,
        "predecessor_node_id": execution.predecessor,
        "inputs": event.inputs,
        "inputs_truncated": False,
        "process_data": event.process_data,
        "process_data_truncated": False,
        "outputs": event.outputs,
        "outputs_truncated": False,
        "status": status,
        "error": event.error,
        "elapsed_time": max(0.0, event.at - execution.started_at),
        "execution_metadata": metadata,
        "created_at": int(execution.started_at),
        "finished_at": int(event.at),
        "files": files_in(event.outputs),
        "iteration_id": position.iteration_id,
        "loop_id": position.loop_id,
    }


def _text_chunk(event: TextChunk) -> Payload:
    return {"text": event.text, "from_variable_selector": event.selector}


def _reasoning_chunk(event: ReasoningChunk) -> Payload:
    return {
        "message_id": None,
        "reasoning": event.text,
        "node_id": event.node_id,
        "is_final": event.is_final,
    }


def _agent_logged(event: AgentLogged) -> Payload:
    return {
        "node_execution_id": event.execution_id,
        "id": event.id,
        "label": event.label,
        "parent_id": event.parent_id,
        "error": event.error,
        "status": event.status,
        "data": event.data,
        "metadata": event.metadata,
        "node_id": event.node_id,
    }


def _container(execution: Execution) -> Payload:
    return {
        "id": execution.id,
        "node_id": execution.node_id,
        "node_type": execution.node_type,
        "title": execution.title,
    }


def _container_started(event: ContainerStarted) -> Payload:
    return {
        **_container(event.execution),
        "created_at": int(event.execution.started_at),
        "extras": {},
        "metadata": event.metadata,
        "inputs": event.inputs,
        "inputs_truncated": False,
    }


def _round_started(event: RoundStarted) -> Payload:
    payload = {
        **_container(event.execution),
        "index": event.index,
        "created_at": int(event.at),
        "extras": {},
    }
    if event.execution.node_type == "loop":
        payload["pre_loop_output"] = event.outputs_before
    return payload


def _container_finished(event: ContainerFinished) -> Payload:
    return {
        **_container(event.execution),
        "outputs": event.outputs,
        "outputs_truncated": False,
        "created_at": int(event.execution.started_at),
        "extras": {},
        "inputs": event.inputs,
        "inputs_truncated": False,
        "status": event.status,
        "error": event.error,
        "elapsed_time": max(0.0, event.at - event.execution.started_at),
        "total_tokens": event.metadata.get("total_tokens", 0),
        "execution_metadata": event.metadata,
        "finished_at": int(event.at),
        "steps": event.steps,
    }


def _of_node(name: str, event: NodeEvent, data: Callable[[Any], Payload]) -> Told:
    """Of a container, its rounds are told instead."""
    return None if event.execution.node_type in _CONTAINERS else (name, data(event))


def _of_container(name: str, event: RoundsEvent, data: Callable[[Any], Payload]) -> Told:
    return f"{event.execution.node_type}_{name}", data(event)


def epoch(moment: float | None) -> int | None:
    """Times are whole seconds here; None for what has not come yet."""
    return None if moment is None else int(moment)


def files_in(outputs: Mapping[str, Value]) -> list[File]:
    """The files among `outputs`, and directly inside their lists."""
    files: list[File] = []
    for value in outputs.values():
        if isinstance(value, File):
            files.append(value)
        elif isinstance(value, list):
            files += [item for item in value if isinstance(item, File)]
    return files


_TOLD: Final[dict[type[Event], Callable[[Run, Any], Told]]] = {
    RunStarted: lambda run, event: (
        "workflow_started",
        _run_started(run, event.inputs, "initial"),
    ),
    NodeStarted: lambda _, event: _of_node("node_started", event, _node_started),
    NodeRetried: lambda _, event: _of_node("node_retry", event, _node_retried),
    NodeFinished: lambda _, event: _of_node("node_finished", event, _node_finished),
    TextChunk: lambda _, event: ("text_chunk", _text_chunk(event)),
    ReasoningChunk: lambda _, event: ("reasoning_chunk", _reasoning_chunk(event)),
    AgentLogged: lambda _, event: ("agent_log", _agent_logged(event)),
    ContainerStarted: lambda _, event: _of_container("started", event, _container_started),
    RoundStarted: lambda _, event: _of_container("next", event, _round_started),
    ContainerFinished: lambda _, event: _of_container("completed", event, _container_finished),
    ResourcesRetrieved: lambda *_: None,
    VariableUpdated: lambda *_: None,
    NodePaused: lambda _, event: ("human_input_required", form_required(event)),
    FormClosed: lambda _, event: form_closed(event),
    RunPaused: lambda run, event: ("workflow_paused", run_paused(run, event)),
    RunResumed: lambda run, _: (
        "workflow_started",
        _run_started(run, run.all_inputs, "resumption"),
    ),
    RunFinished: lambda run, event: ("workflow_finished", _run_finished(run, event)),
}
