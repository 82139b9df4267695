"""Runs and events as the tests of this folder need them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete

from graphmill.engine.events import Event, RunFinished, RunStarted, RunStatus
from graphmill.engine.fanout import Feed
from graphmill.engine.run import Run
from graphmill.ids import app_id_of, end_user_id_of, new_id, workflow_id_of
from graphmill.storage.database import Database
from graphmill.storage.journal import SqlJournal
from graphmill.storage.tables import orders

APP = app_id_of("app")
WORKFLOW = workflow_id_of(APP, "content")
CREATED_AT = 1_760_000_000.0


def new_run(*, app_id: str = APP, user: str = "ann", **changes: Any) -> Run:
    values: dict[str, Any] = {
        "id": new_id(),
        "task_id": new_id(),
        "app_id": app_id,
        "workflow_id": WORKFLOW,
        "version": "2026-11-21 10:00:00.123456",
        "sequence_number": 1,
        "end_user_id": end_user_id_of(app_id, user),
        "user": user,
        "inputs": {},
        "created_at": CREATED_AT,
    }
    return Run(**values | changes)


def finished(status: RunStatus = RunStatus.SUCCEEDED, **changes: Any) -> RunFinished:
    values: dict[str, Any] = {
        "status": status,
        "outputs": {},
        "error": None,
        "elapsed": 0.5,
        "total_tokens": 0,
        "total_steps": 2,
        "exceptions_count": 0,
        "at": CREATED_AT + 0.5,
    }
    return RunFinished(**values | changes)


def started(run: Run) -> RunStarted:
    return RunStarted(dict(run.inputs), run.created_at)


async def record(database: Database, run: Run, events: Iterable[Event]) -> Feed:
    """Write `events` as the whole of `run` so far, in one commit."""
    journal, feed = SqlJournal(database, clock=lambda: run.created_at), Feed(run.id)
    journal.open(run, feed)
    for event in events:
        feed.append(event)
    journal.post(feed)
    await journal.committed(feed)
    return feed


async def lose_orders(database: Database) -> None:
    """As if it were not known how the runs that go on were ordered."""
    await database.write(delete(orders))


async def record_run(
    database: Database, *, status: RunStatus = RunStatus.SUCCEEDED, **changes: Any
) -> Run:
    """A run from start to end; one that is to be `running` has no end."""
    outputs = changes.pop("outputs", {})
    run = new_run(**changes)
    events: list[Event] = [started(run)]
    if status.is_final:
        events.append(finished(status, outputs=outputs))
    await record(database, run, events)
    return run
