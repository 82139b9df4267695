"""Forgets what is older than the configuration keeps, in small batches between other writes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ClauseElement, bindparam, delete, select

from graphmill.config import RetentionSettings
from graphmill.jsontext import decode
from graphmill.ports.files import FileStore
from graphmill.storage.database import Database, Row
from graphmill.storage.ocs_tasks import TaskStatus
from graphmill.storage.tables import (
    is_running,
    journal,
    node_executions,
    ocs_tasks,
    runs,
    uploads,
)

BATCH: Final = 200
"""Runs, rows of events or files in one commit."""
DAY: Final = 86_400.0
MINUTE: Final = 60.0

_OLD_RUNS: Final = (
    select(runs.c.id).where(runs.c.created_at < bindparam("before"), ~is_running).limit(BATCH)
)
_FORGET_RUN: Final = (
    delete(journal).where(journal.c.run_id == bindparam("id")),
    delete(node_executions).where(node_executions.c.run_id == bindparam("id")),
    delete(runs).where(runs.c.id == bindparam("id")),
)
_OLD_EVENTS: Final = (
    select(journal.c.run_id, journal.c.sequence)
    .where(
        journal.c.at < bindparam("before"),
        # Whoever follows a run that goes on may still need its events.
        journal.c.run_id.not_in(select(runs.c.id).where(is_running)),
    )
    .limit(BATCH)
)
_FORGET_EVENTS: Final = delete(journal).where(
    journal.c.run_id == bindparam("run_id"), journal.c.sequence == bindparam("sequence")
)
_OLD_FILES: Final = (
    select(uploads.c.id, uploads.c.key)
    .where(uploads.c.created_at < bindparam("before"))
    .limit(BATCH)
)
_FORGET_FILE: Final = delete(uploads).where(uploads.c.id == bindparam("id"))
_OLD_TASKS: Final = (
    select(ocs_tasks.c.id, ocs_tasks.c.files)
    .where(
        ocs_tasks.c.last_updated < bindparam("before"),
        ocs_tasks.c.status > TaskStatus.RUNNING.value,
        ocs_tasks.c.allow_cleanup,
    )
    .limit(BATCH)
)
_FORGET_TASK: Final = delete(ocs_tasks).where(ocs_tasks.c.id == bindparam("id"))
_FILE_OF_TASK: Final = select(uploads.c.id, uploads.c.key).where(
    uploads.c.number == bindparam("number")
)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was forgotten."""

    runs: int
    events: int
    """Rows; each holds the events of one run in one commit."""
    files: int
    tasks: int = 0


async def prune(
    database: Database,
    files: FileStore,
    retention: RetentionSettings,
    *,
    tasks_days: float = 0,
    now: float,
) -> Pruned:
    """Forget runs with all their events, events of runs that have ended, files, and Nextcloud's
    tasks with the files that were made for them.

    Raises StoreError; what is half-done then, the next call does."""

    async def forget_runs(rows: Sequence[Row]) -> None:
        await database.write_all(
            (statement, {"id": run_id}) for statement in _FORGET_RUN for (run_id,) in rows
        )

    async def forget_events(rows: Sequence[Row]) -> None:
        await database.write_all(
            (_FORGET_EVENTS, {"run_id": run_id, "sequence": sequence}) for run_id, sequence in rows
        )

    async def forget_files(rows: Sequence[Row]) -> None:
        # The bytes first: a row without its file is found again, a file without its row is not.
        for _, key in rows:
            await files.delete(key)
        await database.write_all((_FORGET_FILE, {"id": file_id}) for file_id, _ in rows)

    async def forget_tasks(rows: Sequence[Row]) -> None:
        for _, numbers in rows:
            for number in decode(numbers.encode()):
                await forget_files(await database.fetch_all(_FILE_OF_TASK, number=number))
        await database.write_all((_FORGET_TASK, {"id": task_id}) for task_id, _ in rows)

    async def forget_all(
        query: ClauseElement, forget: Callable[[Sequence[Row]], Awaitable[None]], age: float
    ) -> int:
        count = 0
        while age and (rows := await database.fetch_all(query, before=now - age)):
            await forget(rows)
            count += len(rows)
        return count

    return Pruned(
        runs=await forget_all(_OLD_RUNS, forget_runs, retention.runs_days * DAY),
        events=await forget_all(_OLD_EVENTS, forget_events, retention.events_minutes * MINUTE),
        files=await forget_all(_OLD_FILES, forget_files, retention.files_days * DAY),
        tasks=await forget_all(_OLD_TASKS, forget_tasks, tasks_days * DAY),
    )
