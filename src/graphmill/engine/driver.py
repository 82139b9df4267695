"""Runs one run: takes completions, asks the scheduler, starts nodes, tells what happened.

It is the only owner of the run's state, so there are no locks: state changes in one step without an await, and all
waiting happens in the tasks of nodes or at the inbox.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from graphmill.engine.context import NodeContext
from graphmill.engine.events import (
    Execution,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeStatus,
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
from graphmill.ports import Journal
from graphmill.variables.pool import Pool
from graphmill.variables.values import Value

TURN: Final = 50
"""Inline nodes run in a row before other runs get a turn."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    seconds: float = 1200.0
    steps: int = 500


@dataclass(frozen=True, slots=True)
class _Verdict:
    """How the run ends, whatever its nodes are at."""

    status: RunStatus
    error: str


@dataclass(slots=True)
class _Work:
    """A node at work: which step of which frame, and how often it was tried."""

    step: Step
    frame: Frame
    execution: Execution
    context: NodeContext
    retries: int = 0


@dataclass(slots=True)
class _Completion:
    work: _Work
    outcome: Outcome


class Driver:
    """One run from its first event to its last. Call `drive` once; `stop` may be called at any time."""

    __slots__ = (
        "_clock", "_exceptions", "_feed", "_inbox", "_index", "_journal", "_limits", "_new_id", "_plan", "_ready",
        "_run", "_running", "_spawn", "_started_at", "_steps", "_tokens", "_verdict",
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
        self._inbox: asyncio.Queue[_Completion | _Verdict] = asyncio.Queue()
        self._ready: deque[tuple[Frame, int, int | None]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
        self._verdict: _Verdict | None = None
        self._index = 0
        self._steps = 0
        self._tokens = 0
        self._exceptions = 0

    def stop(self) -> None:
        """End the run as `stopped`; running nodes are cancelled. A run that has ended stays as it is."""
        self._inbox.put_nowait(_Verdict(RunStatus.STOPPED, "Stopped by user."))

    def interrupt(self, reason: str) -> None:
        """End the run as `failed` for a reason that lies outside it; otherwise like `stop`."""
        self._inbox.put_nowait(_Verdict(RunStatus.FAILED, reason))

    async def drive(self) -> None:
        """Run to the end. The last event is published only when the database holds the whole run."""
        self._started_at = self._clock()
        run = self._run
        system = run.system_values()
        self._feed.append(
            RunStarted({**run.inputs, **{f"sys.{key}": value for key, value in system.items()}}, self._started_at)
        )
        self._tell()
        frame = self._root_frame(system)
        async with asyncio.TaskGroup() as tasks:
            self._spawn = tasks.create_task
            self._follow(frame, frame.scheduler.start(self._plan.graph.root))
            alarm = asyncio.get_running_loop().call_later(self._limits.seconds, self._expire)
            try:
                await self._loop()
            finally:
                alarm.cancel()
                for task in self._running:
                    task.cancel()
            self._feed.append(self._finish(frame))
            self._journal.post(self._feed)
        await self._journal.committed(self._feed)
        self._feed.publish()

    def _root_frame(self, system: dict[str, Value]) -> Frame:
        plan = self._plan
        root = plan.graph.nodes[plan.graph.root]
        namespaces: dict[str, dict[str, Value]] = {
            "sys": system,
            "env": plan.environment,
            "conversation": dict(plan.conversation),
            root.id: dict(self._run.inputs),
        }
        return Frame(plan, Pool(namespaces, secrets=plan.secrets))

    async def _loop(self) -> None:
        """Until nothing is ready and nothing is running, or there is a verdict."""
        turns = 0
        while self._verdict is None:
            if self._ready:
                self._start(*self._ready.popleft())
                turns += 1
                if turns % TURN == 0:
                    self._tell()
                    await asyncio.sleep(0)
                if not self._inbox.empty():
                    self._receive(self._inbox.get_nowait())
            elif self._running or not self._inbox.empty():
                self._tell()
                self._receive(await self._inbox.get())
            else:
                return

    def _tell(self) -> None:
        """Show what happened since the last call to the readers and to the journal."""
        self._journal.post(self._feed)
        self._feed.publish()

    def _start(self, frame: Frame, index: int, predecessor: int | None) -> None:
        step = self._plan.steps[index]
        node = step.node
        self._index += 1
        self._steps += 1
        execution = Execution(
            self._new_id(),
            node.id,
            node.type,
            node.title,
            self._index,
            None if predecessor is None else self._plan.graph.nodes[predecessor].id,
            self._clock(),
        )
        self._feed.append(NodeStarted(execution))
        context = NodeContext(
            frame.pool, self._run, execution.id, f"{self._run.id}:{node.id}", step.has_recourse
        )
        work = _Work(step, frame, execution, context)
        if step.waits:
            self._launch(work, delay=None, failure=None)
            return
        try:
            outcome: Outcome = step.run(context)
        except Exception as error:
            outcome = _raised(error)
        self._complete(work, outcome)

    def _launch(self, work: _Work, *, delay: float | None, failure: Failed | None) -> None:
        task = self._spawn(self._attempt(work, delay, failure))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _attempt(self, work: _Work, delay: float | None, failure: Failed | None) -> None:
        """One attempt of a waiting node, as a task; `failure` is what the attempt before ended with."""
        if delay is not None and failure is not None:
            await asyncio.sleep(delay)
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
        try:
            outcome: Outcome = await work.step.run(work.context)
        except Exception as error:
            outcome = _raised(error)
        self._inbox.put_nowait(_Completion(work, outcome))

    def _expire(self) -> None:
        elapsed = self._clock() - self._started_at
        self.interrupt(f"Maximum execution time exceeded: {elapsed:.2f}s > {self._limits.seconds:g}s")

    def _receive(self, message: _Completion | _Verdict) -> None:
        if isinstance(message, _Verdict):
            self._verdict = message
        else:
            self._complete(message.work, message.outcome)

    def _complete(self, work: _Work, outcome: Outcome) -> None:
        self._tokens += outcome.tokens
        if isinstance(outcome, Succeeded):
            self._succeed(work, outcome)
        else:
            self._exceptions += 1
            delay = work.step.retry.delay(work.retries) if work.step.retry is not None else None
            if delay is not None:
                work.retries += 1
                self._launch(work, delay=delay, failure=outcome)
                return
            self._recover(work, outcome)
        if self._index > self._limits.steps and self._verdict is None:
            self._fail(f"Maximum execution steps exceeded: {self._index} > {self._limits.steps}")

    def _succeed(self, work: _Work, outcome: Succeeded) -> None:
        """The order of effects is `workflow-dsl §9.3`: values, edges and what they let stream, outputs, then the event."""
        pool = work.frame.pool
        for selector, value in outcome.updates:
            pool.set(selector[0], selector[1], value)
            self._feed.append(VariableUpdated(selector, value))
        self._leave(work, outcome.outputs, outcome.handle if work.step.node.branches else None)
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

    def _recover(self, work: _Work, failure: Failed) -> None:
        """No attempt is left: apply the error strategy (`workflow-dsl §10.3`), or fail the run."""
        node = work.step.node
        outputs: dict[str, Value] = {"error_message": failure.error, "error_type": failure.error_type}
        metadata: dict[str, Value] | None = None
        status = NodeStatus.EXCEPTION
        if node.error_strategy is None:
            status, outputs = NodeStatus.FAILED, failure.outputs
            self._fail(failure.error)
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

    def _leave(self, work: _Work, outputs: dict[str, Value], handle: str | None) -> None:
        """Store what the node gives, follow its edges, and show the text that may be shown now."""
        frame, node = work.frame, work.step.node
        if outputs:
            frame.pool.set_all(node.id, outputs)
        self._follow(frame, frame.scheduler.complete(node.index, handle))
        if node.node_class is NodeClass.RESPONSE:
            frame.merge_outputs(outputs)
        for chunk in frame.stream.flush():
            self._feed.append(chunk)

    def _follow(self, frame: Frame, decision: Decision) -> None:
        for chunk in frame.stream.edges_taken(decision.taken):
            self._feed.append(chunk)
        for index, predecessor in decision.ready:
            self._ready.append((frame, index, predecessor))

    def _fail(self, error: str) -> None:
        self._verdict = _Verdict(RunStatus.FAILED, error)

    def _finish(self, frame: Frame) -> RunFinished:
        error: str | None = None
        if self._verdict is not None:
            status, error = self._verdict.status, self._verdict.error
        else:
            status = RunStatus.PARTIAL_SUCCEEDED if self._exceptions else RunStatus.SUCCEEDED
        now = self._clock()
        return RunFinished(
            status,
            frame.outputs,
            error,
            max(0.0, now - self._started_at),
            self._tokens,
            self._steps,
            self._exceptions,
            now,
        )


def _raised(error: Exception) -> Failed:
    """What a node raised, as an outcome (`workflow-dsl §10.1`)."""
    return Failed(str(error), "WorkflowNodeError")
