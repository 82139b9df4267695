"""Tasks of Nextcloud's clients. Whoever changes one is told what became of it, and whether by
them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from graphmill.errors import StoreError
from graphmill.ids import new_id
from graphmill.jsontext import decode, encode, storable
from graphmill.storage.database import Database, Row
from graphmill.storage.tables import ocs_tasks

TASKS_IN_A_LIST: Final = 1000
"""Of one user; the newest."""


class TaskApi(StrEnum):
    """Which of the three APIs a task was made by; no other one shows it."""

    TASK = "task"
    TEXT = "text"
    IMAGE = "image"


class TaskStatus(IntEnum):
    """Nextcloud's numbers (`nextcloud-ocs §6.1`)."""

    UNKNOWN = 0
    SCHEDULED = 1
    RUNNING = 2
    SUCCESSFUL = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def is_final(self) -> bool:
        return self > TaskStatus.RUNNING


@dataclass(frozen=True, slots=True)
class NewTask:
    api: TaskApi
    type: str
    """Id of the task type."""
    user_id: str | None
    app_id: str
    """What the client calls its app."""
    custom_id: str
    scheduled_at: float
    expected_seconds: int
    input: dict[str, Any]
    include_watermark: bool = True
    prefer_streaming: bool = False
    webhook_uri: str | None = None
    webhook_method: str | None = None


@dataclass(frozen=True, slots=True)
class Task(NewTask):
    id: int = 0
    revision: str = ""
    status: TaskStatus = TaskStatus.SCHEDULED
    run_id: str | None = None
    """Of the run that executes it; None for a task of a worker."""
    progress: float | None = None
    last_updated: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    allow_cleanup: bool = True
    error: str | None = None
    """For the operator."""
    user_facing_error: str | None = None
    files: tuple[int, ...] = ()
    """Uploads that were made for it and go when it goes."""
    output: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A task that has not ended, without what it is about: there may be many, and long ones."""

    id: int
    type: str
    status: TaskStatus
    run_id: str | None


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks of a user are wanted; all that is given must hold."""

    api: TaskApi
    user_id: str | None
    type: str | None = None
    app_id: str | None = None
    custom_id: str | None = None


_JSON: Final = frozenset({"input", "output", "files"})
_COLUMNS: Final = tuple(ocs_tasks.c[member.name] for member in fields(Task))
_TASKS: Final = select(*_COLUMNS)
_IS_OF_USER: Final = ocs_tasks.c.user_id.is_not_distinct_from(bindparam("user_id"))
_ADD: Final = insert(ocs_tasks)
_BY_ID: Final = _TASKS.where(ocs_tasks.c.id == bindparam("task_id"))
_BY_KEY: Final = _TASKS.where(ocs_tasks.c.key == bindparam("key"))
_DELETE: Final = delete(ocs_tasks).where(ocs_tasks.c.id == bindparam("task_id"))
_UNFINISHED: Final = (
    select(ocs_tasks.c.id, ocs_tasks.c.type, ocs_tasks.c.status, ocs_tasks.c.run_id)
    .where(ocs_tasks.c.status <= TaskStatus.RUNNING.value)
    .order_by(ocs_tasks.c.id)
)
_SILENT: Final = _TASKS.where(
    ocs_tasks.c.status == TaskStatus.RUNNING.value,
    ocs_tasks.c.run_id.is_(None),
    ocs_tasks.c.last_updated < bindparam("before"),
)
_AHEAD: Final = select(func.count()).where(
    ocs_tasks.c.status == TaskStatus.SCHEDULED.value,
    ocs_tasks.c.type == bindparam("type"),
    ocs_tasks.c.id < bindparam("task_id"),
)
_EQUALITIES: Final[dict[str, ColumnElement[bool]]] = {
    name: ocs_tasks.c[name] == bindparam(name) for name in ("type", "app_id", "custom_id")
}


class TaskStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, task: NewTask) -> Task:
        """Raises StoreError."""
        key = new_id()
        values = {member.name: getattr(task, member.name) for member in fields(NewTask)}
        rest = Task(**values, last_updated=task.scheduled_at, revision=key)
        values = {member.name: getattr(rest, member.name) for member in fields(Task)}
        del values["id"]
        await self._database.write(_ADD, **_packed(values), key=key)
        row = await self._database.fetch_one(_BY_KEY, key=key)
        if row is None:
            raise StoreError("A task is gone that was just stored.")
        return _task(row)

    async def get(self, task_id: int) -> Task | None:
        row = await self._database.fetch_one(_BY_ID, task_id=task_id)
        return None if row is None else _task(row)

    async def find(self, query: TaskQuery) -> list[Task]:
        """The newest tasks, oldest first."""
        names = [name for name in _EQUALITIES if getattr(query, name) is not None]
        rows = await self._database.fetch_all(
            _listing(tuple(names)),
            api=query.api.value,
            user_id=query.user_id,
            **{name: storable(getattr(query, name)) for name in names},
        )
        return [_task(row) for row in reversed(rows)]

    async def change(
        self, task: Task, before: Sequence[TaskStatus], **values: Any
    ) -> tuple[Task | None, bool]:
        """Change it, unless its status is none of `before` any more.

        What it is now (None when it was deleted meanwhile), and whether the change was made."""
        revision = new_id()
        await self._database.write(
            _change(tuple(before), tuple(values)),
            task_id=task.id,
            new_revision=revision,
            **{f"new_{name}": value for name, value in _packed(values).items()},
        )
        now = await self.get(task.id)
        return now, now is not None and now.revision == revision

    async def delete(self, task_id: int) -> None:
        await self._database.write(_DELETE, task_id=task_id)

    async def waiting(self, types: Sequence[str], *, limit: int) -> list[Task]:
        """Scheduled tasks of these types, the oldest first."""
        rows = await self._database.fetch_all(
            _waiting(len(types)), **_named(types), status=TaskStatus.SCHEDULED.value, limit=limit
        )
        return [_task(row) for row in rows]

    async def count(self, status: TaskStatus, types: Sequence[str]) -> int:
        """How many tasks of all users are in that state; without types, of all types."""
        row = await self._database.fetch_one(
            _counting(len(types)), **_named(types), status=status.value
        )
        return int(row[0]) if row else 0

    async def ahead_of(self, task: Task) -> int:
        """Scheduled tasks of the same type that were there before."""
        row = await self._database.fetch_one(_AHEAD, type=task.type, task_id=task.id)
        return int(row[0]) if row else 0

    async def unfinished(self) -> list[Unfinished]:
        """All that were not ended, the oldest first."""
        return [
            Unfinished(task_id, task_type, TaskStatus(status), run_id)
            for task_id, task_type, status, run_id in await self._database.fetch_all(_UNFINISHED)
        ]

    async def silent(self, *, before: float) -> list[Task]:
        """Running tasks of workers of which nothing was heard since `before`."""
        return [_task(row) for row in await self._database.fetch_all(_SILENT, before=before)]


@lru_cache
def _listing(names: tuple[str, ...]) -> ClauseElement:
    conditions = [_EQUALITIES[name] for name in names]
    return (
        _TASKS.where(_IS_OF_USER, ocs_tasks.c.api == bindparam("api"), *conditions)
        .order_by(ocs_tasks.c.id.desc())
        .limit(TASKS_IN_A_LIST)
    )


@lru_cache
def _change(before: tuple[TaskStatus, ...], names: tuple[str, ...]) -> ClauseElement:
    return (
        update(ocs_tasks)
        .where(
            ocs_tasks.c.id == bindparam("task_id"),
            or_(*(ocs_tasks.c.status == status.value for status in before)),
        )
        .values({name: bindparam(f"new_{name}") for name in (*names, "revision")})
    )


@lru_cache
def _waiting(types: int) -> ClauseElement:
    return _TASKS.where(_in_state(types)).order_by(ocs_tasks.c.id).limit(bindparam("limit"))


@lru_cache
def _counting(types: int) -> ClauseElement:
    return select(func.count()).select_from(ocs_tasks).where(_in_state(types))


def _in_state(types: int) -> ColumnElement[bool]:
    is_in_state = ocs_tasks.c.status == bindparam("status")
    if not types:
        return is_in_state
    return is_in_state & or_(*(ocs_tasks.c.type == bindparam(f"type_{i}") for i in range(types)))


def _named(types: Sequence[str]) -> dict[str, str]:
    return {f"type_{i}": storable(name) for i, name in enumerate(types)}


def _packed(values: Mapping[str, Any]) -> dict[str, Any]:
    """As the columns hold them."""
    return {name: _pack(name, value) for name, value in values.items()}


def _pack(name: str, value: Any) -> Any:
    if name in _JSON:
        return None if value is None else encode(value).decode()
    if isinstance(value, str):
        return storable(str(value))
    return int(value) if isinstance(value, IntEnum) else value


def _task(row: Row) -> Task:
    values = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    for name in _JSON:
        values[name] = None if values[name] is None else decode(values[name].encode())
    for name in ("allow_cleanup", "include_watermark", "prefer_streaming"):
        values[name] = bool(values[name])
    return Task(
        **values
        | {
            "api": TaskApi(values["api"]),
            "status": TaskStatus(values["status"]),
            "files": tuple(values["files"]),
        }
    )
