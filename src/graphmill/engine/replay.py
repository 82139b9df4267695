"""A run of which the beginning is known: what its events say is taken as it was, nothing is done
twice.

The traversal is deterministic: the same outcomes in the same order lead to the same state. So the
recorded starts and ends are gone through in their order. Containers open and conclude by themselves
on the way.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

from graphmill.engine.events import (
    ContainerFinished,
    ContainerStarted,
    Event,
    Execution,
    NodeFinished,
    NodePaused,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    RoundStarted,
    RunPaused,
    RunStarted,
    TextChunk,
    VariableUpdated,
)
from graphmill.engine.frames import Work
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.usage import Usage, usage_of
from graphmill.errors import ReplayDiverged
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value

Key: TypeAlias = tuple[str, str]
"""Path of a frame and id of a node: a node runs once a frame."""


class Replayable(Protocol):
    """What a replay asks of the traversal."""

    def begin(self, started_at: float) -> None: ...

    def start_again(self, recorded: Execution) -> Work: ...

    def catch_up(self, execution: Execution, index: int) -> None: ...

    def run_inline(self, work: Work) -> None: ...

    def count_retry(self, work: Work) -> None: ...

    def woken(self, work: Work) -> None: ...

    def complete(self, work: Work, outcome: Outcome) -> float | None: ...


class Replay:
    def __init__(self, traversal: Replayable) -> None:
        self._traversal = traversal
        self._works: dict[Key, Work] = {}
        """Started and not completed."""
        self._updates: list[tuple[Selector, Value]] = []
        """Of the node that ends next: they are told right before its end."""

    def run(self, history: Sequence[Event]) -> list[Work]:
        """What was under way at the end of `history`, in the order of its starts."""
        for event in history:
            match event:
                case RunStarted():
                    self._traversal.begin(event.at)
                case NodeStarted():
                    self._start(event.execution)
                case VariableUpdated():
                    self._updates.append((event.selector, event.value))
                case NodeRetried():
                    self._traversal.count_retry(self._work_of(event.execution))
                case NodePaused():
                    self._work_of(event.execution).is_waiting = True
                case RunPaused():
                    self._wake()
                case NodeFinished():
                    self._finish(event)
                case (
                    RoundStarted(execution=container, index=index)
                    | ContainerFinished(execution=container, steps=index)
                ):
                    self._traversal.catch_up(container, index)
                case _:
                    pass
        return list(self._works.values())

    def _start(self, recorded: Execution) -> None:
        work = self._traversal.start_again(recorded)
        if work.step.node.node_class is NodeClass.CONTAINER:
            self._traversal.run_inline(work)
        else:
            self._works[recorded.path, recorded.node_id] = work

    def _finish(self, event: NodeFinished) -> None:
        work = self._works.pop((event.execution.path, event.execution.node_id), None)
        if work is None:
            # A container: its end followed from that of its last round.
            return
        work.streamed = event.streamed
        _tell_streamed(work, event)
        if work.step.retry is not None:
            work.retries = work.step.retry.max_retries
        self._traversal.complete(work, _outcome(event, tuple(self._updates)))
        self._updates.clear()

    def _wake(self) -> None:
        """All that wait ran again when the run went on."""
        for work in self._works.values():
            if work.is_waiting:
                self._traversal.woken(work)

    def _work_of(self, execution: Execution) -> Work:
        work = self._works.get((execution.path, execution.node_id))
        if work is None:
            raise ReplayDiverged(f"{execution.node_id} was tried again without a start")
        return work


def untold(told: Iterable[Event], history: Iterable[Event]) -> list[Event]:
    """What a replay tells and `history` does not have: it follows from its last events, and was
    lost with the process."""
    known: set[Hashable] = set()
    shown: Counter[Hashable] = Counter()
    for event in history:
        if isinstance(event, TextChunk):
            shown[_place(event)] += len(event.text)
        else:
            known.add(_mark(event))
    lost: list[Event] = []
    for event in told:
        if isinstance(event, TextChunk):
            length = min(shown[_place(event)], len(event.text))
            shown[_place(event)] -= length
            if length < len(event.text):
                lost.append(TextChunk(event.selector, event.text[length:], event.position))
        elif _mark(event) is not None and _mark(event) not in known:
            lost.append(event)
    return lost


def _mark(event: Event) -> Hashable:
    """Of an event that can follow from the last one that was recorded: the same in both processes.
    None of any other."""
    match event:
        case NodeFinished() | ContainerStarted() | ContainerFinished():
            return (type(event), event.execution.path, event.execution.node_id)
        case RoundStarted():
            return (RoundStarted, event.execution.path, event.execution.node_id, event.index)
        case _:
            return None


def _place(chunk: TextChunk) -> Hashable:
    at = chunk.position
    if at is None:
        return chunk.selector
    return (chunk.selector, at.iteration_id, at.iteration_index, at.loop_id, at.loop_index)


def _tell_streamed(work: Work, event: NodeFinished) -> None:
    """Put the filter into the state in which the node left it; what it shows by that was shown."""
    is_whole = event.status is NodeStatus.SUCCEEDED
    for name in event.streamed:
        text = event.outputs.get(name) if is_whole else ""
        selector = (event.execution.node_id, name)
        work.frame.stream.chunk(selector, text if isinstance(text, str) else "", is_final=is_whole)


def _outcome(event: NodeFinished, updates: tuple[tuple[Selector, Value], ...]) -> Outcome:
    usage = _usage(event)
    if event.status is NodeStatus.SUCCEEDED:
        return Succeeded(
            event.outputs,
            event.inputs,
            event.process_data,
            event.metadata,
            event.handle,
            updates,
            event.leaves,
            usage,
        )
    error = event.error or ""
    return Failed(
        error,
        event.error_type,
        event.inputs,
        event.process_data,
        event.outputs,
        metadata=event.metadata,
        usage=usage,
    )


def _usage(event: NodeFinished) -> Usage | None:
    """What the node used, as far as its logs say it: the parts, or else the totals."""
    tokens, price = map((event.metadata or {}).get, ("total_tokens", "total_price"))
    if not isinstance(tokens, int):
        return None
    for logged in (event.process_data, event.outputs):
        parts = logged.get("usage")
        if isinstance(parts, dict) and parts.get("total_tokens") == tokens:
            return usage_of(parts)
    return Usage(tokens, prompt_price=Decimal(price) if isinstance(price, str) else None)
