"""Runs as a caller sees them: start, follow, stop, look up. A run belongs to the server, not to its
caller."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from graphmill.engine.driver import STOPPED
from graphmill.engine.events import Event, RunFinished, RunPaused, RunStatus
from graphmill.engine.fanout import EPOCH_SHIFT, Feed
from graphmill.engine.plan import Plan
from graphmill.engine.run import RequestKey, Run, Turn
from graphmill.errors import RunNotFound, RunSuspended, TooManyRuns
from graphmill.ids import new_id
from graphmill.log_fields import log_fields
from graphmill.ports.runs import NumberedEvent
from graphmill.service.apps.catalog import App, Version
from graphmill.service.files.access import FileAccess
from graphmill.service.runs.dispatcher import Dispatcher
from graphmill.service.runs.inputs import Find, read_files, read_inputs
from graphmill.service.runs.reports import Reporter
from graphmill.service.runs.slots import Slots
from graphmill.storage.end_users import EndUser
from graphmill.storage.journal import SqlJournal
from graphmill.storage.orders import OrderStore
from graphmill.storage.runs import LogPage, LogQuery, RunRecord, RunStore
from graphmill.variables.files import File
from graphmill.variables.values import Value

ERROR_CHARACTERS: Final = 500
"""Of the error of a run that the log shows; all of it is in the run's detail."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class LiveRun:
    """A run that this process drives, or drove until a moment ago."""

    run: Run
    feed: Feed


class Runs:
    def __init__(
        self,
        dispatcher: Dispatcher,
        journal: SqlJournal,
        store: RunStore,
        orders: OrderStore,
        files: FileAccess,
        *,
        slots: Slots,
        reporters: Mapping[str, Reporter],
        slugs: Mapping[str, str],
        count: Callable[[Run, RunFinished], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`slots`: how many runs may go on at a time; `reporters`: of the apps with a webhook, by
        their ids; `slugs`: of all apps, for the log; `count` is told of each run that ends. Call
        `open` first."""
        self._dispatcher = dispatcher
        self._journal = journal
        self._store = store
        self._orders = orders
        self._files = files
        self._clock = clock
        self._slots = slots
        self._reporters = reporters
        self._slugs = slugs
        self._count = count
        self._numbers: dict[str, int] = {}
        self._live: dict[str, LiveRun] = {}
        self._waiting: WeakValueDictionary[str, asyncio.Future[None]] = WeakValueDictionary()
        """By run, see `_news_of`."""
        self.taking_up = asyncio.Lock()
        """Held by whoever goes on with a run that nobody drives, or ends it."""
        self.is_closing = False
        """Runs that would start now would be ended at once."""

    async def open(self) -> None:
        """Go on counting where an earlier process stopped."""
        self._numbers = await self._store.last_sequence_numbers()

    async def history(self, run_id: str) -> list[NumberedEvent]:
        """What is recorded of a run, oldest first. Raises StoreError."""
        return await self._journal.history(run_id)

    def pages(self, record: RunRecord) -> AsyncGenerator[list[NumberedEvent], None]:
        """The same page by page, for readers who take their time. Raises StoreError."""
        return self._journal.pages(record.id)

    def go_on(self, run: Run, plan: Plan, history: Sequence[NumberedEvent]) -> LiveRun:
        """Continue a run that nobody drives after `history`. Hold `taking_up`."""
        live = self._taken_up(run, history)
        self._slots.occupy(run.app_id)
        self._drive(live, plan, [event for _, event in history])
        self._tell_waiting(run.id)
        return live

    async def end(self, run: Run, status: RunStatus, reason: str) -> None:
        """End a run that nobody drives: one that an earlier process left behind, or a paused one.
        Hold `taking_up`. Raises StoreError."""
        pause = await self.pause_of(run)
        tokens, steps = (0, 0) if pause is None else (pause.total_tokens, pause.total_steps)
        feed = self._taken_up(run, await self.history(run.id)).feed
        now = self._clock()
        elapsed = max(0.0, now - run.created_at)
        finished = RunFinished(status, {}, reason, elapsed, tokens, steps, 0, now)
        feed.append(finished)
        self._journal.post(feed)
        await self._journal.committed(feed)
        self._count(run, finished)
        self._wake_reporter(run)
        self._tell_waiting(run.id)

    async def wake(self, run_id: str, step_key: str) -> bool:
        """What that step of a run waits for has come. False when nobody drives the run. Raises
        RunSuspended when the server stops."""
        if self.is_closing:
            raise RunSuspended(run_id)
        return await self._is_heard(run_id, partial(self._dispatcher.wake, run_id, step_key))

    async def _is_heard(self, run_id: str, say: Callable[[], bool]) -> bool:
        """Has the driver of a run heard what `say` tells it, or does the run end anyway? One that
        pauses just now is waited for. Raises RunSuspended."""
        while not say():
            if self.is_closing:
                raise RunSuspended(run_id)
            news = self._news_of(run_id)
            live = self._live.get(run_id)
            if live is None:
                return False
            if live.feed.is_finished:
                return True
            await news
        return True

    async def end_unknown(self, reason: str) -> None:
        """End what seems to go on although nothing is known that could go on. Raises StoreError."""
        await self._store.fail_interrupted(reason)

    def _taken_up(self, run: Run, history: Sequence[NumberedEvent]) -> LiveRun:
        """This process is the owner of `run` from now on."""
        epoch = history[-1][0] >> EPOCH_SHIFT if history else 0
        live = LiveRun(run, Feed(run.id, epoch=epoch + 1))
        self._journal.open(run, live.feed, history=history)
        return live

    async def start(
        self,
        app: App,
        version: Version,
        *,
        inputs: Mapping[str, Any],
        files: Sequence[Mapping[str, Any]],
        user: EndUser,
        find: Find | None = None,
        run_id: str | None = None,
        turn: Turn | None = None,
        call_depth: int = 0,
        trace_id: str | None = None,
        request_key: RequestKey | None = None,
    ) -> LiveRun:
        """Check ceiling, files and inputs (`service-api §5`, steps 7, 9, 10) and start a run of
        `version`.

        `inputs` and `files` are as they came out of the JSON body; `find` looks for files that the
        inputs name, among those of `user` unless it is given; `turn` is for chatflows. Raises
        TooManyRuns or InvalidParameter; then nothing was started and no slot is held. Follow the
        result with `follow`, or wait for `live.feed.finished()`."""
        self._take_slot(app.id)
        try:
            find = find or partial(self._files.find, user=user)
            sys_files = await read_files(version.workflow.features, files, find)
            values = await read_inputs(version.start_variables, inputs, find)
            order = self._order(run_id or new_id(), app, version, user, values, sys_files)
            run = replace(
                order,
                turn=turn,
                call_depth=call_depth,
                request_key=request_key,
                # A tool is a part of the run that called it.
                is_reported=app.id in self._reporters and not call_depth,
            )
            live = LiveRun(run, Feed(run.id))
            self._journal.open(run, live.feed)
        except BaseException:
            self._slots.free(app.id)
            raise
        if trace_id is not None:
            logger.info("run %s of app %s has the trace id %s", run.id, app.slug, trace_id)
        self._drive(live, version.plan)
        # The driver takes its first turn: from now on there is something to be committed.
        await asyncio.sleep(0)
        return live

    def _drive(self, live: LiveRun, plan: Plan, history: Sequence[Event] = ()) -> None:
        run = live.run
        if run.turn is not None:
            held = {variable.name: variable.value for variable in run.turn.variables}
            plan = replace(plan, conversation=held)
        self._live[run.id] = self._live[run.task_id] = live
        ended = partial(self._ended, live)
        with log_fields(run_id=run.id, app=self._slugs.get(run.app_id, run.app_id)):
            self._dispatcher.submit(run, plan, live.feed, ended, history=history)

    def find_live(self, app: App, run_or_task_id: str) -> LiveRun | None:
        """A run of `app` that goes on in this process."""
        live = self._live.get(run_or_task_id)
        return live if live is not None and live.run.app_id == app.id else None

    async def stop(self, app: App, run_or_task_id: str) -> bool:
        """Stop a run of `app`, also a paused one; False when there is no such run, or it has ended.
        The run ends within a second."""
        live = self.find_live(app, run_or_task_id)
        if live is not None:
            return await self.stop_run(live.run.id)
        try:
            record = await self.get(app, run_or_task_id)
        except RunNotFound:
            return False
        return not record.status.is_final and await self.stop_run(record.id)

    async def stop_run(self, run_id: str, reason: str = STOPPED) -> bool:
        """The same for a run that is known; `reason` is for one that is paused."""
        stop = partial(self._dispatcher.stop, run_id)
        if stop():
            return True
        async with self.taking_up:
            if await self._is_heard(run_id, stop):
                return True
            order = await self._orders.get(run_id)
            if order is None:
                return False
            await self.end(order, RunStatus.STOPPED, reason)
            return True

    async def get(self, app: App, run_or_task_id: str) -> RunRecord:
        """What the database holds of a run. Raises RunNotFound."""
        record = await self._store.get(app.id, run_or_task_id)
        if record is None:
            record = await self._store.find_by_task(app.id, run_or_task_id)
        if record is None:
            raise RunNotFound("Workflow run not found.")
        return record

    async def told(self, run: Run, *, until: int | None) -> list[NumberedEvent]:
        """What has happened up to that sequence number, or until now."""
        live = self._live.get(run.id)
        if live is not None:
            await self.committed(live)
        history = await self.history(run.id)
        return history if until is None else [entry for entry in history if entry[0] <= until]

    async def order_of(self, record: RunRecord) -> Run | None:
        """How a run was ordered that has not ended, so that it can be followed."""
        return None if record.status.is_final else await self._orders.get(record.id)

    async def pause_of(self, run: Run | RunRecord) -> RunPaused | None:
        """Why a run waits, if it does."""
        history = await self.history(run.id)
        last = history[-1][1] if history else None
        return last if isinstance(last, RunPaused) else None

    async def logs(self, app: App, query: LogQuery) -> LogPage:
        return await self._store.page(app.id, query)

    async def room(self) -> None:
        """Wait until there may be room for a run that met the ceiling, or the server stops."""
        await self._slots.freed()

    async def committed(self, live: LiveRun) -> None:
        """Return when everything that happened so far is in the database. Await it before the first
        answer."""
        await self._journal.committed(live.feed)

    def follow(self, live: LiveRun, *, after: int = 0) -> AsyncIterator[list[NumberedEvent]]:
        """The events behind sequence number `after` in batches, live, until the run has ended."""
        run_id = live.run.id
        return live.feed.follow(
            lambda position: self._journal.page(run_id, after=position), after=after
        )

    async def follow_on(
        self, run: Run, *, after: int, stays: bool, is_stored: bool = False
    ) -> AsyncIterator[list[NumberedEvent]]:
        """As `follow`, of a run that may be paused: until it pauses, or with `stays` until it has
        ended or the server stops. With `is_stored`, nothing is told before it is stored."""
        while True:
            news = self._news_of(run.id)
            live = self._live.get(run.id)
            if live is None:
                history = await self._journal.history(run.id)
                last = history[-1][1] if history else None
                del history
                while page := await self._journal.page(run.id, after=after):
                    after = page[-1][0]
                    yield page
            else:
                await self.committed(live)
                async for batch in self.follow(live, after=after):
                    if is_stored:
                        await self.committed(live)
                    after = batch[-1][0]
                    yield batch
                last = live.feed.end
            if isinstance(last, RunFinished) or not stays or self.is_closing:
                return
            await news

    def _news_of(self, run_id: str) -> asyncio.Future[None]:
        """Done when a run leaves this process, goes on or ends. Ask for it before you look."""
        news = self._waiting.get(run_id)
        if news is None:
            news = self._waiting[run_id] = asyncio.get_running_loop().create_future()
        return news

    def _tell_waiting(self, run_id: str) -> None:
        news = self._waiting.pop(run_id, None) if self._waiting else None
        if news is not None and not news.done():
            news.set_result(None)

    async def close(self, *, grace_seconds: float = 0.0) -> None:
        """Let runs end by themselves for a while, then suspend the others."""
        self.is_closing = True
        self._slots.wake()
        for run_id in list(self._waiting):
            self._tell_waiting(run_id)
        await self._dispatcher.close(grace_seconds=grace_seconds)

    def _take_slot(self, app_id: str) -> None:
        ceiling = self._slots.take(app_id)
        if ceiling:
            raise TooManyRuns(
                "Too many requests. Please try again later. The current maximum concurrent "
                f"requests allowed for {app_id} is {ceiling}."
            )

    def _order(
        self,
        run_id: str,
        app: App,
        version: Version,
        user: EndUser,
        inputs: dict[str, Value],
        files: list[File],
    ) -> Run:
        number = self._numbers[app.id] = self._numbers.get(app.id, 0) + 1
        return Run(
            id=run_id,
            task_id=new_id(),
            app_id=app.id,
            workflow_id=version.id,
            version=version.name,
            sequence_number=number,
            end_user_id=user.id,
            user=user.session_id,
            inputs=inputs,
            created_at=self._clock(),
            log_level=app.log_level,
            files=files,
        )

    def _ended(self, live: LiveRun) -> None:
        run = live.run
        del self._live[run.id], self._live[run.task_id]
        end = live.feed.end
        if end is not None:
            self._count(run, end)
            if end.status is RunStatus.FAILED:
                logger.warning("a run has failed: %.*s", ERROR_CHARACTERS, end.error)
        self._slots.free(run.app_id)
        self._wake_reporter(run)
        self._tell_waiting(run.id)

    def _wake_reporter(self, run: Run) -> None:
        reporter = self._reporters.get(run.app_id)
        if run.is_reported and reporter is not None:
            reporter.wake()
