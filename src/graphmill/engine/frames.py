"""Frames: one activation of a graph each. The root is one; a round of an iteration is another."""

from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.events import (
    ContainerFinished,
    Event,
    Execution,
    FramePosition,
    NodeStatus,
    RoundStarted,
    TextChunk,
)
from graphmill.engine.graph import Graph
from graphmill.engine.outcome import Failed, Outcome
from graphmill.engine.plan import Entry, Step
from graphmill.engine.rounds import Round, RoundEnd, Rounds
from graphmill.engine.scheduler import Scheduler
from graphmill.engine.streaming import StreamFilter
from graphmill.engine.usage import Usage
from graphmill.variables.pool import Pool
from graphmill.variables.values import Value

_NOWHERE: Final = FramePosition()


class Frame:
    """The state of one activation: who may run, the values, the shown text, the outputs so far.

    Several frames of a run may be open at once; whoever completes a node says which frame it is
    for."""

    __slots__ = (
        "container", "depth", "error", "held", "index", "open", "outputs", "path", "pool",
        "position", "scheduler", "started_at", "starts", "stream", "tags", "usage",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        entry: Entry,
        pool: Pool,
        *,
        started_at: float,
        container: "Container | None" = None,
        index: int = 0,
    ) -> None:
        """`index` is that of the round in `container`."""
        self.container = container
        self.index = index
        self.position = None if container is None else container.position(index)
        self.depth: int = 0 if container is None else container.work.frame.depth + 1
        """Containers around it."""
        self.path = "" if container is None else container.path(index)
        self.tags = _tags(self.position)
        """What the logs of its nodes say about the position."""
        self.pool = pool
        self.scheduler = Scheduler(graph)
        self.stream = StreamFilter(entry.streams, pool, self.scheduler.is_skipped, self.position)
        self.held: list[TextChunk] | None = (
            [] if container is not None and container.holds_text else None
        )
        """Text that is shown when the frame ends: others beside it stream, too."""
        self.started_at = started_at
        self.outputs: dict[str, Value] = {}
        self.usage: Usage | None = None
        self.open = 0
        """Nodes that are ready or at work."""
        self.starts = 0
        """Nodes that were started."""
        self.error: str | None = None
        """Of the first node that failed without recourse."""

    def spend(self, usage: Usage) -> None:
        """Add what a node or container used to what the frame used."""
        self.usage = usage if self.usage is None else self.usage + usage

    def merge_outputs(self, outputs: dict[str, Value]) -> None:
        """Add a response node's outputs to the frame's (`workflow-dsl §8`).

        Answers are joined, other names overwritten."""
        for name, value in outputs.items():
            before = self.outputs.get(name)
            if name == "answer" and isinstance(before, str) and isinstance(value, str):
                self.outputs[name] = before + value
            else:
                self.outputs[name] = value

    def leave(self, loop_id: str) -> None:
        """The innermost loop of that id around it begins no further round."""
        container = self.container
        while container is not None:
            if container.work.step.node.id == loop_id:
                container.is_left = True
                return
            container = container.work.frame.container

    def tagged(self, metadata: dict[str, Value] | None) -> dict[str, Value] | None:
        """What the logs of a node say, and where it ran."""
        return metadata if self.tags is None else {**self.tags, **(metadata or {})}


class Work:
    """A node at work: which step of which frame, and how often it was tried again."""

    __slots__ = ("context", "execution", "frame", "is_waiting", "retries", "step", "streamed")

    def __init__(
        self, step: Step, frame: Frame, execution: Execution, context: NodeContext
    ) -> None:
        self.step = step
        self.frame = frame
        self.execution = execution
        self.context = context
        self.retries = 0
        self.streamed: tuple[str, ...] = ()
        """Names of the outputs that it tells piece by piece."""
        self.is_waiting = False
        """Has it been told that it waits for somebody, and did nobody wake it since?"""


class Container:
    """An iteration or loop at work: its rounds, and how many of them are open."""

    __slots__ = ("entry", "is_left", "open", "rounds", "usage", "work")

    def __init__(self, work: Work, rounds: Rounds) -> None:
        assert work.step.entry is not None, "containers are compiled with the start of their rounds"
        self.work = work
        self.rounds = rounds
        self.entry = work.step.entry
        self.open = 0
        self.usage: Usage | None = None
        self.is_left = False
        """Did a node inside ask to leave?"""

    def begin(self, next_round: Round, graph: Graph, now: float) -> Frame:
        """The frame of a round that begins."""
        self.open += 1
        next_round.pool.forget(self.entry.members)
        return Frame(
            graph,
            self.entry,
            next_round.pool,
            started_at=now,
            container=self,
            index=next_round.index,
        )

    def announced(self, next_round: Round, now: float) -> RoundStarted:
        """What is told when a round begins."""
        return RoundStarted(self.work.execution, next_round.index, next_round.outputs_before, now)

    def close(self, frame: Frame, now: float) -> None:
        """A round has ended."""
        self.open -= 1
        if frame.usage is not None:
            self.usage = frame.usage if self.usage is None else self.usage + frame.usage
        if self.rounds.merges_outputs and frame.error is None:
            self.work.frame.merge_outputs(frame.outputs)
        seconds = max(0.0, now - frame.started_at)
        self.rounds.finish(RoundEnd(frame.index, frame.pool, frame.error, seconds, self.is_left))

    def conclude(self, now: float) -> tuple[list[Event], Outcome]:
        """All rounds have ended: what is told of that, and the outcome of the node."""
        if self.usage is not None:
            self.work.frame.spend(self.usage)
        conclusion = self.rounds.conclude(self.usage or Usage())
        outcome = conclusion.outcome
        error = outcome.error if isinstance(outcome, Failed) else None
        told: list[Event] = []
        if conclusion.announced is not None:
            told.append(self.announced(conclusion.announced, now))
        told.append(
            ContainerFinished(
                self.work.execution,
                NodeStatus.SUCCEEDED if error is None else NodeStatus.FAILED,
                self.rounds.inputs,
                outcome.outputs,
                conclusion.metadata,
                conclusion.steps,
                error,
                now,
            )
        )
        return told, outcome

    @property
    def holds_text(self) -> bool:
        return self.rounds.is_parallel or self.work.frame.held is not None

    def position(self, index: int) -> FramePosition:
        """Of its round `index`; what encloses it is named as well (`workflow-dsl §11`)."""
        outer, node = self.work.frame.position or _NOWHERE, self.work.step.node
        if node.type == "loop":
            # As recorded: of nested loops the outermost is named, with the index of the innermost.
            loop_id = outer.loop_id or node.id
            return FramePosition(outer.iteration_id, outer.iteration_index, loop_id, index)
        return FramePosition(node.id, index, outer.loop_id, outer.loop_index)

    def path(self, index: int) -> str:
        """Tells its round `index` from all other frames of the run."""
        return f"{self.work.frame.path}/{self.work.step.node.id}/{index}"


def _tags(position: FramePosition | None) -> dict[str, Value] | None:
    if position is None:
        return None
    tags: dict[str, Value] = {}
    if position.iteration_id is not None:
        tags["iteration_id"] = position.iteration_id
        tags["iteration_index"] = position.iteration_index
    if position.loop_id is not None:
        tags["loop_id"] = position.loop_id
        tags["loop_index"] = position.loop_index
    return tags
