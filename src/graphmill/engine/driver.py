"""Runs one run: takes completions, asks the scheduler, starts nodes, tells what happened.

It is the only owner of the run's state, so there are no locks: state changes in one step without
an await, and all waiting happens in the tasks of nodes or at the inbox.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from graphmill.engine.events import (
    Event,
    ReasoningChunk,
    RunPaused,
    RunResumed,
    RunStatus,
    TextChunk,
)
from graphmill.engine.fanout import Feed
from graphmill.engine.frames import Frame, Work
from graphmill.engine.outcome import Failed, Outcome, Paused, raised
from graphmill.engine.plan import Plan
from graphmill.engine.progress import UNHEARD, Progress
from graphmill.engine.run import Run
from graphmill.engine.traversal import Traversal
from graphmill.errors import ReplayDiverged, StoreError
from graphmill.ports.runs import Journal
from graphmill.variables.selectors import Selector

TURN_SECONDS: Final = 0.002
"""How long a run may keep the loop to itself before others get a turn."""
BACKLOG: Final = 4096
"""Events that may be ahead of the journal before the run waits for it."""
LAST_WRITE_SECONDS: Final = 5.0
"""How long a cancelled driver may take to record the end of its run."""
FAREWELL_SECONDS: Final = 5.0
"""How long nodes may take to clean up after their cancellation, once the end is told."""

STOPPED: Final = "Stopped by user."
CANCELLED: Final = "The server stopped while the run was going on."
BROKEN: Final = "The run ended because of an internal error; the server's log has the details."
UNRECORDED: Final = "The run could not be recorded; the server's log has the details."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunLimits:
    seconds: float = 1200.0
    steps: int = 500


class Driver:
    """One run from its first event to its last. Call `drive` once; `stop` and `interrupt` may be
    called at any time, also before."""

    __slots__ = (
        "_clock", "_feed", "_inbox", "_is_over", "_is_paused", "_is_suspended", "_journal",
        "_limits", "_news", "_run", "_tasks", "_traversal", "_verdict", "_woken",
    )  # fmt: skip

    def __init__(
        self,
        run: Run,
        plan: Plan,
        feed: Feed,
        journal: Journal,
        *,
        limits: RunLimits,
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._run = run
        self._feed = feed
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._traversal = Traversal(
            run,
            plan,
            feed.append,
            step_limit=limits.steps,
            clock=clock,
            new_id=new_id,
        )
        # A list, not a deque: an empty deque is a tenth of what a waiting run costs.
        self._inbox: list[tuple[Work, Outcome | Paused]] = []
        self._tasks: dict[asyncio.Task[Outcome | Paused], Work] = {}
        self._news: asyncio.Future[None] | None = None
        """What the driver waits for when it has nothing to do."""
        self._verdict: tuple[RunStatus, str] | None = None
        """How the run ends for a reason outside it, whatever its nodes are at."""
        self._is_suspended = False
        self._is_paused = False
        """Is nothing left to do until somebody outside has acted?"""
        self._woken: frozenset[str] = frozenset()
        """Keys of nodes that are to run again should they pause."""
        self._is_over = False

    def stop(self) -> bool:
        """End the run as `stopped`; running nodes are cancelled. False when it is too late: the run
        has ended, or pauses just now."""
        self._conclude(RunStatus.STOPPED, STOPPED)
        return not self._is_leaving

    def interrupt(self, reason: str) -> None:
        """End the run as `failed` for a reason that lies outside it; otherwise like `stop`."""
        self._conclude(RunStatus.FAILED, reason)

    def suspend(self) -> None:
        """Leave off; what happened so far is recorded, and another process can go on."""
        self._is_suspended = True
        self._wake()

    def wake(self, key: str) -> bool:
        """What the node with that idempotency key waits for has come: run it again, at once or as
        soon as it pauses. False when it is too late: the run has ended, or pauses just now."""
        if self._is_leaving:
            return False
        work = self._traversal.wake(key)
        if work is None:
            self._woken |= {key}
        else:
            self._attempt(work)
        return True

    @property
    def _is_leaving(self) -> bool:
        return self._is_over or self._is_paused

    async def drive(self, history: Sequence[Event] = ()) -> None:
        """Run to the end, or on from the end of `history`. Whatever happens, readers see a
        `RunFinished`; they see it when the database holds the whole run, or else to learn that it
        could not be recorded. Only a run that was suspended or is paused has no end.

        Raises nothing but the CancelledError of whoever cancels it."""
        try:
            await self._go(history)
        except asyncio.CancelledError:
            self.interrupt(CANCELLED)
            raise
        except Exception:
            logger.exception("run %s broke off", self._run.id)
            self.interrupt(BROKEN)
        finally:
            self._is_over = True
            for task in self._tasks:
                task.cancel()
            if not self._is_decided and (self._is_paused or self._is_suspended):
                self._feed.publish()
                if self._is_paused:
                    self._feed.append(self._traversal.pause())
                await self._leave_off()
            else:
                await self._seal()
            await self._part()

    async def _go(self, history: Sequence[Event]) -> None:
        """Until nothing is ready and nothing is running, or there is a verdict."""
        if history:
            self._resume(history)
        else:
            self._traversal.begin()
        alarm = asyncio.get_running_loop().call_later(self._limits.seconds, self._expire)
        try:
            while self._goes_on:
                self._take_turn()
                self._tell()
                if self._feed.backlog > BACKLOG:
                    await self._journal.committed(self._feed)
                if self._inbox or self._traversal.is_ready:
                    await asyncio.sleep(0)
                elif self._tasks:
                    await self._wait()
                else:
                    self._is_paused = self._traversal.is_paused
                    break
        finally:
            alarm.cancel()
        for work, outcome in self._inbox:
            self._complete(work, outcome)

    @property
    def _goes_on(self) -> bool:
        return not (self._is_decided or self._is_suspended)

    @property
    def _is_decided(self) -> bool:
        """Is it known how the run ends?"""
        return self._verdict is not None or self._traversal.error is not None

    def _resume(self, history: Sequence[Event]) -> None:
        """Take the state that `history` leads to, and begin anew what was under way then."""
        try:
            works, untold = self._traversal.replay(history)
        except ReplayDiverged as error:
            self.interrupt(f"The run cannot go on after a restart of the server: {error}.")
            return
        if isinstance(history[-1], RunPaused):
            self._feed.append(RunResumed(self._clock()))
        for event in untold:
            self._feed.append(event)
        for work in works:
            if work.step.waits:
                self._attempt(work)
            else:
                self._traversal.run_inline(work)

    def _take_turn(self) -> None:
        """Take completions and start nodes, until there are none or others should have a turn."""
        ends_at = monotonic() + TURN_SECONDS
        while self._inbox or self._traversal.is_ready:
            if self._inbox:
                self._complete(*self._inbox.pop(0))
            elif (work := self._traversal.start_next()) is not None:
                self._attempt(work)
            if monotonic() > ends_at:
                return

    async def _wait(self) -> None:
        """Until there is a completion or a verdict."""
        if not self._inbox and self._goes_on:
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _tell(self) -> None:
        """Show readers and journal what happened since the last call."""
        self._journal.post(self._feed)
        self._feed.publish()

    def _conclude(self, status: RunStatus, error: str) -> None:
        """The first verdict counts."""
        if not self._is_decided:
            self._verdict = (status, error)
            self._wake()

    def _expire(self) -> None:
        elapsed = self._traversal.elapsed
        self.interrupt(
            f"Maximum execution time exceeded: {elapsed:.2f}s > {self._limits.seconds:g}s"
        )

    def _attempt(self, work: Work) -> None:
        """Begin the first attempt of a node that waits."""
        self._launch(work, work.step.run(work.context))

    def _complete(self, work: Work, outcome: Outcome | Paused) -> None:
        key = work.context.idempotency_key
        if isinstance(outcome, Paused) and key in self._woken:
            # It had looked before that came which it waits for.
            self._woken -= {key}
            self._attempt(work)
            return
        delay = self._traversal.complete(work, outcome)
        if delay is not None:
            assert isinstance(outcome, Failed), "only failures are tried again"
            self._launch(work, self._try_again(work, delay, outcome))

    def _launch(self, work: Work, attempt: Coroutine[None, None, Outcome | Paused]) -> None:
        work.context.progress = Progress(work.execution, _Listener(self, work))
        task = asyncio.get_running_loop().create_task(attempt, name=work.execution.node_id)
        self._tasks[task] = work
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[Outcome | Paused]) -> None:
        """An attempt has ended, in whatever way."""
        work = self._tasks.pop(task)
        # Its listener holds the work, and thereby the run, in a circle that costs time to find.
        work.context.progress = UNHEARD
        if task.cancelled():
            outcome: Outcome | Paused = Failed("The node was cancelled.", "WorkflowNodeError")
        elif (error := task.exception()) is not None:
            outcome = raised(error)
        else:
            outcome = task.result()
        self._inbox.append((work, outcome))
        self._wake()

    async def _try_again(self, work: Work, delay: float, failure: Failed) -> Outcome | Paused:
        await asyncio.sleep(delay)
        self._traversal.retry(work, failure)
        self._tell()
        outcome: Outcome | Paused = await work.step.run(work.context)
        return outcome

    async def show(self, frame: Frame, chunks: Sequence[TextChunk]) -> None:
        """A waiting node has made text that may be shown. After the end nobody hears of it."""
        if chunks and not self._is_over:
            self._traversal.show(frame, chunks)
            await self._told()

    async def tell(self, event: Event) -> None:
        """A waiting node has made progress. After the end nobody hears of it."""
        if not self._is_over:
            self._feed.append(event)
            await self._told()

    async def _told(self) -> None:
        """Of progress nothing depends, so it needs no commit of its own."""
        self._journal.post(self._feed, has_time=True)
        self._feed.publish()
        if self._feed.backlog > BACKLOG:
            await self._journal.committed(self._feed)

    async def _seal(self) -> None:
        """Record how the run ended, then show it."""
        finished = self._traversal.end(self._verdict)
        self._feed.publish()
        self._feed.append(finished)
        is_recorded = False
        try:
            self._journal.post(self._feed)
            await self._last_write()
            is_recorded = True
        except Exception as error:
            self._tell_unrecorded("the end", error)
        finally:
            if not is_recorded:
                self._feed.amend(replace(finished, status=RunStatus.FAILED, error=UNRECORDED))
            self._feed.publish()
        if not is_recorded:
            self._journal.post(self._feed)

    async def _leave_off(self) -> None:
        """Record what there is, and let the readers go; a pause is shown when it is stored."""
        self._journal.post(self._feed)
        try:
            await self._last_write()
        except Exception as error:
            self._tell_unrecorded("the last events", error)
        self._feed.close()

    def _tell_unrecorded(self, what: str, error: Exception) -> None:
        """To the operator."""
        if isinstance(error, StoreError):
            advice = error.for_operator()
            logger.error("%s of run %s could not be recorded: %s", what, self._run.id, advice)
        else:
            logger.error("%s of run %s could not be recorded", what, self._run.id, exc_info=error)

    async def _last_write(self) -> None:
        """Until the database holds the whole run; a cancelled driver has only seconds for that."""
        task = asyncio.current_task()
        assert task is not None, "coroutines run in tasks"
        with suppress(asyncio.CancelledError):
            if not task.cancelling():
                await self._journal.committed(self._feed)
                return
        async with asyncio.timeout(LAST_WRITE_SECONDS):
            await self._journal.committed(self._feed)

    async def _part(self) -> None:
        """Let cancelled nodes clean up. One that ignores its cancellation is left behind."""
        if self._tasks:
            _, deaf = await asyncio.wait(self._tasks, timeout=FAREWELL_SECONDS)
            for task in deaf:
                logger.warning(
                    "node %s of run %s goes on after its cancellation",
                    task.get_name(),
                    self._run.id,
                )


class _Listener:
    """Hears what one execution tells."""

    __slots__ = ("_driver", "_work")

    def __init__(self, driver: Driver, work: Work) -> None:
        self._driver = driver
        self._work = work

    async def hear(self, event: Event) -> None:
        stream = self._work.frame.stream
        if not isinstance(event, ReasoningChunk) or stream.shows_reasoning(event.node_id):
            await self._driver.tell(event)

    async def hear_text(self, selector: Selector, text: str, *, is_final: bool) -> None:
        work = self._work
        if selector[1] not in work.streamed:
            work.streamed += (selector[1],)
        chunks = work.frame.stream.chunk(selector, text, is_final=is_final)
        await self._driver.show(work.frame, chunks)
