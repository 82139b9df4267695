"""Numbers of what the server does: counted in place, with plain integers, and read when somebody
asks (`exposition`).

Labels are words out of few. What a caller sends is never one of them.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from graphmill.engine.events import Event, NodeFinished, NodeRetried, RunFinished
from graphmill.engine.run import Run
from graphmill.ports.models import ModelCall

BUCKETS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1200.0)
"""Seconds."""
LAG_EVERY: Final = 0.5
"""Seconds between two looks at how late the event loop is."""

Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many, and how long they took."""

    name: str
    about: str
    labels: Labels
    rows: dict[Labels, list[float]] = field(default_factory=dict)
    """How many were in each bucket, how many took longer, and the sum of all seconds."""

    def add(self, labels: Labels, seconds: float) -> None:
        row = self.rows.get(labels)
        if row is None:
            row = self.rows[labels] = [0.0] * (len(BUCKETS) + 2)
        row[bisect_left(BUCKETS, seconds)] += 1
        row[-1] += seconds


@dataclass(frozen=True, slots=True)
class Counter:
    """How many since the start of the server."""

    name: str
    about: str
    labels: Labels
    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, labels: Labels, amount: float = 1) -> None:
        self.values[labels] = self.values.get(labels, 0) + amount


@dataclass(frozen=True, slots=True)
class Gauge:
    """How many there are now."""

    name: str
    about: str
    labels: Labels
    read: Callable[[], Values]


Reading: TypeAlias = tuple[Gauge, Values]


class Metrics:
    def __init__(self, slugs: Mapping[str, str]) -> None:
        """`slugs`: id of an app → what the app is called here."""
        self._slugs = slugs
        self.requests = Histogram(
            "graphmill_http_request_duration_seconds",
            "Requests to this server, from their head to the end of the answer.",
            ("method", "route", "status"),
        )
        self._model_calls = Histogram(
            "graphmill_model_call_duration_seconds",
            "Calls of models, since their turn had come.",
            ("model", "status"),
        )
        self._tokens = Counter(
            "graphmill_model_tokens", "Tokens that models read and wrote.", ("model", "direction")
        )
        self._runs = Histogram(
            "graphmill_run_duration_seconds", "Runs that have ended.", ("app", "status")
        )
        self._nodes = Histogram(
            "graphmill_node_duration_seconds",
            "Executions of nodes, with their retries.",
            ("type", "status"),
        )
        self._retries = Counter(
            "graphmill_node_retries", "Attempts of nodes after the first.", ("type",)
        )
        self._lag = Histogram(
            "graphmill_event_loop_lag_seconds", "How late the event loop turns to what is due.", ()
        )
        self._gauges: list[Gauge] = []
        self.watch(
            "graphmill_asyncio_tasks",
            "Tasks of the event loop, at work or waiting.",
            (),
            lambda: {(): len(asyncio.all_tasks())},
        )

    @property
    def histograms(self) -> Sequence[Histogram]:
        return self.requests, self._runs, self._nodes, self._model_calls, self._lag

    @property
    def counters(self) -> Sequence[Counter]:
        return self._retries, self._tokens

    def read_gauges(self) -> Sequence[Reading]:
        """Call it in the event loop, which what is counted belongs to."""
        return [(gauge, gauge.read()) for gauge in self._gauges]

    def watch(self, name: str, about: str, labels: Labels, read: Callable[[], Values]) -> None:
        """Have `read` called whenever somebody asks."""
        self._gauges.append(Gauge(name, about, labels, read))

    def run_ended(self, run: Run, finished: RunFinished) -> None:
        app = self._slugs.get(run.app_id, run.app_id)
        self._runs.add((app, finished.status), finished.elapsed)

    def model_called(self, call: ModelCall) -> None:
        name = call.model.name
        self._model_calls.add((name, call.status), call.seconds)
        if call.usage is not None:
            self._tokens.add((name, "input"), call.usage.prompt_tokens)
            self._tokens.add((name, "output"), call.usage.completion_tokens)

    def happened(self, events: Iterable[Event]) -> None:
        """In a run. How a run ended is known only when it could be recorded: see `run_ended`."""
        for event in events:
            if isinstance(event, NodeFinished):
                execution = event.execution
                seconds = max(0.0, event.at - execution.started_at)
                self._nodes.add((execution.node_type, event.status), seconds)
            elif isinstance(event, NodeRetried):
                self._retries.add((event.execution.node_type,))

    async def watch_loop(self) -> None:
        """Measure how late timers are, until cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            due = now() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self._lag.add((), max(0.0, now() - due))
