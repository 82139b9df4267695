"""The durable memory of runs: events become rows, many runs to a commit, and events again."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from operator import itemgetter
from time import time
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, literal_column, select, union_all, update

from graphmill.config.apps import LogLevel
from graphmill.engine.events import (
    Event,
    NodeStarted,
    RunFinished,
    RunPaused,
    RunStarted,
    RunStatus,
)
from graphmill.engine.run import Run
from graphmill.errors import StoreError
from graphmill.jsontext import storable
from graphmill.ports.runs import EventLog, NumberedEvent
from graphmill.storage import reports, request_keys
from graphmill.storage.database import Database, Row
from graphmill.storage.entries import events_in
from graphmill.storage.events import Sorted, Starts, sort_events
from graphmill.storage.orders import ADD_ORDER, DROP_ORDER, row_of
from graphmill.storage.packing import pack, unpack
from graphmill.storage.tables import brief_runs, journal, node_executions, runs
from graphmill.storage.turns import TurnRecorder
from graphmill.storage.writer import Write

RETRY_SECONDS: Final = 10.0
RETRIES: Final = 30
"""How often the end of a run is tried again when it could not be written."""

PAGE_EVENTS: Final = 128
"""That a reader who does not go on keeps in memory."""
PAGE_BYTES: Final = 32 * 1024
"""Stored: a page is looked for in the commits that are about that large, at least in one."""
PAGE_COMMITS: Final = 512
LAST: Final = (1 << 63) - 1
"""No sequence number is higher."""

_GOING_ON: Final[dict[str, Any]] = {
    "status": RunStatus.RUNNING.value,
    "finished_at": None,
    "last_sequence": None,
    "elapsed": 0.0,
    "total_tokens": 0,
    "total_steps": 0,
    "exceptions_count": 0,
    "error": None,
    "outputs": "{}",
}
"""What the row of a run says while it runs."""

_ADD_RUN = insert(runs)
_MARK_BRIEF = insert(brief_runs)
_CHANGE_RUN = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"))
    .values({column: bindparam(column) for column in _GOING_ON})
)
_ADD_NODES = insert(node_executions)
_ADD_OTHERS = insert(journal)

_SPAN = select(runs.c.first_sequence, runs.c.last_sequence).where(runs.c.id == bindparam("run_id"))
_RUN = select(
    runs.c.first_sequence,
    runs.c.started_at,
    runs.c.inputs,
    runs.c.last_sequence,
    runs.c.status,
    runs.c.outputs,
    runs.c.error,
    runs.c.elapsed,
    runs.c.total_tokens,
    runs.c.total_steps,
    runs.c.exceptions_count,
    runs.c.finished_at,
).where(runs.c.id == bindparam("run_id"))
_IN_RUN: Final = (node_executions, journal)
_SIZES = union_all(*(
    select(table.c.sequence, func.length(table.c.events)).where(
        table.c.run_id == bindparam("run_id"), table.c.sequence > bindparam("after")
    )
    for table in _IN_RUN
)).order_by(literal_column("1")).limit(PAGE_COMMITS)  # fmt: skip
_EVENTS = union_all(*(
    select(table.c.events).where(
        table.c.run_id == bindparam("run_id"),
        table.c.sequence > bindparam("after"),
        table.c.sequence <= bindparam("last"),
    )
    for table in _IN_RUN
))  # fmt: skip


class SqlJournal:
    """Call `open` for each new run, before its first event is posted.

    What comes after a run's RunFinished is not recorded."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._recorders: dict[str, _Recorder] = {}

    def open(self, run: Run, log: EventLog, *, history: Sequence[NumberedEvent] = ()) -> None:
        """Record `run` from now on, until its RunFinished is written. `history` is what an earlier
        process recorded of it."""
        recorder = _Recorder(
            run, log, self._database, self._clock, self._retry_seconds, self._forget
        )
        recorder.recall(history)
        self._recorders[run.id] = recorder

    def post(self, log: EventLog, *, has_time: bool = False) -> None:
        recorder = self._recorders.get(log.run_id)
        if recorder is not None:
            recorder.post(has_time=has_time)

    async def committed(self, log: EventLog) -> None:
        recorder = self._recorders.get(log.run_id)
        if recorder is not None:
            await recorder.committed()

    def _forget(self, recorder: "_Recorder") -> None:
        """A paused run may have been opened anew meanwhile."""
        if self._recorders.get(recorder.run_id) is recorder:
            del self._recorders[recorder.run_id]

    async def history(self, run_id: str, *, after: int = 0) -> list[NumberedEvent]:
        """What happened in a run, oldest first; streamed text and the like only until it is pruned.

        Raises StoreError."""
        # The run is read first: should it end meanwhile, its end is missing and nothing before it.
        run = await self._database.fetch_one(_RUN, run_id=run_id)
        if run is None:
            return []
        events = await self._events(run, run_id, after, LAST)
        return [entry for entry in events if entry[0] > after]

    async def page(self, run_id: str, *, after: int) -> list[NumberedEvent]:
        """The first events behind that sequence number, `PAGE_EVENTS` at most. Raises
        StoreError."""
        events, _ = await self._page(run_id, after)
        return [entry for entry in events if entry[0] > after]

    async def pages(self, run_id: str) -> AsyncGenerator[list[NumberedEvent], None]:
        """The whole history page by page. Once it is pruned, the start of a node may be known from
        its end alone: then it comes shortly before that. Raises StoreError."""
        starts: set[int] = set()
        position = 0
        while position < LAST:
            before = position
            events, position = await self._page(run_id, before)
            # Not another list: readers empty it to let events go.
            events[:] = [
                (number, event)
                for number, event in events
                if number > before or (isinstance(event, NodeStarted) and number not in starts)
            ]
            starts.update(number for number, event in events if isinstance(event, NodeStarted))
            if events:
                yield events

    async def _page(self, run_id: str, after: int) -> tuple[list[NumberedEvent], int]:
        """The first events behind `after`, and the number of the last one, `LAST` when no others
        follow; before them, what else is in the same commits."""
        span = await self._database.fetch_one(_SPAN, run_id=run_id)
        if span is None:
            return [], LAST
        commits = await self._database.fetch_all(_SIZES, run_id=run_id, after=after)
        last = _last_of_page(commits)
        row = None
        if any(number is not None and after < number <= last for number in span):
            row = await self._database.fetch_one(_RUN, run_id=run_id)
        events = await self._events(row, run_id, after, last)
        behind = bisect_right(events, after, key=itemgetter(0))
        if len(events) > behind + PAGE_EVENTS:
            del events[behind + PAGE_EVENTS :]
            last = events[-1][0]
        return events, last

    async def _events(
        self, run: Row | None, run_id: str, after: int, last: int
    ) -> list[NumberedEvent]:
        """In the commits behind `after` up to `last`; in the row of the run, unless it is None."""
        rows = await self._database.fetch_all(_EVENTS, run_id=run_id, after=after, last=last)
        in_run = () if run is None else _events_of_run(run)
        events = {number: event for number, event in in_run if after < number <= last}
        for (packed,) in rows:
            events.update(events_in(unpack(packed)))
        return sorted(events.items(), key=itemgetter(0))


class _Recorder:
    """Writes one run. Events that could not be written are tried again with the next ones."""

    __slots__ = (
        "_clock", "_commit", "_database", "_fault", "_forget", "_is_over", "_is_posted", "_log",
        "_retries", "_retry_seconds", "_run", "_starts", "_turn", "_writes",
    )  # fmt: skip

    def __init__(
        self,
        run: Run,
        log: EventLog,
        database: Database,
        clock: Callable[[], float],
        retry_seconds: float,
        forget: Callable[["_Recorder"], None],
    ) -> None:
        """`forget` is called when nothing is left to write."""
        self._run = run
        self._turn = None if run.turn is None else TurnRecorder(run, run.turn)
        self._log = log
        self._database = database
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._retries = RETRIES
        self._forget = forget
        self._starts: Starts = {}
        self._writes: list[Write] = []
        self._commit: asyncio.Future[StoreError | None] | None = None
        self._is_posted = False
        self._is_over = False
        self._fault: Exception | None = None

    def recall(self, history: Sequence[NumberedEvent]) -> None:
        """Go on where an earlier process left off."""
        if self._turn is not None:
            self._turn.recall(history)

    @property
    def run_id(self) -> str:
        return self._run.id

    def post(self, *, has_time: bool = False) -> None:
        if not self._is_posted:
            self._is_posted = True
            self._commit = self._database.submit(self._take, has_time=has_time)
            self._commit.add_done_callback(self._settle)
        elif not has_time:
            self._database.hurry()

    async def committed(self) -> None:
        if self._is_posted:
            self._database.hurry()
        if self._commit is not None:
            error = await asyncio.shield(self._commit)
            if error is not None:
                raise error

    def _take(self) -> Sequence[Write]:
        """All that happened since the last group was made up."""
        self._is_posted = False
        if self._fault is not None:
            raise self._fault
        events = self._log.pending()
        try:
            if events:
                self._writes += self._project(events)
        except Exception as error:
            # Without these events the run would look like another one: no later ones either.
            self._fault = error
            raise
        return self._writes

    def _settle(self, commit: asyncio.Future[StoreError | None]) -> None:
        error = commit.result()
        if error is None:
            self._writes = []
            self._log.recorded()
        if commit is self._commit:
            # Also when it was refused without a look at what there is to write.
            self._is_posted = False
        if self._is_over:
            self._settle_end(error)

    def _settle_end(self, error: StoreError | None) -> None:
        """A run whose end cannot be written would seem to go on for ever, so try that again."""
        if error is None or self._retries == 0:
            self._forget(self)
        else:
            self._retries -= 1
            asyncio.get_running_loop().call_later(self._retry_seconds, self.post)

    def _project(self, events: Sequence[NumberedEvent]) -> Iterator[Write]:
        run_id, last = self._run.id, events[-1][0]
        compiled = self._database.compiled
        split = sort_events(events, self._starts)
        if split.started is not None:
            yield compiled(_ADD_RUN).bind(
                _begun(self._run, *split.started) | _standing(*events[-1])
            )
            if split.finished is None:
                yield compiled(ADD_ORDER).bind(row_of(self._run))
            if self._run.log_level is not LogLevel.FULL:
                yield compiled(_MARK_BRIEF).text, (run_id, self._run.log_level.value)
        elif split.turns:
            # One change, for the statements of a commit have no order.
            yield compiled(_CHANGE_RUN).bind({"run_id": run_id, **_standing(*events[-1])})
            if split.finished is not None:
                yield compiled(DROP_ORDER).bind({"run_id": run_id})
        if split.nodes:
            yield compiled(_ADD_NODES).text, (run_id, last, pack(split.nodes))
        if split.others:
            at = self._clock()
            yield compiled(_ADD_OTHERS).text, (run_id, last, at, pack(split.others))
        yield from self._for_callers(split)
        if self._turn is not None:
            for statement, parameters in self._turn.changes(events):
                yield compiled(statement).bind(parameters)
        # Of a paused run nothing follows from this process: whoever goes on with it opens it anew.
        self._is_over = split.finished is not None or isinstance(events[-1][1], RunPaused)

    def _for_callers(self, split: Sorted) -> Iterator[Write]:
        """What those who ordered the run recognise it by, and are told of it."""
        run, compiled = self._run, self._database.compiled
        if split.started is not None and run.request_key is not None:
            row = request_keys.row_of(run, run.request_key)
            yield compiled(request_keys.ADD_REQUEST_KEY).bind(row)
        if split.finished is not None and run.is_reported:
            yield compiled(reports.ADD_REPORT).bind(reports.row_of(run))


def _last_of_page(commits: Sequence[Row]) -> int:
    """Where a page ends that begins with `commits`, each a sequence number and a size."""
    size = 0
    last = 0
    for sequence, length in commits:
        if size >= PAGE_BYTES and sequence != last:
            return last
        size += length
        last = sequence
    return last if len(commits) == PAGE_COMMITS else LAST


def _begun(run: Run, sequence: int, event: RunStarted) -> dict[str, Any]:
    return {
        "id": run.id,
        "app_id": run.app_id,
        "task_id": run.task_id,
        "workflow_id": run.workflow_id,
        "version": run.version,
        "sequence_number": run.sequence_number,
        "end_user_id": run.end_user_id,
        "session_id": storable(run.user),
        "triggered_from": run.triggered_from,
        "created_at": run.created_at,
        "started_at": event.at,
        "first_sequence": sequence,
        "inputs": pack(event.inputs).decode(),
    }


def _standing(sequence: int, event: Event) -> dict[str, Any]:
    """How a run stands when `event` is its last one so far."""
    match event:
        case RunPaused():
            return {
                **_GOING_ON,
                "status": RunStatus.PAUSED.value,
                "elapsed": event.elapsed,
                "total_tokens": event.total_tokens,
                "total_steps": event.total_steps,
            }
        case RunFinished():
            return {
                "status": event.status.value,
                "finished_at": event.at,
                "last_sequence": sequence,
                "elapsed": event.elapsed,
                "total_tokens": event.total_tokens,
                "total_steps": event.total_steps,
                "exceptions_count": event.exceptions_count,
                "error": None if event.error is None else storable(event.error),
                "outputs": pack(event.outputs).decode(),
            }
        case _:
            return _GOING_ON


def _events_of_run(row: Row) -> Iterator[NumberedEvent]:
    """The events that are kept in the run's own row."""
    first, started_at, inputs, last, status, outputs, *others = row
    yield first, RunStarted(unpack(inputs.encode()), started_at)
    if last is not None:
        outputs = unpack(outputs.encode())
        yield last, RunFinished(RunStatus(status), outputs, *others)
