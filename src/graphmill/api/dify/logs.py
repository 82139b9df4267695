"""`GET /workflows/logs` (`service-api §16`)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from starlette.types import ASGIApp

from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.calls import Call
from graphmill.api.dify.events import epoch
from graphmill.api.dify.requests import DEFAULT_USER, parse
from graphmill.dsl.model import AppMode
from graphmill.engine.events import RunStatus
from graphmill.errors import InvalidParameter
from graphmill.jsontext import encode
from graphmill.storage.runs import LogEntry, LogPage, LogQuery

MAX_LIMIT: Final = 100
"""Rows of a page; who asks for more gets so many."""


def _instant(text: str) -> float:
    """ISO 8601, a date or a date and time, in UTC unless it says otherwise; Unix seconds."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


Instant = Annotated[
    float | None,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class LogFilter(BaseModel):
    """The query; parameters that it does not name are ignored."""

    keyword: str = ""
    status: Literal["succeeded", "failed", "stopped"] | None = None
    page: int = Field(1, ge=1, le=99999)
    limit: int = Field(20, ge=1)
    created_at__before: Instant = None
    created_at__after: Instant = None
    created_by_end_user_session_id: str | None = None
    created_by_account: str = ""


async def page(call: Call) -> ASGIApp:
    """Newest first. Turns of chatflows are not in the log: they are messages."""
    asked = parse(LogFilter, call.query())
    if asked.created_by_account:
        # Nobody has an account here.
        raise InvalidParameter(
            f"Account not found: {asked.created_by_account}", "created_by_account"
        )
    limit = min(asked.limit, MAX_LIMIT)
    if call.app.info.mode is AppMode.ADVANCED_CHAT:
        return _answer(LogPage((), 0, asked.page, limit))
    found = await call.services.runs.logs(
        call.app,
        LogQuery(
            keyword=asked.keyword or None,
            status=RunStatus(asked.status) if asked.status is not None else None,
            created_before=asked.created_at__before,
            created_after=asked.created_at__after,
            session_id=asked.created_by_end_user_session_id,
            page=asked.page,
            limit=limit,
        ),
    )
    return _answer(found)


def _answer(found: LogPage) -> JsonAnswer:
    content = {
        "page": found.page,
        "limit": found.limit,
        "total": found.total,
        "has_more": found.has_more,
        "data": [_row(entry) for entry in found.entries],
    }
    return JsonAnswer(encode(content))


def _row(entry: LogEntry) -> dict[str, Any]:
    run = entry.run
    return {
        "id": entry.id,
        "workflow_run": {
            "id": run.id,
            "version": run.version,
            "status": run.status,
            "triggered_from": run.triggered_from,
            "error": run.error,
            "elapsed_time": run.elapsed,
            "total_tokens": run.total_tokens,
            "total_steps": run.total_steps,
            "created_at": int(run.created_at),
            "finished_at": epoch(run.finished_at),
            "exceptions_count": run.exceptions_count,
        },
        "details": None,
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": {
            "id": run.end_user_id,
            "type": "service-api",
            "is_anonymous": run.session_id == DEFAULT_USER,
            "session_id": run.session_id,
        },
        "created_at": int(run.created_at),
    }
