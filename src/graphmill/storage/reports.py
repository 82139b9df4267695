"""Reports: ended runs of which a webhook has to be told.

A report is added in the commit that stores the end of its run, and leaves when it has arrived."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update

from graphmill.engine.run import Run
from graphmill.storage.database import Database
from graphmill.storage.tables import reports

ADD_REPORT: Final = insert(reports)
_DUE: Final = (
    select(reports.c.run_id, reports.c.attempts)
    .where(reports.c.app_id == bindparam("app_id"), reports.c.due_at <= bindparam("now"))
    .order_by(reports.c.due_at)
    .limit(bindparam("limit"))
)
_NEXT: Final = select(func.min(reports.c.due_at)).where(reports.c.app_id == bindparam("app_id"))
_DROP: Final = delete(reports).where(reports.c.run_id == bindparam("id"))
_POSTPONE: Final = (
    update(reports)
    .where(reports.c.run_id == bindparam("id"))
    .values(attempts=bindparam("tried"), due_at=bindparam("next"))
)


@dataclass(frozen=True, slots=True)
class Report:
    run_id: str
    attempts: int
    """How often it was sent and did not arrive."""


class ReportStore:
    """All methods raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, app_id: str, now: float, *, limit: int) -> list[Report]:
        """Of one app, the most overdue first."""
        rows = await self._database.fetch_all(_DUE, app_id=app_id, now=now, limit=limit)
        return [Report(*row) for row in rows]

    async def next_due(self, app_id: str) -> float | None:
        """When the next one is to be sent (Unix seconds); None when there is none."""
        [(moment,)] = await self._database.fetch_all(_NEXT, app_id=app_id)
        return None if moment is None else float(moment)

    async def drop(self, report: Report) -> None:
        await self._database.write(_DROP, id=report.run_id)

    async def postpone(self, report: Report, due_at: float) -> None:
        """It did not arrive; try again then."""
        await self._database.write(
            _POSTPONE, id=report.run_id, tried=report.attempts + 1, next=due_at
        )


def row_of(run: Run) -> dict[str, Any]:
    """For `ADD_REPORT`: to be sent at once, whatever the clock says."""
    return {"run_id": run.id, "app_id": run.app_id, "attempts": 0, "due_at": 0.0}
