"""Runs as a caller sees them: start, follow, stop, look up. A run belongs to the server, not to its caller."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from graphmill.engine.fanout import Feed
from graphmill.engine.run import Run
from graphmill.ports import NumberedEvent
from graphmill.service.apps import App, Version
from graphmill.storage.end_users import EndUser
from graphmill.storage.runs import LogPage, LogQuery, RunRecord


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that this process drives, or drove until a moment ago."""

    run: Run
    feed: Feed
    trace_id: str | None = None


class Runs:
    async def start(
        self,
        app: App,
        version: Version,
        *,
        inputs: Mapping[str, object],
        files: Sequence[object],
        user: EndUser,
        trace_id: str | None = None,
    ) -> LiveRun:
        """Check ceiling, files and inputs (`service-api §5`, steps 7, 9, 10) and start a run of `version`.

        `inputs` and `files` are as they came out of the JSON body. Raises TooManyRuns or InvalidParameter; then nothing
        was started and no slot is held. Follow the result with `follow`, or wait for `live.feed.finished()`."""
        raise NotImplementedError

    def find_live(self, app: App, run_or_task_id: str) -> LiveRun | None:
        """A run of `app` that goes on in this process."""
        raise NotImplementedError

    async def stop(self, app: App, run_or_task_id: str) -> bool:
        """Stop a run of `app`; False when there is no such run, or it has ended. The run ends within a second."""
        raise NotImplementedError

    async def get(self, app: App, run_id: str) -> RunRecord:
        """What the database holds of a run. Raises RunNotFound."""
        raise NotImplementedError

    async def logs(self, app: App, query: LogQuery) -> LogPage:
        raise NotImplementedError

    async def committed(self, live: LiveRun) -> None:
        """Return when everything that happened so far is in the database. Await it before the first answer."""
        raise NotImplementedError

    def follow(self, live: LiveRun, *, after: int = 0) -> AsyncIterator[list[NumberedEvent]]:
        """The events behind sequence number `after` in batches, live, until the run has ended."""
        raise NotImplementedError

    async def history(self, run_id: str, *, after: int = 0) -> list[NumberedEvent]:
        """The stored events of a run, oldest first. Check with `get` that the caller's app owns the run."""
        raise NotImplementedError
