"""Forgets what is older than the configuration keeps, in small batches between other writes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import time
from typing import Final, assert_never

from sqlalchemy import ClauseElement, Select, bindparam, delete, func, select, update

from graphmill.config.apps import LogLevel
from graphmill.config.retention import RetentionSettings
from graphmill.engine.events import RunStatus
from graphmill.jsontext import decode
from graphmill.ports.files import FileStore
from graphmill.storage.conversations import DELETE_CONVERSATION
from graphmill.storage.database import Database, Row
from graphmill.storage.ocs_tasks import TaskStatus
from graphmill.storage.tables import (
    brief_runs,
    conversations,
    forms,
    is_open,
    journal,
    node_executions,
    ocs_tasks,
    reports,
    request_keys,
    runs,
    unfinished_files,
    uploads,
)

BATCH: Final = 50
"""Runs, rows of events or files in one commit."""
DAY: Final = 86_400.0
MINUTE: Final = 60.0
UNFINISHED_SECONDS: Final = DAY
"""No upload takes longer; what seems to do is of a process that died."""

_OLD_RUNS: Final = select(runs.c.id).where(runs.c.created_at < bindparam("before"), ~is_open)
_FORGET_RUN: Final = (
    delete(journal).where(journal.c.run_id == bindparam("id")),
    delete(node_executions).where(node_executions.c.run_id == bindparam("id")),
    delete(brief_runs).where(brief_runs.c.run_id == bindparam("id")),
    delete(request_keys).where(request_keys.c.run_id == bindparam("id")),
    delete(reports).where(reports.c.run_id == bindparam("id")),
    delete(forms).where(forms.c.run_id == bindparam("id")),
    delete(runs).where(runs.c.id == bindparam("id")),
)
_BRIEF_RUNS: Final = (
    select(brief_runs.c.run_id, brief_runs.c.log_level, runs.c.status)
    .join(runs, runs.c.id == brief_runs.c.run_id)
    .where(
        runs.c.finished_at < bindparam("before"),
        # Its webhook is told all of it.
        runs.c.id.not_in(select(reports.c.run_id)),
    )
)
_FORGET_DETAILS: Final = (
    delete(node_executions).where(node_executions.c.run_id == bindparam("id")),
    delete(forms).where(forms.c.run_id == bindparam("id")),
    update(runs).where(runs.c.id == bindparam("id")).values(inputs="{}", outputs="{}"),
    delete(brief_runs).where(brief_runs.c.run_id == bindparam("id")),
)
_KEEP_ALL: Final = (delete(brief_runs).where(brief_runs.c.run_id == bindparam("id")),)
_OLD_CONVERSATIONS: Final = select(conversations.c.id).where(
    conversations.c.updated_at < bindparam("before")
)
_OLD_EVENTS: Final = select(journal.c.run_id, journal.c.sequence).where(
    journal.c.at < bindparam("before"),
    # Whoever follows a run that goes on may still need its events.
    journal.c.run_id.not_in(select(runs.c.id).where(is_open)),
)
_FORGET_EVENTS: Final = delete(journal).where(
    journal.c.run_id == bindparam("run_id"), journal.c.sequence == bindparam("sequence")
)
_OLD_FILES: Final = select(uploads.c.id, uploads.c.key).where(
    uploads.c.created_at < bindparam("before")
)
_FORGET_FILE: Final = delete(uploads).where(uploads.c.id == bindparam("id"))
_ALL_UNFINISHED: Final = select(unfinished_files.c.key)
_UNFINISHED_FILES: Final = _ALL_UNFINISHED.where(
    unfinished_files.c.created_at < bindparam("before")
)
_FORGET_UNFINISHED: Final = delete(unfinished_files).where(
    unfinished_files.c.key == bindparam("key")
)
_OLD_TASKS: Final = select(ocs_tasks.c.id, ocs_tasks.c.files).where(
    ocs_tasks.c.last_updated < bindparam("before"),
    ocs_tasks.c.status > TaskStatus.RUNNING.value,
    ocs_tasks.c.allow_cleanup,
)
_FORGET_TASK: Final = delete(ocs_tasks).where(ocs_tasks.c.id == bindparam("id"))
_FILE_OF_TASK: Final = select(uploads.c.id, uploads.c.key).where(
    uploads.c.number == bindparam("number")
)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was forgotten."""

    runs: int = 0
    events: int = 0
    """Rows; each holds the events of one run in one commit."""
    files: int = 0
    tasks: int = 0
    conversations: int = 0
    shortened: int = 0
    """Runs that keep no more than the log level of their app asks for, or went by it."""
    unfinished: int = 0
    """Files of which a process that died may have left something."""

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.events} rows of events, {self.files} files, {self.tasks} "
            f"tasks, {self.conversations} conversations, the details of {self.shortened} runs and "
            f"the remains of {self.unfinished} uploads"
        )


class Pruner:
    """Forgets what is older than the settings keep."""

    def __init__(
        self,
        database: Database,
        files: FileStore,
        retention: RetentionSettings,
        *,
        tasks_days: float = 0,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._aged: dict[str, _Aged] = {
            "shortened": _Aged(_BRIEF_RUNS, self._shorten_runs, retention.events_minutes * MINUTE),
            "runs": _Aged(_OLD_RUNS, self._forget_runs, retention.runs_days * DAY),
            "conversations": _Aged(
                _OLD_CONVERSATIONS, self._forget_conversations, retention.conversations_days * DAY
            ),
            "events": _Aged(_OLD_EVENTS, self._forget_events, retention.events_minutes * MINUTE),
            "files": _Aged(_OLD_FILES, self._forget_files, retention.files_days * DAY),
            "tasks": _Aged(_OLD_TASKS, self._forget_tasks, tasks_days * DAY),
            "unfinished": _Aged(_UNFINISHED_FILES, self._undo_files, UNFINISHED_SECONDS),
        }

    async def prune(self) -> Pruned:
        """Raises StoreError; what is half-done then, the next call does."""
        now = self._clock()
        return Pruned(**{
            name: await self._forget_all(aged, before=now - aged.age)
            for name, aged in self._aged.items()
            if aged.age
        })  # fmt: skip

    async def count(self) -> Pruned:
        """What `prune` would forget now. Raises StoreError."""
        now = self._clock()
        return Pruned(**{
            name: await self._count_all(aged, before=now - aged.age)
            for name, aged in self._aged.items()
            if aged.age
        })  # fmt: skip

    async def left_behind(self) -> list[Row]:
        """The files at which earlier processes died: for a server that knows that it is the only
        one, before any of its runs goes on. Raises StoreError."""
        return await self._database.fetch_all(_ALL_UNFINISHED)

    async def clear_up(self, left: Sequence[Row]) -> int:
        """Take away what is `left_behind`. How many files? Raises StoreError."""
        for start in range(0, len(left), BATCH):
            await self._undo_files(left[start : start + BATCH])
        return len(left)

    async def _forget_all(self, aged: "_Aged", *, before: float) -> int:
        count = 0
        while rows := await self._database.fetch_all(aged.batch, before=before):
            await aged.forget(rows)
            count += len(rows)
        return count

    async def _count_all(self, aged: "_Aged", *, before: float) -> int:
        [(count,)] = await self._database.fetch_all(aged.number, before=before)
        return int(count)

    async def _forget_runs(self, rows: Sequence[Row]) -> None:
        await self._database.write_all(
            (statement, {"id": run_id}) for statement in _FORGET_RUN for (run_id,) in rows
        )

    async def _forget_conversations(self, rows: Sequence[Row]) -> None:
        await self._database.write_all(
            (statement, {"conversation_id": conversation_id})
            for statement in DELETE_CONVERSATION
            for (conversation_id,) in rows
        )

    async def _shorten_runs(self, rows: Sequence[Row]) -> None:
        await self._database.write_all(
            (statement, {"id": run_id})
            for run_id, level, status in rows
            for statement in _shortening(LogLevel(level), RunStatus(status))
        )

    async def _forget_events(self, rows: Sequence[Row]) -> None:
        await self._database.write_all(
            (_FORGET_EVENTS, {"run_id": run_id, "sequence": sequence}) for run_id, sequence in rows
        )

    async def _forget_files(self, rows: Sequence[Row]) -> None:
        # The bytes first: a row without its file is found again, a file without its row is not.
        for _, key in rows:
            await self._files.delete(key)
        await self._database.write_all((_FORGET_FILE, {"id": file_id}) for file_id, _ in rows)

    async def _undo_files(self, rows: Sequence[Row]) -> None:
        for (key,) in rows:
            await self._files.undo(key)
        await self._database.write_all((_FORGET_UNFINISHED, {"key": key}) for (key,) in rows)

    async def _forget_tasks(self, rows: Sequence[Row]) -> None:
        for _, numbers in rows:
            for number in decode(numbers.encode()):
                await self._forget_files(
                    await self._database.fetch_all(_FILE_OF_TASK, number=number)
                )
        await self._database.write_all((_FORGET_TASK, {"id": task_id}) for task_id, _ in rows)


class _Aged:
    """Rows that are forgotten at an age in seconds; 0: never."""

    __slots__ = ("age", "batch", "forget", "number")

    def __init__(
        self, query: Select[Row], forget: Callable[[Sequence[Row]], Awaitable[None]], age: float
    ) -> None:
        self.batch = query.limit(BATCH)
        self.number = select(func.count()).select_from(query.subquery())
        self.forget = forget
        self.age = age


def _shortening(level: LogLevel, status: RunStatus) -> Sequence[ClauseElement]:
    """What is to be done with an ended run that nobody can rejoin any more."""
    match level:
        case LogLevel.NONE:
            return _FORGET_RUN
        case LogLevel.ERRORS:
            return _FORGET_RUN if status is RunStatus.SUCCEEDED else _KEEP_ALL
        case LogLevel.SUMMARY:
            return _FORGET_DETAILS
        case LogLevel.FULL:
            return _KEEP_ALL
        case _:
            assert_never(level)
