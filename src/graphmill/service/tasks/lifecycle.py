"""What may become of a task (`nextcloud-ocs §6.3`): every change of its state happens here, once,
and is told to its webhook. An ended task never changes again."""

import time
from collections.abc import Callable
from typing import Any, Final

from graphmill.service.tasks.outgoing import Outgoing
from graphmill.service.tasks.validation import Values
from graphmill.storage.ocs_tasks import Task, TaskStatus, TaskStore

MAX_ERROR: Final = 4000
"""Characters of an error that are kept."""

_WAITING: Final = (TaskStatus.SCHEDULED,)
_UNFINISHED: Final = (TaskStatus.SCHEDULED, TaskStatus.RUNNING)
_RUNNING: Final = (TaskStatus.RUNNING,)


class Lifecycle:
    """All methods give the task as it is now, None when it was deleted, and raise StoreError."""

    def __init__(
        self, store: TaskStore, outgoing: Outgoing, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._outgoing = outgoing
        self._clock = clock

    async def begin(self, task: Task, *, run_id: str | None = None) -> Task | None:
        """The task, now running; None when somebody else has begun or ended it."""
        now = self._clock()
        begun, is_ours = await self._store.change(
            task,
            _WAITING,
            status=TaskStatus.RUNNING,
            run_id=run_id,
            started_at=now,
            last_updated=now,
        )
        return begun if is_ours else None

    async def report(self, task: Task, progress: float) -> Task | None:
        now = self._clock()
        values: dict[str, Any] = {"progress": progress, "last_updated": now}
        if task.status is TaskStatus.SCHEDULED:
            await self.begin(task)
        changed, _ = await self._store.change(task, _RUNNING, **values)
        return changed

    async def stream(self, task: Task, output: Values) -> Task | None:
        """What there is of the output so far."""
        changed, _ = await self._store.change(
            task, _RUNNING, output=output, last_updated=self._clock()
        )
        return changed

    async def succeed(self, task: Task, output: Values, files: tuple[int, ...]) -> Task | None:
        return await self._end(
            task, TaskStatus.SUCCESSFUL, progress=1.0, output=output, files=files
        )

    async def fail(
        self, task: Task, error: str, *, user_facing: str | None = None, is_output: bool = False
    ) -> Task | None:
        """`error` is for the operator, `user_facing` for whoever made the task; `is_output`: there
        was a result, but no valid one."""
        return await self._end(
            task,
            TaskStatus.FAILED,
            progress=1.0 if is_output else task.progress,
            output=None,
            error=error[:MAX_ERROR],
            user_facing_error=None if user_facing is None else user_facing[:MAX_ERROR],
        )

    async def cancel(self, task: Task) -> Task | None:
        return await self._end(task, TaskStatus.CANCELLED, output=None)

    async def _end(self, task: Task, status: TaskStatus, **values: Any) -> Task | None:
        now = self._clock()
        started_at = task.started_at
        if started_at is None and status is not TaskStatus.CANCELLED:
            started_at = now
        ended, is_ours = await self._store.change(
            task,
            _UNFINISHED,
            status=status,
            started_at=started_at,
            ended_at=now,
            last_updated=now,
            **values,
        )
        if ended is not None and is_ours:
            self._outgoing.tell(ended)
        return ended
