"""Numbers and traces of what the server does."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from graphmill.config import Settings
from graphmill.errors import ConfigInvalid
from graphmill.ids import app_id_of
from graphmill.observation.counted import CountedJournal
from graphmill.observation.metrics import Metrics, Values
from graphmill.observation.tracing import UNTRACED, Tracing
from graphmill.sandbox.runner import Sandbox
from graphmill.service.runs.slots import Slots
from graphmill.service.tasks.runner import TaskRunner
from graphmill.storage.database import Database
from graphmill.storage.journal import SqlJournal
from graphmill.wiring.outbound import open_client, service_rules


@dataclass(frozen=True, slots=True)
class Observation:
    slugs: Mapping[str, str]
    """By the ids of their apps: what these are called in logs, numbers and traces."""
    metrics: Metrics
    is_counted: bool
    """Can anybody read the numbers?"""
    tracing: Tracing

    def journal(self, database: Database) -> SqlJournal:
        return CountedJournal(database, self.metrics) if self.is_counted else SqlJournal(database)

    def watch(
        self, runs: Slots, readers: Slots, database: Database, sandbox: Sandbox, tasks: TaskRunner
    ) -> None:
        """What is counted when somebody asks."""
        watch = self.metrics.watch
        watch("graphmill_runs", "Runs that go on.", ("app",), self._by_app(runs))
        watch("graphmill_event_streams", "Open event streams.", ("app",), self._by_app(readers))
        watch(
            "graphmill_database_writes_waiting",
            "Writes that wait for the database.",
            (),
            lambda: {(): database.writes_waiting},
        )
        watch(
            "graphmill_sandbox_calls",
            "Calls of code: processes that run, and those that wait for one.",
            ("state",),
            lambda: _states(**asdict(sandbox.load())),
        )
        watch(
            "graphmill_tasks",
            "Tasks of Nextcloud's clients that workflows execute, and those that wait.",
            ("state",),
            lambda: _states(running=tasks.active, waiting=tasks.waiting),
        )

    def _by_app(self, slots: Slots) -> Callable[[], Values]:
        return lambda: {
            (self.slugs.get(app_id, app_id),): count for app_id, count in slots.taken.items()
        }


def _states(**counts: int) -> Values:
    return {(state,): count for state, count in counts.items()}


@asynccontextmanager
async def open_observation(settings: Settings) -> AsyncIterator[Observation]:
    """Raises ConfigInvalid when traces are wanted, and what makes them is not installed."""
    slugs = {app_id_of(app.slug): app.slug for app in settings.apps}
    is_counted = settings.metrics.token is not None
    async with _open_tracing(settings, slugs) as tracing:
        yield Observation(slugs, Metrics(slugs), is_counted, tracing)


@asynccontextmanager
async def _open_tracing(settings: Settings, slugs: Mapping[str, str]) -> AsyncIterator[Tracing]:
    if settings.traces.endpoint is None:
        yield UNTRACED
        return
    try:
        # Most servers never need it.
        from graphmill.observation.traces import Traces  # noqa: PLC0415
    except ImportError as error:
        raise ConfigInvalid(
            f"traces.endpoint is set, but OpenTelemetry is not installed: {error}. "
            "Install graphmill[otel]."
        ) from error
    async with open_client(service_rules(settings.traces.endpoint)) as http:
        traces = Traces(settings.traces, http, slugs)
        try:
            yield traces
        finally:
            await traces.close()
