"""Runs sketched workflows through the real driver, and says what was told."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from graphmill.engine.driver import Driver, RunLimits
from graphmill.engine.events import (
    AgentLogged,
    ContainerFinished,
    ContainerStarted,
    Event,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    ReasoningChunk,
    ResourcesRetrieved,
    RoundStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    TextChunk,
    VariableUpdated,
)
from graphmill.engine.fanout import Feed
from graphmill.engine.plan import Plan
from graphmill.engine.run import Run
from graphmill.errors import StoreUnreachable
from graphmill.ports.runs import EventLog, NumberedEvent
from graphmill.variables.values import Value


class MemoryJournal:
    """A journal without a database: `ports.Journal`. While it is `broken`, nothing is stored."""

    def __init__(self) -> None:
        self.rows: dict[str, list[NumberedEvent]] = {}
        self.broken = False
        self.posts: list[int] = []
        """How many events there were at each post."""
        self.open = asyncio.Event()
        """Clear it to hold all commits back."""
        self.open.set()

    def post(self, log: EventLog, *, has_time: bool = False) -> None:
        pending = log.pending()
        if not self.broken:
            rows = self.rows.setdefault(log.run_id, [])
            rows.extend(pending)
            self.posts.append(len(rows))

    async def committed(self, log: EventLog) -> None:
        await self.open.wait()
        if self.broken:
            raise StoreUnreachable("the database does not answer")
        log.recorded()

    async def history(self, run_id: str, *, after: int = 0) -> list[NumberedEvent]:
        return [entry for entry in self.rows.get(run_id, []) if entry[0] > after]


@dataclass(slots=True)
class Told:
    """The events of a run and what a test asks of them."""

    events: Sequence[Event]

    @property
    def end(self) -> RunFinished:
        last = self.events[-1]
        assert isinstance(last, RunFinished), f"the last event is {last}"
        return last

    @property
    def out(self) -> dict[str, Value]:
        return self.end.outputs

    @property
    def status(self) -> RunStatus:
        return self.end.status

    @property
    def stream(self) -> list[str]:
        """The texts that were shown, without empty ones."""
        return [event.text for event in self.events if isinstance(event, TextChunk) and event.text]

    @property
    def text(self) -> str:
        return "".join(self.stream)

    @property
    def started(self) -> list[str]:
        return [event.execution.node_id for event in self.events if isinstance(event, NodeStarted)]

    def finished(self, node_id: str) -> NodeFinished:
        (event,) = (
            event
            for event in self.events
            if isinstance(event, NodeFinished) and event.execution.node_id == node_id
        )
        return event

    def closed(self, node_id: str) -> ContainerFinished:
        (event,) = (
            event
            for event in self.events
            if isinstance(event, ContainerFinished) and event.execution.node_id == node_id
        )
        return event

    @property
    def lines(self) -> list[str]:
        """Everything in order, a line each: `a started`, `'text' of a.text`, `a succeeded`."""
        return [_line(event) for event in self.events]


def _line(event: Event) -> str:
    return _LINES[type(event)](event)


_LINES: Final[dict[type[Event], Callable[[Any], str]]] = {
    RunStarted: lambda event: "run started",
    NodeStarted: lambda event: f"{event.execution.node_id} started",
    NodeRetried: lambda event: f"{event.execution.node_id} retry {event.retry_index}",
    NodeFinished: lambda event: f"{event.execution.node_id} {event.status}",
    TextChunk: lambda event: f"{event.text!r} of {'.'.join(event.selector)}",
    ReasoningChunk: lambda event: f"{event.text!r} thought by {event.node_id}",
    AgentLogged: lambda event: f"{event.label}: {event.status}",
    ResourcesRetrieved: lambda event: f"resources of {event.node_id}",
    ContainerStarted: lambda event: f"{event.execution.node_id} opened",
    RoundStarted: lambda event: f"{event.execution.node_id} round {event.index}",
    ContainerFinished: lambda event: f"{event.execution.node_id} closed: {event.status}",
    VariableUpdated: lambda event: f"{'.'.join(event.selector)} = {event.value!r}",
    RunFinished: lambda event: f"run {event.status}",
}


@dataclass(slots=True)
class Stage:
    """One run with all its parts in the hand of the test."""

    plan: Plan
    inputs: dict[str, Value] = field(default_factory=dict)
    limits: RunLimits = field(default_factory=RunLimits)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    clock: Callable[[], float] = time.time
    run: Run = field(init=False)
    feed: Feed = field(init=False)
    driver: Driver = field(init=False)
    epoch: int = 1

    def __post_init__(self) -> None:
        self.run = Run(
            id="run",
            task_id="task",
            app_id="app",
            workflow_id="workflow",
            version="1",
            sequence_number=1,
            end_user_id="end-user",
            user="ann",
            inputs=self.inputs,
            created_at=1000.0,
        )
        self.feed = Feed(self.run.id, epoch=self.epoch)
        numbers = count(self.epoch * 1_000_000 + 1 if self.epoch > 1 else 1)
        self.driver = Driver(
            self.run,
            self.plan,
            self.feed,
            self.journal,
            limits=self.limits,
            clock=self.clock,
            new_id=lambda: f"id-{next(numbers)}",
        )

    async def told(self) -> Told:
        """What a reader from the beginning gets, to the end of the run."""
        events: list[Event] = []
        async for batch in self.feed.follow(self.history):
            events += [event for _, event in batch]
        return Told(events)

    async def history(self, after: int) -> list[NumberedEvent]:
        return await self.journal.history(self.run.id, after=after)

    async def until(self, line: str) -> None:
        """Wait until the event that reads `line` was told."""
        async for batch in self.feed.follow(self.history):
            if line in Told([event for _, event in batch]).lines:
                return
        raise AssertionError(f"the run ended without {line!r}")


async def run(plan: Plan, *, limits: RunLimits | None = None, **inputs: Value) -> Told:
    """Drive a run of `plan` to its end."""
    stage = Stage(plan, inputs, limits or RunLimits())
    await stage.driver.drive()
    return await stage.told()
