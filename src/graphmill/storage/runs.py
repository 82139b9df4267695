"""Runs as the database knows them: one by its id, a page of the log, what a restart left behind."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import time
from typing import Any, Final

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    TextClause,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)

from graphmill.engine.events import RunStatus
from graphmill.engine.fanout import EPOCH_SHIFT
from graphmill.ids import end_user_id_of, log_id_of
from graphmill.jsontext import encode, storable
from graphmill.storage.database import Database, Row
from graphmill.storage.packing import unpack
from graphmill.storage.search import (
    CANDIDATES,
    COUNT_CANDIDATES,
    INDEX_NEXT,
    IS_BEHIND,
    SEARCHED_CHARACTERS,
    match_of,
)
from graphmill.storage.tables import is_open, orders, runs, workflow_versions
from graphmill.variables.values import Value

KEYWORD_LENGTH: Final = 30
"""Characters of a keyword that count (`service-api §16`)."""
MOST_COUNTED: Final = 10_000
"""Runs that hold a keyword are counted so far; the total of a longer list is this number, or that
of the page asked for and one more."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run without what went in and came out."""

    id: str
    app_id: str
    task_id: str
    workflow_id: str
    version: str
    """The name of the version."""
    sequence_number: int
    end_user_id: str
    session_id: str
    """What the caller sent as `user`."""
    triggered_from: str
    status: RunStatus
    created_at: float
    finished_at: float | None
    elapsed: float
    """Seconds; 0 while the run goes on."""
    total_tokens: int
    total_steps: int
    exceptions_count: int
    error: str | None


@dataclass(frozen=True, slots=True)
class RunRecord(RunSummary):
    inputs: dict[str, Value]
    """Form inputs and `sys.*` values."""
    outputs: dict[str, Value]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of an app's log: each run has one, from its start on."""

    id: str
    """Not the run's id."""
    run: RunSummary


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which entries are wanted; all filters given must hold (`service-api §16`)."""

    keyword: str | None = None
    """Part of the inputs, the outputs or the session id, whatever its case; or the run's id."""
    status: RunStatus | None = None
    created_before: float | None = None
    """Unix seconds; that moment included, as in `created_after`."""
    created_after: float | None = None
    session_id: str | None = None
    page: int = 1
    limit: int = 20


@dataclass(frozen=True, slots=True)
class LogPage:
    entries: tuple[LogEntry, ...]
    """Newest first."""
    total: int
    """Entries on all pages."""
    page: int
    limit: int

    @property
    def has_more(self) -> bool:
        return self.total > self.page * self.limit


_SUMMARY: Final = (
    runs.c.id,
    runs.c.app_id,
    runs.c.task_id,
    runs.c.workflow_id,
    runs.c.version,
    runs.c.sequence_number,
    runs.c.end_user_id,
    runs.c.session_id,
    runs.c.triggered_from,
    runs.c.status,
    runs.c.created_at,
    runs.c.finished_at,
    runs.c.elapsed,
    runs.c.total_tokens,
    runs.c.total_steps,
    runs.c.exceptions_count,
    runs.c.error,
)
"""In the order of `RunSummary`."""

_OF_APP: Final = runs.c.app_id == bindparam("app_id")
# The plus keeps SQLite from going through all runs of the app instead of the candidates.
_OF_APP_UNINDEXED: Final = literal_column("+runs.app_id") == bindparam("app_id")
_RECORD: Final = select(*_SUMMARY, runs.c.inputs, runs.c.outputs).where(_OF_APP)
_BY_ID: Final = _RECORD.where(runs.c.id == bindparam("id"))
_BY_TASK: Final = _RECORD.where(runs.c.task_id == bindparam("task_id"))


def _holds(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """Does what is searched of the column, in lower case, fit the pattern in the parameter of that
    name?"""
    return func.lower(func.substr(column, 1, SEARCHED_CHARACTERS)).like(
        bindparam(pattern), escape="\\"
    )


_FILTERS: Final[dict[str, ColumnElement[bool]]] = {
    "keyword": or_(
        _holds(runs.c.inputs, "quoted_keyword"),
        _holds(runs.c.outputs, "quoted_keyword"),
        _holds(runs.c.session_id, "keyword"),
        runs.c.id == bindparam("run_id"),
    ),
    "status": runs.c.status == bindparam("status"),
    "created_before": runs.c.created_at <= bindparam("created_before"),
    "created_after": runs.c.created_at >= bindparam("created_after"),
    "end_user_id": runs.c.end_user_id == bindparam("end_user_id"),
}
"""By the parameter that asks for each."""

_LOST: Final = and_(is_open, runs.c.id.not_in(select(orders.c.run_id)))
_COUNT_LOST: Final = select(func.count(runs.c.id)).where(_LOST)
_FAIL_LOST: Final = (
    update(runs)
    .where(_LOST)
    .values(
        status=RunStatus.FAILED.value,
        error=bindparam("reason"),
        finished_at=bindparam("now"),
        elapsed=bindparam("now") - runs.c.started_at,
        # As a later owner of the run would number its first event.
        last_sequence=runs.c.first_sequence + (1 << EPOCH_SHIFT),
    )
)
_WILD: Final = re.compile(r"[%_\\]")
_APPS: Final = select(workflow_versions.c.app_id).distinct().subquery()
"""Apps that can have runs; a list that is far shorter than that of the runs."""
_LAST_NUMBERS: Final = select(
    _APPS.c.app_id,
    select(runs.c.sequence_number)
    .where(runs.c.app_id == _APPS.c.app_id)
    .order_by(runs.c.created_at.desc())
    .limit(1)
    .scalar_subquery(),
)


class RunStore:
    def __init__(self, database: Database, *, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._clock = clock

    async def get(self, app_id: str, run_id: str) -> RunRecord | None:
        """Raises StoreError."""
        return _record(await self._database.fetch_one(_BY_ID, app_id=app_id, id=run_id))

    async def find_by_task(self, app_id: str, task_id: str) -> RunRecord | None:
        return _record(await self._database.fetch_one(_BY_TASK, app_id=app_id, task_id=task_id))

    async def page(self, app_id: str, query: LogQuery) -> LogPage:
        """One page of an app's log."""
        parameters = await self._narrowed(_parameters(app_id, query))
        entries, count = _log_statements(frozenset(parameters))
        offset = (query.page - 1) * query.limit
        rows = await self._database.fetch_all(
            entries, limit=query.limit, offset=offset, **parameters
        )
        total = offset + len(rows)
        is_last_page = 0 < len(rows) < query.limit or total == 0
        if not is_last_page:
            most = max(MOST_COUNTED, offset + query.limit + 1)
            [(total,)] = await self._database.fetch_all(count, most=most, **parameters)
        found = tuple(LogEntry(log_id_of(row[0]), RunSummary(*_typed(row))) for row in rows)
        return LogPage(found, total, query.page, query.limit)

    async def _narrowed(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """A keyword that few runs can hold is looked for in those. One that many hold is soon found
        by looking at the newest runs first."""
        match = parameters.pop("match", None)
        if match is None:
            return parameters
        [(count,)] = await self._database.fetch_all(
            COUNT_CANDIDATES, match=match, most=MOST_COUNTED
        )
        return parameters | {"match": match} if count < MOST_COUNTED else parameters

    async def index_keywords(self) -> None:
        """Make new runs ready for searches by keyword, in small batches between other writes; those
        that are not are looked at one by one. Raises StoreError."""
        while await self._database.fetch_one(IS_BEHIND):
            await self._database.write(INDEX_NEXT)

    async def last_sequence_numbers(self) -> dict[str, int]:
        """By app, how far its runs are counted; apps without runs are left out."""
        rows = await self._database.fetch_all(_LAST_NUMBERS)
        return {app_id: number for app_id, number in rows if number is not None}

    async def fail_interrupted(self, reason: str) -> int:
        """End all runs that seem to go on and cannot, since it is not known how they were ordered.
        How many?"""
        [(count,)] = await self._database.fetch_all(_COUNT_LOST)
        if count:
            await self._database.write(_FAIL_LOST, reason=reason, now=self._clock())
        return int(count)


@lru_cache
def _log_statements(parameters: frozenset[str]) -> tuple[ClauseElement, ClauseElement]:
    """The entries of a page, and how many there are on all pages, with the filters asked for."""
    filters = [_FILTERS[name] for name in _FILTERS if name in parameters]
    conditions: list[ColumnElement[bool] | TextClause] = [_OF_APP, *filters]
    if "match" in parameters:
        conditions = [CANDIDATES, _OF_APP_UNINDEXED, *filters]
    entries = (
        select(*_SUMMARY)
        .where(*conditions)
        .order_by(runs.c.created_at.desc(), runs.c.sequence_number.desc())
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )
    if "keyword" in parameters:
        some = select(runs.c.id).where(*conditions).limit(bindparam("most")).subquery()
        return entries, select(func.count()).select_from(some)
    return entries, select(func.count()).select_from(runs).where(*conditions)


def _parameters(app_id: str, query: LogQuery) -> dict[str, Any]:
    """Of the filters asked for only."""
    parameters: dict[str, Any] = {
        "status": query.status,
        "created_before": query.created_before,
        "created_after": query.created_after,
    }
    if query.session_id is not None:
        parameters["end_user_id"] = end_user_id_of(app_id, query.session_id)
    if query.keyword:
        keyword = storable(query.keyword[:KEYWORD_LENGTH])
        parameters["keyword"] = _pattern(keyword)
        # Inputs and outputs are JSON, in which a quotation mark has a backslash before it.
        parameters["quoted_keyword"] = _pattern(encode(keyword).decode()[1:-1])
        parameters["run_id"] = storable(query.keyword).lower()
        parameters["match"] = match_of(app_id, keyword, encode(keyword).decode()[1:-1])
    given = {name: value for name, value in parameters.items() if value is not None}
    return {"app_id": app_id, **given}


def _pattern(part: str) -> str:
    """For LIKE: texts that contain `part`, in lower case."""
    literal = _WILD.sub(r"\\\g<0>", part.lower())
    return f"%{literal}%"


def _record(row: Row | None) -> RunRecord | None:
    if row is None:
        return None
    *summary, inputs, outputs = row
    return RunRecord(*_typed(summary), *(unpack(text.encode()) for text in (inputs, outputs)))


def _typed(summary: Sequence[Any]) -> Iterator[Any]:
    """The columns of `_SUMMARY` as members of `RunSummary`."""
    for column, value in zip(_SUMMARY, summary, strict=True):
        yield RunStatus(value) if column is runs.c.status else value
