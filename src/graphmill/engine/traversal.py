"""One run's way through its graph, frame by frame: what runs next, what an outcome changes, what is
told of it. Nothing here waits."""

from collections.abc import Callable, Sequence
from typing import Final

from graphmill.engine.context import NodeContext
from graphmill.engine.events import (
    ContainerStarted,
    Event,
    Execution,
    NodeFinished,
    NodePaused,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    RunFinished,
    RunPaused,
    RunStarted,
    RunStatus,
    TextChunk,
    VariableUpdated,
)
from graphmill.engine.frames import Container, Frame, Work
from graphmill.engine.graph import ErrorStrategy, NodeClass
from graphmill.engine.outcome import Failed, Outcome, Paused, Succeeded, masked, raised
from graphmill.engine.plan import Plan
from graphmill.engine.replay import Replay, untold
from graphmill.engine.rounds import Rounds
from graphmill.engine.run import Run
from graphmill.engine.scheduler import Decision
from graphmill.engine.usage import Usage
from graphmill.errors import ReplayDiverged
from graphmill.variables.pool import Pool
from graphmill.variables.values import Value

DEEPEST: Final = 50
"""Levels of containers around a container."""


class Traversal:
    """The state of a run and the only writer of it.

    Call `begin`, then `start_next` while `is_ready`, and `complete` with the outcome of each node
    that it gave back to be awaited. The run has ended when nothing is ready and nothing awaited."""

    __slots__ = (
        "_clock", "_emit", "_empty", "_exceptions", "_new_id", "_paused", "_plan", "_ready",
        "_root", "_run", "_started_at", "_starts", "_step_limit", "_steps", "_usage",
    )  # fmt: skip

    def __init__(
        self,
        run: Run,
        plan: Plan,
        emit: Callable[[Event], None],
        *,
        step_limit: int,
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._run = run
        self._plan = plan
        self._emit = emit
        self._step_limit = step_limit
        self._clock = clock
        self._new_id = new_id
        self._started_at = clock()
        self._root = Frame(
            plan.graph, plan.entry, _root_pool(plan, run), started_at=self._started_at
        )
        # A list, not a deque: an empty deque is a tenth of what a waiting run costs.
        self._ready: list[tuple[Frame, int, int | None]] = []
        self._empty: list[tuple[Frame, Container]] = []
        """Rounds in which there is nothing to run. Each ends in a turn of its own, for there may be
        a million of them."""
        self._paused: dict[Work, Paused] = {}
        self._starts = 0
        self._steps = 0
        self._usage: Usage | None = None
        self._exceptions = 0

    @property
    def is_ready(self) -> bool:
        """Is there something to begin?"""
        return self._root.error is None and bool(self._ready or self._empty)

    @property
    def error(self) -> str | None:
        """Why the run has failed, if it has."""
        return self._root.error

    def replay(self, history: Sequence[Event]) -> tuple[list[Work], list[Event]]:
        """Take the state that `history`, the beginning of the run's events, leads to.

        What was under way is given back: run it again and `complete` it. So is what would have been
        told next. Call this in place of `begin`. Raises ReplayDiverged when the history is not one
        of this plan."""
        emit, told = self._emit, list[Event]()
        self._emit = told.append
        try:
            works = Replay(self).run(history)
        finally:
            self._emit = emit
        return works, untold(told, history)

    @property
    def _tokens(self) -> int:
        return 0 if self._usage is None else self._usage.total_tokens

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return max(0.0, self._clock() - self._started_at)

    def begin(self, started_at: float | None = None) -> None:
        """`started_at` is for a run that began in another process."""
        if started_at is not None:
            self._started_at = started_at
        root = self._root
        self._emit(RunStarted(self._run.all_inputs, self._started_at))
        self._follow(root, root.scheduler.start(self._plan.entry.node))

    def start_next(self) -> Work | None:
        """Start a node that is ready. One that waits is given back: run it and `complete` it."""
        if not self._ready:
            self._close(*self._empty.pop(0))
            return None
        frame, index, predecessor = self._ready.pop(0)
        work = self._start(frame, index, self._execution(frame, index, predecessor))
        if work.step.waits:
            return work
        self.run_inline(work)
        return None

    def start_again(self, recorded: Execution) -> Work:
        """Start the node that was started at this point before, without running it.

        Raises ReplayDiverged when it is not ready."""
        for place, (frame, index, _) in enumerate(self._ready):
            if (frame.path, self._plan.steps[index].node.id) == (recorded.path, recorded.node_id):
                del self._ready[place]
                return self._start(frame, index, recorded)
        raise ReplayDiverged(f"The journal says that {recorded.node_id} was started next")

    def catch_up(self, execution: Execution, index: int) -> None:
        """A container has come to round `index`: end the empty ones before it."""
        while rounds := [pair for pair in self._empty if pair[1].work.execution.id == execution.id]:
            if rounds[-1][0].index >= index:
                return
            self._empty.remove(rounds[0])
            self._close(*rounds[0])

    def run_inline(self, work: Work) -> None:
        """Run a started node that needs no waiting."""
        try:
            outcome: Outcome | Paused | Rounds = work.step.run(work.context)
        except Exception as error:
            outcome = raised(error)
        if isinstance(outcome, Rounds):
            self._open(work, outcome)
        else:
            self.complete(work, outcome)

    def complete(self, work: Work, outcome: Outcome | Paused) -> float | None:
        """An attempt has ended. Seconds until the next one is due, or None when it was the last."""
        if isinstance(outcome, Paused):
            self._wait(work, outcome)
            return None
        if work.is_waiting:
            self.woken(work)
        frame = work.frame
        if self._plan.secrets:
            outcome = masked(outcome, frame.pool)
        if outcome.usage is not None:
            frame.spend(outcome.usage)
            self._usage = outcome.usage if self._usage is None else self._usage + outcome.usage
        if isinstance(outcome, Succeeded) and not outcome.handle:
            error = f"Branch node {work.step.node.id} completed without selecting a branch"
            outcome = Failed(error, "", outcome.inputs, outcome.process_data)
        if isinstance(outcome, Succeeded):
            self._succeed(work, outcome)
        else:
            delay = self._delay(work)
            if delay is not None:
                return delay
            self._recover(work, outcome)
        if frame.starts > self._step_limit:
            self._fail(
                frame, f"Maximum execution steps exceeded: {frame.starts} > {self._step_limit}"
            )
        frame.open -= 1
        if frame.open == 0 and frame.container is not None:
            self._close(frame, frame.container)
        return None

    def _wait(self, work: Work, pause: Paused) -> None:
        self._paused[work] = pause
        if not work.is_waiting:
            work.is_waiting = True
            self._emit(NodePaused(work.execution, pause.reason))

    def _delay(self, work: Work) -> float | None:
        """An attempt has failed."""
        if work.frame.container is None:
            self._exceptions += 1
        return None if work.step.retry is None else work.step.retry.delay(work.retries)

    def retry(self, work: Work, failure: Failed) -> None:
        """The next attempt begins; `failure` is what the one before ended with (`§10.2`)."""
        if self._plan.secrets:
            failure = masked(failure, work.frame.pool)
        self.count_retry(work)
        self._emit(
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

    def count_retry(self, work: Work) -> None:
        work.retries += 1
        self.count_again(work)

    def count_again(self, work: Work) -> None:
        """A node runs once more."""
        if work.frame.container is None:
            self._steps += 1

    @property
    def is_paused(self) -> bool:
        """Is there a node that waits for somebody outside?"""
        return bool(self._paused)

    def wake(self, key: str) -> Work | None:
        """The paused node with that idempotency key, if there is one: run it again and `complete`
        it."""
        for work in self._paused:
            if work.context.idempotency_key == key:
                del self._paused[work]
                self.woken(work)
                return work
        return None

    def woken(self, work: Work) -> None:
        """What it waits for may have come, so it runs again."""
        work.is_waiting = False
        self.count_again(work)

    def pause(self) -> RunPaused:
        """What is told when nothing else is left to do."""
        waiting = sorted(self._paused, key=lambda work: work.execution.index)
        return RunPaused(
            [self._paused[work].reason for work in waiting],
            [work.execution.node_id for work in waiting],
            self.elapsed,
            self._tokens,
            self._steps,
            self._clock(),
        )

    def show(self, frame: Frame, chunks: Sequence[TextChunk]) -> None:
        """Tell streamed text of `frame`, or keep it for when the frame has ended."""
        if frame.held is None:
            for chunk in chunks:
                self._emit(chunk)
        else:
            frame.held += chunks

    def end(self, verdict: tuple[RunStatus, str] | None) -> RunFinished:
        """The run's last event; `verdict` if something else than its nodes decided the end."""
        error = self._root.error
        if verdict is not None:
            status, error = verdict
        elif error is not None:
            status = RunStatus.FAILED
        else:
            status = RunStatus.PARTIAL_SUCCEEDED if self._exceptions else RunStatus.SUCCEEDED
        return RunFinished(
            status,
            self._root.outputs,
            error,
            self.elapsed,
            self._tokens,
            self._steps,
            self._exceptions,
            self._clock(),
            self._usage,
        )

    def _execution(self, frame: Frame, index: int, predecessor: int | None) -> Execution:
        step = self._plan.steps[index]
        node = step.node
        return Execution(
            self._new_id(),
            node.id,
            node.type,
            node.title,
            self._starts + 1,
            None if predecessor is None else self._plan.graph.nodes[predecessor].id,
            self._clock(),
            frame.position,
            step.extras,
            frame.path,
        )

    def _start(self, frame: Frame, index: int, execution: Execution) -> Work:
        step = self._plan.steps[index]
        node = step.node
        frame.starts += 1
        self._starts += 1
        if frame.container is None:
            self._steps += 1
        self._emit(NodeStarted(execution))
        key = f"{self._run.id}:{node.id}{frame.path}"
        context = NodeContext(frame.pool, self._run, execution.id, key, step.has_recourse)
        return Work(step, frame, execution, context)

    def _succeed(self, work: Work, outcome: Succeeded) -> None:
        """The order of effects is `workflow-dsl §9.3`: values, edges and the text that they let
        through, outputs, then the event."""
        frame = work.frame
        for selector, value in outcome.updates:
            frame.pool.set(selector[0], selector[1], value)
            self._emit(VariableUpdated(selector, value))
        if outcome.leaves:
            frame.leave(outcome.leaves)
        self._leave(work, outcome.outputs, outcome.handle if work.step.node.branches else None)
        # Dify does so before a success only: a default value is shown when the next node is done.
        if chunks := frame.stream.flush():
            self.show(frame, chunks)
        self._emit(
            NodeFinished(
                work.execution,
                NodeStatus.SUCCEEDED,
                outcome.inputs,
                outcome.process_data,
                outcome.outputs,
                frame.tagged(outcome.metadata),
                None,
                "",
                self._clock(),
                outcome.handle,
                outcome.leaves,
                work.streamed,
            )
        )

    def _recover(self, work: Work, failure: Failed) -> None:
        """No attempt is left: apply the error strategy (`workflow-dsl §10.3`) or fail."""
        node = work.step.node
        outputs: dict[str, Value] = {
            "error_message": failure.error,
            "error_type": failure.error_type,
        }
        metadata = failure.metadata
        status = NodeStatus.EXCEPTION
        if node.error_strategy is None:
            status, outputs = NodeStatus.FAILED, failure.outputs
            self._fail(work.frame, failure.error)
        else:
            metadata = {"error_strategy": node.error_strategy.value}
            if node.error_strategy is ErrorStrategy.DEFAULT_VALUE:
                outputs = {**(work.step.defaults or {}), **outputs}
                self._leave(work, outputs, None)
            else:
                self._leave(work, outputs, ErrorStrategy.FAIL_BRANCH.value)
        self._emit(
            NodeFinished(
                work.execution,
                status,
                failure.inputs,
                failure.process_data,
                outputs,
                work.frame.tagged(metadata),
                failure.error,
                failure.error_type,
                self._clock(),
                streamed=work.streamed,
            )
        )

    def _fail(self, frame: Frame, error: str) -> None:
        """Nothing new begins in `frame`. The first reason counts."""
        if frame.error is None:
            frame.error = error

    def _leave(self, work: Work, outputs: dict[str, Value], handle: str | None) -> None:
        """Store what the node gives and follow its edges."""
        frame, node = work.frame, work.step.node
        if outputs:
            frame.pool.set_all(node.id, outputs)
        self._follow(frame, frame.scheduler.complete(node.index, handle))
        if node.node_class is NodeClass.RESPONSE:
            frame.merge_outputs(outputs)

    def _follow(self, frame: Frame, decision: Decision) -> None:
        if frame.error is not None:
            return
        if chunks := frame.stream.edges_taken(decision.taken):
            self.show(frame, chunks)
        for index, predecessor in decision.ready:
            if self._plan.steps[index].node.node_class is NodeClass.ENTRY:
                # It has no turn: no event tells of it, so no replay could know when that was.
                self._follow(frame, frame.scheduler.complete(index, None))
            else:
                frame.open += 1
                self._ready.append((frame, index, predecessor))

    # --- containers (`workflow-dsl §11`) ----------------------------------------------------------

    def _open(self, work: Work, rounds: Rounds) -> None:
        if work.frame.depth == DEEPEST:
            # Two containers that share a start node lead into one another for ever.
            error = f"Iterations and loops are nested more than {DEEPEST} levels deep"
            self.complete(work, Failed(error, inputs=rounds.inputs))
            return
        self._emit(ContainerStarted(work.execution, rounds.inputs, rounds.metadata))
        self._advance(Container(work, rounds))

    def _advance(self, container: Container) -> None:
        """Begin the rounds whose time has come, or end the container when there are none."""
        while (next_round := container.rounds.next()) is not None:
            now = self._clock()
            if next_round.is_announced:
                self._emit(container.announced(next_round, now))
            frame = container.begin(next_round, self._plan.graph, now)
            self._follow(frame, frame.scheduler.start(container.entry.node))
            if frame.open == 0:
                self._empty.append((frame, container))
        if container.open == 0:
            told, outcome = container.conclude(self._clock())
            for event in told:
                self._emit(event)
            self.complete(container.work, outcome)

    def _close(self, frame: Frame, container: Container) -> None:
        """A round has ended: go on with its container."""
        if frame.held:
            self.show(container.work.frame, frame.held)
        container.close(frame, self._clock())
        self._advance(container)


def _root_pool(plan: Plan, run: Run) -> Pool:
    """The values that are there before the first node runs (`workflow-dsl §7`)."""
    root = plan.graph.nodes[plan.entry.node]
    return Pool(
        {
            "sys": run.system_values(),
            "env": plan.environment,
            "conversation": plan.conversation,
            root.id: run.inputs,
        },
        secrets=plan.secrets,
        types=plan.types,
    )
