"""Executes tasks of workflow types: one run a task, so many at a time, the oldest first
(`nextcloud-ocs §19.5`)."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from graphmill.background import Background
from graphmill.engine.events import NodeFinished, RunFinished, RunPaused, RunStatus, TextChunk
from graphmill.errors import GraphmillError, RunNotFound, TooManyRuns
from graphmill.ids import new_id
from graphmill.service.apps.catalog import App
from graphmill.service.runs.runs import LiveRun, Runs
from graphmill.service.tasks.conversion import run_inputs, task_output
from graphmill.service.tasks.files import TaskFiles, end_user_of, owner_of
from graphmill.service.tasks.lifecycle import Lifecycle
from graphmill.service.tasks.offers import Offer, WorkflowBacking
from graphmill.service.tasks.task_types import TaskTypes
from graphmill.service.tasks.validation import check_output
from graphmill.storage.ocs_tasks import Task, TaskStatus, TaskStore
from graphmill.storage.runs import RunRecord
from graphmill.variables.values import Value

MAX_WAITING: Final = 10_000
"""Tasks that may wait for their turn."""
ALMOST_DONE: Final = 0.95
"""The progress that a task does not exceed before its end."""
SENTENCE: Final = 300
"""Characters of an error that a user is shown."""
STOPPED: Final = "The run of this task was stopped."
ASKS: Final = "The workflow waits for a person to fill in a form, which a task cannot."
GONE: Final = "Nothing executes tasks of this type any more. Ask whoever runs this server."
BROKEN: Final = "Something went wrong on the server. Try again, or ask whoever runs it."
WRONG_OUTPUT: Final = (
    "The result does not have the form that this type of task needs. Ask whoever runs this server."
)
_TRACEBACK: Final = re.compile(r"Traceback \(most recent call last\)|\n\s+File \"")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Work:
    """A task that this process executes."""

    task_id: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    live: LiveRun | None = None
    app: App | None = None
    context: Context = field(default_factory=copy_context)
    """Of whoever ordered it: the task that ends when its turn comes is another one's."""
    is_stopped: bool = False
    progress: float | None = None
    output: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _End:
    """How a run ended."""

    status: RunStatus
    outputs: Mapping[str, Value]
    error: str | None


class TaskRunner:
    def __init__(
        self,
        runs: Runs,
        types: TaskTypes,
        store: TaskStore,
        lifecycle: Lifecycle,
        files: TaskFiles,
        *,
        at_a_time: int,
    ) -> None:
        self._runs = runs
        self._types = types
        self._store = store
        self._lifecycle = lifecycle
        self._files = files
        self._at_a_time = at_a_time
        self._waiting: deque[_Work] = deque()
        self._work: dict[int, _Work] = {}
        self._tasks = Background()
        self._active = 0

    @property
    def active(self) -> int:
        """Tasks that are executed now."""
        return self._active

    @property
    def waiting(self) -> int:
        """Tasks that wait for their turn."""
        return len(self._waiting)

    def require_room(self) -> None:
        """Raises TooManyRuns when no further task may wait."""
        if len(self._waiting) >= MAX_WAITING:
            raise TooManyRuns(f"{MAX_WAITING} tasks are waiting. Please try again later.")

    def submit(self, task_id: int) -> None:
        """Execute a stored task when its turn comes, or go on with it after a restart."""
        work = self._work[task_id] = _Work(task_id)
        self._waiting.append(work)
        self._fill()

    async def stop(self, task_id: int) -> None:
        """End the run of a task that was cancelled or deleted."""
        work = self._work.get(task_id)
        if work is not None:
            work.is_stopped = True
            await self._stop_run(work)

    async def wait(self, task_id: int, *, seconds: float) -> None:
        """Until the task has ended, for at most so long."""
        work = self._work.get(task_id)
        if work is not None:
            try:
                await asyncio.wait_for(work.ended.wait(), seconds)
            except TimeoutError:
                return

    def now(self, task: Task) -> Task:
        """With the progress and the partial output that its run has told so far."""
        work = self._work.get(task.id)
        if work is None or task.status is not TaskStatus.RUNNING:
            return task
        progress = max(filter(None, (task.progress, work.progress)), default=None)
        output = dict(work.output) if task.prefer_streaming and work.output else task.output
        return replace(task, progress=progress, output=output)

    async def close(self, *, seconds: float) -> None:
        """Let tasks whose runs have ended be recorded."""
        await self._tasks.wait(seconds=seconds)
        await self._tasks.cancel()

    def _fill(self) -> None:
        """Begin what waits, as long as there is room."""
        while self._waiting and self._active < self._at_a_time and not self._runs.is_closing:
            work = self._waiting.popleft()
            self._active += 1
            work.context.run(self._tasks.start, self._go(work), name=f"task {work.task_id}")

    async def _go(self, work: _Work) -> None:
        try:
            await self._execute(work)
        finally:
            work.ended.set()
            del self._work[work.task_id]
            self._active -= 1
            self._fill()

    async def _execute(self, work: _Work) -> None:
        task = await self._store.get(work.task_id)
        is_new = task is not None and task.status is TaskStatus.SCHEDULED
        if task is not None and is_new:
            task = await self._lifecycle.begin(task, run_id=new_id())
        if task is None or task.status.is_final:
            return
        offer = self._types.find(task.type)
        if offer is None or not isinstance(offer.backing, WorkflowBacking):
            await self._lifecycle.fail(task, "no workflow for this type", user_facing=GONE)
            return
        try:
            end = None if is_new else await self._end_of_earlier(task, offer.backing)
            if end is None:
                end = await self._follow(work, task, offer, offer.backing)
            if end is not None and not work.is_stopped:
                await self._settle(task, offer, offer.backing, end)
        except GraphmillError as error:
            logger.warning("task %d failed: %s", task.id, error)
            await self._lifecycle.fail(task, str(error), user_facing=sentence(str(error), ()))
        except Exception as error:
            logger.exception("task %d broke off", task.id)
            await self._lifecycle.fail(task, repr(error), user_facing=BROKEN)

    async def _follow(
        self, work: _Work, task: Task, offer: Offer, backing: WorkflowBacking
    ) -> _End | None:
        """Start the run when there is room for it, or find the one that goes on, and wait for its
        end. None: the server stops, and the next process will see the end; or nobody wants it any
        more."""
        work.app = backing.app
        work.live = self._runs.find_live(backing.app, task.run_id or "")
        while work.live is None:
            if work.is_stopped or self._runs.is_closing:
                return None
            try:
                work.live = await self._start(task, offer, backing)
            except TooManyRuns:
                await self._runs.room()
        if work.is_stopped:
            await self._stop_run(work)
        return await self._watch(work, work.live, backing)

    async def _end_of_earlier(self, task: Task, backing: WorkflowBacking) -> _End | None:
        """How a run ended that an earlier process began, if it has."""
        try:
            record: RunRecord = await self._runs.get(backing.app, task.run_id or "")
        except RunNotFound:
            return None
        if not record.status.is_final:
            return None
        return _End(record.status, record.outputs, record.error)

    async def _start(self, task: Task, offer: Offer, backing: WorkflowBacking) -> LiveRun:
        owner = owner_of(task)
        inputs = await run_inputs(offer.type, backing, task.input, self._files.describe)
        return await self._runs.start(
            backing.app,
            backing.version,
            inputs=inputs,
            files=(),
            user=end_user_of(owner, backing.app.id, task.scheduled_at, task.user_id or "nobody"),
            find=self._files.finder(owner),
            run_id=task.run_id,
        )

    async def _watch(self, work: _Work, live: LiveRun, backing: WorkflowBacking) -> _End | None:
        nodes, finished = len(backing.version.plan.graph.nodes), 0
        async for batch in self._runs.follow(live):
            for _, event in batch:
                match event:
                    case NodeFinished():
                        finished += 1
                        work.progress = min(ALMOST_DONE, round(finished / nodes, 2))
                    case TextChunk():
                        slot = backing.streams.get(event.selector)
                        if slot is not None:
                            work.output[slot] = work.output.get(slot, "") + event.text
                    case RunPaused():
                        await self._runs.stop(backing.app, live.run.id)
                        return _End(RunStatus.FAILED, {}, ASKS)
                    case RunFinished():
                        return _End(event.status, event.outputs, event.error)
                    case _:
                        pass
        return None

    async def _settle(self, task: Task, offer: Offer, backing: WorkflowBacking, end: _End) -> None:
        if end.status is RunStatus.STOPPED:
            await self._lifecycle.fail(task, STOPPED, user_facing=STOPPED)
        elif end.status is RunStatus.FAILED:
            error = end.error or BROKEN
            shown = sentence(error, _secrets_of(backing))
            await self._lifecycle.fail(task, error, user_facing=shown)
        else:
            await self._give(task, offer, backing, end.outputs)

    async def _give(
        self, task: Task, offer: Offer, backing: WorkflowBacking, outputs: Mapping[str, Any]
    ) -> None:
        """Turn the outputs of the run into those of the task."""
        owner = owner_of(task)
        number = partial(self._files.number_of, owner=owner)
        try:
            output = check_output(
                offer.type, await task_output(offer.type, backing, outputs, number)
            )
            await self._files.check_output(offer.type, output, owner)
        except ValueError as error:
            logger.error("task %d of type %s: %s", task.id, task.type, error)
            await self._lifecycle.fail(task, str(error), user_facing=WRONG_OUTPUT, is_output=True)
            return
        files = await self._files.results_in(offer.type, output)
        await self._lifecycle.succeed(task, output, files)

    async def _stop_run(self, work: _Work) -> None:
        if work.app is not None and work.live is not None:
            await self._runs.stop(work.app, work.live.run.id)


def sentence(error: str, secrets: tuple[str, ...]) -> str:
    """The first line of an error, for somebody who has no log to look into."""
    first = _TRACEBACK.split(error)[0].strip().split("\n")[0].strip()
    for secret in secrets:
        first = first.replace(secret, "***")
    return first[:SENTENCE] or BROKEN


def _secrets_of(backing: WorkflowBacking) -> tuple[str, ...]:
    plan = backing.version.plan
    values = (plan.environment.get(name) for name in plan.secrets)
    return tuple(value for value in values if isinstance(value, str) and value)
