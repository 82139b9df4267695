"""Runs one run: takes completions, asks the scheduler, starts nodes, tells what happened.

It is the only owner of the run's state, so there are no locks: state changes in one step without
an await, and all waiting happens in the tasks of nodes or at the inbox.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.events import (
    AgentLogged,
    Event,
    Execution,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    ReasoningChunk,
    ResourcesRetrieved,
    RunFinished,
    RunStarted,
    RunStatus,
    VariableUpdated,
)
from graphmill.engine.fanout import Feed
from graphmill.engine.frames import Frame
from graphmill.engine.graph import ErrorStrategy, NodeClass
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.plan import Plan, Step
from graphmill.engine.run import Run
from graphmill.engine.scheduler import Decision
from graphmill.ports.runs import Journal
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value

TURN_SECONDS: Final = 0.005
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


@dataclass(slots=True)
class _Verdict:
    """How the run ends, whatever its nodes are at."""

    status: RunStatus
    error: str


@dataclass(slots=True)
class _Work:
    """A node at work: which step of which frame, and how often it was tried again."""

    step: Step
    frame: Frame
    execution: Execution
    context: NodeContext
    retries: int = 0


class Driver:
    """One run from its first event to its last. Call `drive` once; `stop` and `interrupt` may be
    called at any time, also before."""

    __slots__ = (
        "_clock", "_exceptions", "_feed", "_frame", "_inbox", "_is_over", "_journal", "_limits",
        "_new_id", "_news", "_plan", "_ready", "_run", "_started_at", "_starts", "_steps", "_tasks",
        "_tokens", "_verdict",
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
        self._plan = plan
        self._feed = feed
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._frame = Frame(plan, _root_pool(plan, run))
        self._started_at = clock()
        # Lists, not deques: two empty deques are a tenth of what a waiting run costs.
        self._inbox: list[tuple[_Work, Outcome]] = []
        self._ready: list[tuple[Frame, int, int | None]] = []
        self._tasks: dict[asyncio.Task[Outcome], _Work] = {}
        self._news: asyncio.Future[None] | None = None
        """What the driver waits for when it has nothing to do."""
        self._verdict: _Verdict | None = None
        self._is_over = False
        self._starts = 0
        self._steps = 0
        self._tokens = 0
        self._exceptions = 0

    def stop(self) -> None:
        """End the run as `stopped`; running nodes are cancelled. An ended run stays as it is."""
        self._conclude(RunStatus.STOPPED, STOPPED)

    def interrupt(self, reason: str) -> None:
        """End the run as `failed` for a reason that lies outside it; otherwise like `stop`."""
        self._conclude(RunStatus.FAILED, reason)

    async def drive(self) -> None:
        """Run to the end. Whatever happens, readers see a `RunFinished`; they see it when the
        database holds the whole run, or else to learn that it could not be recorded.

        Raises nothing but the CancelledError of whoever cancels it."""
        try:
            await self._go()
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
            await self._seal()
            await self._part()

    async def _go(self) -> None:
        """Until nothing is ready and nothing is running, or there is a verdict."""
        root = self._frame
        system = {f"sys.{name}": value for name, value in root.pool.namespace("sys").items()}
        self._feed.append(RunStarted({**self._run.inputs, **system}, self._started_at))
        self._follow(root, root.scheduler.start(self._plan.graph.root))
        alarm = asyncio.get_running_loop().call_later(self._limits.seconds, self._expire)
        try:
            while self._verdict is None:
                self._take_turn()
                self._tell()
                if self._feed.backlog > BACKLOG:
                    await self._catch_up()
                if self._inbox or self._ready:
                    await asyncio.sleep(0)
                elif self._tasks:
                    await self._wait()
                else:
                    break
        finally:
            alarm.cancel()
        for work, outcome in self._inbox:
            self._complete(work, outcome)

    def _take_turn(self) -> None:
        """Take completions and start nodes, until there are none or others should have a turn."""
        ends_at = monotonic() + TURN_SECONDS
        while self._verdict is None:
            if self._inbox:
                self._complete(*self._inbox.pop(0))
            elif self._ready:
                self._start(*self._ready.pop(0))
            else:
                return
            if monotonic() > ends_at:
                return

    async def _wait(self) -> None:
        """Until there is a completion or a verdict."""
        if not self._inbox and self._verdict is None:
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _tell(self) -> None:
        """Show readers and journal what happened since the last call."""
        self._journal.post(self._feed)
        self._feed.publish()

    async def _catch_up(self) -> None:
        """Wait for a journal that is far behind."""
        count = self._feed.count
        await self._journal.committed(self._feed)
        self._feed.recorded(count)

    def _conclude(self, status: RunStatus, error: str) -> None:
        """The first verdict counts."""
        if self._verdict is None:
            self._verdict = _Verdict(status, error)
            self._wake()

    def _expire(self) -> None:
        elapsed = self._clock() - self._started_at
        self.interrupt(
            f"Maximum execution time exceeded: {elapsed:.2f}s > {self._limits.seconds:g}s"
        )

    def _start(self, frame: Frame, index: int, predecessor: int | None) -> None:
        step = self._plan.steps[index]
        node = step.node
        self._starts += 1
        self._steps += 1
        execution = Execution(
            self._new_id(),
            node.id,
            node.type,
            node.title,
            self._starts,
            None if predecessor is None else self._plan.graph.nodes[predecessor].id,
            self._clock(),
        )
        self._feed.append(NodeStarted(execution))
        context = NodeContext(
            frame.pool, self._run, execution.id, f"{self._run.id}:{node.id}", step.has_recourse
        )
        work = _Work(step, frame, execution, context)
        if step.waits:
            context.progress = _Progress(self, work)
            self._launch(work, step.run(context))
            return
        try:
            outcome: Outcome = step.run(context)
        except Exception as error:
            outcome = _raised(error)
        self._complete(work, outcome)

    def _launch(self, work: _Work, attempt: Coroutine[None, None, Outcome]) -> None:
        task = asyncio.get_running_loop().create_task(attempt, name=work.execution.node_id)
        self._tasks[task] = work
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[Outcome]) -> None:
        """An attempt has ended, in whatever way."""
        work = self._tasks.pop(task)
        if task.cancelled():
            outcome: Outcome = Failed("The node was cancelled.", "WorkflowNodeError")
        elif (error := task.exception()) is not None:
            outcome = _raised(error)
        else:
            outcome = task.result()
        self._inbox.append((work, outcome))
        self._wake()

    async def _try_again(self, work: _Work, delay: float, failure: Failed) -> Outcome:
        """The next attempt; `failure` is what the one before ended with (`workflow-dsl §10.2`)."""
        await asyncio.sleep(delay)
        work.retries += 1
        self._steps += 1
        self._feed.append(
            NodeRetried(
                work.execution,
                work.retries,
                failure.error,
                failure.inputs,
                failure.process_data,
                failure.outputs,
                self._clock(),
            )
        )
        self._tell()
        outcome: Outcome = await work.step.run(work.context)
        return outcome

    async def tell(self, events: Sequence[Event]) -> None:
        """A waiting node has made progress. After the end nobody hears of it."""
        if events and not self._is_over:
            for event in events:
                self._feed.append(event)
            self._tell()
            if self._feed.backlog > BACKLOG:
                await self._catch_up()

    def _complete(self, work: _Work, outcome: Outcome) -> None:
        if outcome.usage is not None:
            self._tokens += outcome.usage.total_tokens
        if isinstance(outcome, Failed):
            self._fail(work, outcome)
        elif outcome.handle:
            self._succeed(work, outcome)
        else:
            error = f"Branch node {work.step.node.id} completed without selecting a branch"
            self._fail(work, Failed(error, "", outcome.inputs, outcome.process_data))

    def _succeed(self, work: _Work, outcome: Succeeded) -> None:
        """The order of effects is `workflow-dsl §9.3`: values, edges and the text that they let
        through, outputs, then the event."""
        pool = work.frame.pool
        for selector, value in outcome.updates:
            pool.set(selector[0], selector[1], value)
            self._feed.append(VariableUpdated(selector, value))
        self._leave(work, outcome.outputs, outcome.handle if work.step.node.branches else None)
        # Dify does so before a success only: a default value is shown when the next node is done.
        for chunk in work.frame.stream.flush():
            self._feed.append(chunk)
        self._feed.append(
            NodeFinished(
                work.execution,
                NodeStatus.SUCCEEDED,
                outcome.inputs,
                outcome.process_data,
                outcome.outputs,
                outcome.metadata,
                None,
                "",
                self._clock(),
            )
        )
        self._check_steps()

    def _fail(self, work: _Work, failure: Failed) -> None:
        """An attempt has failed (`workflow-dsl §10.1`)."""
        self._exceptions += 1
        retry = work.step.retry
        delay = None if retry is None else retry.delay(work.retries)
        if delay is None:
            self._recover(work, failure)
        else:
            self._launch(work, self._try_again(work, delay, failure))

    def _recover(self, work: _Work, failure: Failed) -> None:
        """No attempt is left: apply the error strategy (`workflow-dsl §10.3`), or fail the run."""
        node = work.step.node
        outputs: dict[str, Value] = {
            "error_message": failure.error,
            "error_type": failure.error_type,
        }
        metadata: dict[str, Value] | None = None
        status = NodeStatus.EXCEPTION
        if node.error_strategy is None:
            status, outputs = NodeStatus.FAILED, failure.outputs
            self.interrupt(failure.error)
        else:
            metadata = {"error_strategy": node.error_strategy.value}
            if node.error_strategy is ErrorStrategy.DEFAULT_VALUE:
                outputs = {**(work.step.defaults or {}), **outputs}
                self._leave(work, outputs, None)
            else:
                self._leave(work, outputs, ErrorStrategy.FAIL_BRANCH.value)
        self._feed.append(
            NodeFinished(
                work.execution,
                status,
                failure.inputs,
                failure.process_data,
                outputs,
                metadata,
                failure.error,
                failure.error_type,
                self._clock(),
            )
        )
        self._check_steps()

    def _check_steps(self) -> None:
        """Dify looks at this when a node has finished (`workflow-dsl §17`)."""
        if self._starts > self._limits.steps:
            self.interrupt(
                f"Maximum execution steps exceeded: {self._starts} > {self._limits.steps}"
            )

    def _leave(self, work: _Work, outputs: dict[str, Value], handle: str | None) -> None:
        """Store what the node gives and follow its edges."""
        frame, node = work.frame, work.step.node
        if outputs:
            frame.pool.set_all(node.id, outputs)
        self._follow(frame, frame.scheduler.complete(node.index, handle))
        if node.node_class is NodeClass.RESPONSE:
            frame.merge_outputs(outputs)

    def _follow(self, frame: Frame, decision: Decision) -> None:
        for chunk in frame.stream.edges_taken(decision.taken):
            self._feed.append(chunk)
        for index, predecessor in decision.ready:
            self._ready.append((frame, index, predecessor))

    async def _seal(self) -> None:
        """Record how the run ended, then show it."""
        finished = self._finish()
        self._feed.publish()
        self._feed.append(finished)
        is_recorded = False
        try:
            self._journal.post(self._feed)
            await self._last_write()
            is_recorded = True
        except Exception:
            logger.exception("the end of run %s could not be recorded", self._run.id)
        finally:
            if not is_recorded:
                self._feed.amend(replace(finished, status=RunStatus.FAILED, error=UNRECORDED))
            self._feed.publish()
        if not is_recorded:
            self._journal.post(self._feed)

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

    def _finish(self) -> RunFinished:
        error: str | None = None
        if self._verdict is not None:
            status, error = self._verdict.status, self._verdict.error
        else:
            status = RunStatus.PARTIAL_SUCCEEDED if self._exceptions else RunStatus.SUCCEEDED
        now = self._clock()
        return RunFinished(
            status,
            self._frame.outputs,
            error,
            max(0.0, now - self._started_at),
            self._tokens,
            self._steps,
            self._exceptions,
            now,
        )

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


class _Progress:
    """What one execution tells while it is under way."""

    __slots__ = ("_driver", "_work")

    def __init__(self, driver: Driver, work: _Work) -> None:
        self._driver = driver
        self._work = work

    async def text(self, selector: Selector, text: str, *, is_final: bool = False) -> None:
        chunks = self._work.frame.stream.chunk(selector, text, is_final=is_final)
        await self._driver.tell(chunks)

    async def reasoning(self, text: str, *, is_final: bool = False) -> None:
        node_id = self._work.execution.node_id
        if self._work.frame.stream.shows_reasoning(node_id):
            position = self._work.execution.position
            await self._driver.tell([ReasoningChunk(node_id, text, is_final, position)])

    async def log(
        self,
        entry_id: str,
        label: str,
        *,
        status: str,
        data: Mapping[str, Value],
        parent_id: str | None = None,
        error: str | None = None,
        metadata: Mapping[str, Value] | None = None,
    ) -> None:
        execution = self._work.execution
        entry = AgentLogged(
            execution.id,
            execution.node_id,
            entry_id,
            label,
            parent_id,
            error,
            status,
            data,
            metadata or {},
            execution.position,
        )
        await self._driver.tell([entry])

    async def resources(self, resources: Sequence[Mapping[str, Value]]) -> None:
        await self._driver.tell([ResourcesRetrieved(self._work.execution.node_id, resources)])


def _root_pool(plan: Plan, run: Run) -> Pool:
    """The values that are there before the first node runs (`workflow-dsl §7`)."""
    root = plan.graph.nodes[plan.graph.root]
    return Pool(
        {
            "sys": run.system_values(),
            "env": dict(plan.environment),
            "conversation": dict(plan.conversation),
            root.id: dict(run.inputs),
        },
        secrets=plan.secrets,
        types=plan.types,
    )


def _raised(error: BaseException) -> Failed:
    """What a node raised, as an outcome (`workflow-dsl §10.1`)."""
    return Failed(str(error), "WorkflowNodeError")
