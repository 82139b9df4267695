"""Everything that can happen in a run, as facts in the past tense.

These classes are made for every node and every chunk, so they are slotted and not frozen (a frozen
dataclass costs six times as much to build); nobody changes one after it was emitted. The run they
belong to is known from their feed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from graphmill.engine.usage import Usage
from graphmill.variables.values import Value


class NodeStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXCEPTION = "exception"
    """Failed, but its error strategy handled it."""


class RunStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    PARTIAL_SUCCEEDED = "partial-succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_final(self) -> bool:
        return self not in (RunStatus.RUNNING, RunStatus.PAUSED)


@dataclass(slots=True)
class FramePosition:
    """Which round of which container a node runs in (`workflow-dsl §11`)."""

    iteration_id: str | None = None
    iteration_index: int | None = None
    loop_id: str | None = None
    loop_index: int | None = None


@dataclass(slots=True)
class Execution:
    """One node at work in one frame. Retries are attempts of the same execution and keep its id."""

    id: str
    node_id: str
    node_type: str
    title: str
    index: int
    """Position in the order of starts, from 1."""
    predecessor: str | None
    """The node whose edge triggered this one; None for the root."""
    started_at: float
    """Unix seconds."""
    position: FramePosition | None = None
    extras: Mapping[str, Value] | None = None
    """What clients are shown of the node when it starts (`service-api §11`)."""
    path: str = ""
    """Of its frame: tells apart what `position` does not. Empty for the root frame."""


@dataclass(slots=True)
class RunStarted:
    inputs: dict[str, Value]
    """Form inputs after casting, and the `sys.*` values."""
    at: float


@dataclass(slots=True)
class NodeStarted:
    execution: Execution


@dataclass(slots=True)
class NodeRetried:
    """An attempt failed and the next one begins now."""

    execution: Execution
    retry_index: int
    """1 for the first retry."""
    error: str
    inputs: dict[str, Value]
    process_data: dict[str, Value]
    outputs: dict[str, Value]
    at: float


@dataclass(slots=True)
class NodeFinished:
    execution: Execution
    status: NodeStatus
    inputs: dict[str, Value]
    process_data: dict[str, Value]
    outputs: dict[str, Value]
    metadata: dict[str, Value] | None
    error: str | None
    error_type: str
    at: float
    handle: str = "source"
    """The exit that was taken; this and the next two are for whoever replays the run."""
    leaves: str = ""
    """Id of the loop that it ended."""
    streamed: tuple[str, ...] = ()
    """Names of the outputs that it told piece by piece."""


@dataclass(slots=True)
class TextChunk:
    """A piece of streamed output that may be shown now (`workflow-dsl §13`)."""

    selector: tuple[str, ...]
    text: str
    position: FramePosition | None = None


@dataclass(slots=True)
class ReasoningChunk:
    """A piece of what a model thinks before it answers (`workflow-dsl §13.5`)."""

    node_id: str
    text: str
    is_final: bool
    position: FramePosition | None = None


@dataclass(slots=True)
class AgentLogged:
    """A step of an agent began or changed; the same `id` again changes the entry."""

    execution_id: str
    node_id: str
    id: str
    label: str
    parent_id: str | None
    error: str | None
    status: str
    data: Mapping[str, Value]
    metadata: Mapping[str, Value]
    position: FramePosition | None = None


@dataclass(slots=True)
class ResourcesRetrieved:
    """The pieces of knowledge that a node's answer rests on."""

    node_id: str
    resources: Sequence[Mapping[str, Value]]


@dataclass(slots=True)
class ContainerStarted:
    """An iteration or loop has read its configuration; its rounds begin."""

    execution: Execution
    inputs: dict[str, Value]
    metadata: dict[str, Value]


@dataclass(slots=True)
class RoundStarted:
    """The next round of a container begins; of a loop, from the second on (`workflow-dsl §12`)."""

    execution: Execution
    index: int
    """From 0."""
    outputs_before: Value
    at: float


@dataclass(slots=True)
class ContainerFinished:
    """All rounds are over; the end of the container as a node follows."""

    execution: Execution
    status: NodeStatus
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    metadata: dict[str, Value]
    steps: int
    error: str | None
    at: float


@dataclass(slots=True)
class VariableUpdated:
    """A node wrote a variable that outlives it (conversation and loop variables)."""

    selector: tuple[str, ...]
    value: Value


@dataclass(slots=True)
class NodePaused:
    """A node waits for somebody outside."""

    execution: Execution
    reason: dict[str, Value]


@dataclass(slots=True)
class FormClosed:
    """What a paused node waited for has come, or its time is over."""

    node_id: str
    title: str
    rendered_content: str
    action_id: str
    """Empty when the time was over."""
    action_text: str
    submitted: dict[str, Value]
    expires_at: float
    """Unix seconds."""


@dataclass(slots=True)
class RunPaused:
    """Nothing is left to do until somebody outside has acted."""

    reasons: list[dict[str, Value]]
    paused_nodes: list[str]
    elapsed: float
    """Seconds."""
    total_tokens: int
    total_steps: int
    at: float


@dataclass(slots=True)
class RunResumed:
    """A paused run goes on."""

    at: float


@dataclass(slots=True)
class RunFinished:
    status: RunStatus
    outputs: dict[str, Value]
    error: str | None
    elapsed: float
    """Seconds."""
    total_tokens: int
    total_steps: int
    exceptions_count: int
    at: float
    usage: Usage | None = None
    """Of all models that were called; not recorded with the run."""


Event: TypeAlias = (
    RunStarted
    | NodeStarted
    | NodeRetried
    | NodeFinished
    | TextChunk
    | ReasoningChunk
    | AgentLogged
    | ResourcesRetrieved
    | ContainerStarted
    | RoundStarted
    | ContainerFinished
    | VariableUpdated
    | NodePaused
    | FormClosed
    | RunPaused
    | RunResumed
    | RunFinished
)
