"""Endpoints about runs: start, stop, look up, rejoin (`service-api §7, §13, §14, §15, §21`)."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel
from starlette.types import ASGIApp

from graphmill.api.dify.answers import JsonAnswer, run_header
from graphmill.api.dify.calls import Call
from graphmill.api.dify.details import encoded_detail
from graphmill.api.dify.errors import api_error, not_workflow_app
from graphmill.api.dify.events import (
    accepted_answer,
    blocking_answer,
    error_payload,
    stored_end,
)
from graphmill.api.dify.pauses import paused_answer
from graphmill.api.dify.requests import (
    is_uuid,
    parse,
    read_object,
    request_key,
    required_user,
    trace_id,
)
from graphmill.api.sse import EventStream, frame
from graphmill.dsl.model import AppMode
from graphmill.engine.events import RunFinished, RunPaused
from graphmill.engine.run import RequestKey, Run
from graphmill.errors import InvalidParameter, RunNotFound, RunSuspended, WorkflowInvalid
from graphmill.service.apps.catalog import App, Version
from graphmill.service.runs.runs import LiveRun
from graphmill.storage.end_users import EndUser
from graphmill.storage.runs import RunRecord

MAX_WAIT_SECONDS: Final = 60.0
"""Balancers cut connections that say nothing for longer."""

_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SEQUENCE: Final = re.compile(r"[0-9]{1,18}")

SUCCESS = JsonAnswer(b'{"result":"success"}')


Begin: TypeAlias = Callable[[], Awaitable[LiveRun | RunRecord]]
"""Starts a run, or finds the one that the same request has started."""


class RunOrder(BaseModel):
    """The body of the two run endpoints (`§7.1`); members it does not name are ignored."""

    inputs: dict[str, Any]
    response_mode: Literal["streaming", "blocking", "async"] | None = None
    files: list[dict[str, Any]] | None = None


async def run(call: Call) -> ASGIApp:
    """Run the current version."""
    return await _run(call, None)


async def run_version(call: Call) -> ASGIApp:
    """Run the version named in the path."""
    return await _run(call, call.path["workflow_id"])


async def _run(call: Call, workflow_id: str | None) -> ASGIApp:
    body = await read_object(call)
    user = await required_user(call, body.get("user"))
    _require_workflow(call.app)
    order = parse(RunOrder, body)
    start = partial(_start, call, workflow_id, order, user, trace_id(call, body))
    key = request_key(call, body)
    begin: Begin = partial(call.services.repeats.once, call.app, key, start)
    if order.response_mode == "streaming":
        return await call.api.readers.admit(call.app, partial(_streamed, call, begin))
    begun = await begin()
    if order.response_mode == "async":
        return await _accepted(call, begun)
    return await _whole(call, begun)


async def _whole(call: Call, begun: LiveRun | RunRecord) -> JsonAnswer:
    """The answer in blocking mode."""
    run = begun.run if isinstance(begun, LiveRun) else begun
    end = await end_or_pause(call, begun)
    answer = paused_answer(run, end) if isinstance(end, RunPaused) else blocking_answer(run, end)
    return JsonAnswer(call.api.wire.encode(answer), headers=run_header(run.id))


async def end_or_pause(
    call: Call, begun: LiveRun | RunRecord
) -> RunFinished | RunPaused | RunRecord:
    """How a run ends, or why it waits."""
    if isinstance(begun, LiveRun):
        return await begun.feed.finished()
    return await call.services.runs.pause_of(begun) or begun


async def _accepted(call: Call, begun: LiveRun | RunRecord) -> JsonAnswer:
    """The answer in asynchronous mode: where the run is, which is stored."""
    if isinstance(begun, LiveRun):
        await call.services.runs.committed(begun)
    run = begun.run if isinstance(begun, LiveRun) else begun
    content = call.api.wire.encode(accepted_answer(run))
    return JsonAnswer(content, status=202, headers=run_header(run.id))


async def _start(
    call: Call,
    workflow_id: str | None,
    order: RunOrder,
    user: EndUser,
    trace_id: str | None,
    request_key: RequestKey | None,
) -> LiveRun:
    version = await _version(call, workflow_id)
    return await call.services.runs.start(
        call.app,
        version,
        inputs=order.inputs,
        files=order.files or (),
        user=user,
        trace_id=trace_id,
        request_key=request_key,
    )


async def _streamed(call: Call, begin: Begin) -> EventStream:
    try:
        begun = await begin()
    except WorkflowInvalid as error:
        return EventStream(_refusal(call, error))
    if isinstance(begun, LiveRun):
        return call.api.streams.answer(begun, call.app.speech)
    return await call.api.streams.past(call.app, begun)


async def _version(call: Call, workflow_id: str | None) -> Version:
    if workflow_id is None:
        return call.app.published_version()
    return await call.services.catalog.version(call.app, workflow_id)


async def _refusal(call: Call, error: WorkflowInvalid) -> AsyncGenerator[bytes, None]:
    """A file that cannot run is told within the stream, as Dify does (case
    if-invalid-definition)."""
    yield frame(call.api.wire.encode(error_payload(api_error(error), None)))


async def stop(call: Call) -> ASGIApp:
    """Always a success: who asks to stop what is not there has what they want."""
    body = await read_object(call)
    await required_user(call, body.get("user"))
    _require_workflow(call.app)
    await call.services.runs.stop(call.app, call.path["task_id"])
    return SUCCESS


async def detail(call: Call) -> ASGIApp:
    _require_runs(call.app)
    run_id = call.path["run_id"]
    if not is_uuid(run_id):
        raise RunNotFound(run_id)
    query = call.query() if call.query_string else {}
    if query.get("wait"):
        await _wait(call, run_id, query["wait"])
    run = await call.services.runs.get(call.app, run_id)
    return JsonAnswer(encoded_detail(call.api.wire, run))


async def _wait(call: Call, run_id: str, text: str) -> None:
    """Until a run has ended or leaves this process, for at most as many seconds as `text` says."""
    if not _SECONDS.fullmatch(text):
        raise InvalidParameter("wait must be a number of seconds", "wait")
    live = call.services.runs.find_live(call.app, run_id)
    if live is not None:
        with suppress(TimeoutError, RunSuspended):
            async with asyncio.timeout(min(float(text), MAX_WAIT_SECONDS)):
                await live.feed.finished()


async def rejoin(call: Call) -> ASGIApp:
    """The events of a run for a caller who lost its stream, or never had one."""
    _require_runs(call.app)
    return await call.api.readers.admit(call.app, partial(_rejoined, call))


async def _rejoined(call: Call) -> EventStream:
    query = call.query()
    user = await required_user(call, query.get("user"))
    after = _read_so_far(call, query)
    run_id = call.path["run_id"]
    live = call.services.runs.find_live(call.app, run_id)
    run = None if live is None or live.feed.is_finished else live.run
    if run is None:
        record = await call.services.runs.get(call.app, run_id if live is None else live.run.id)
        _require_owner(record, user)
        run = await call.services.runs.order_of(record)
        if run is None and after is not None:
            return await call.api.streams.past(call.app, record, after=after)
        if run is None:
            return EventStream(_end(call, record))
    _require_owner(run, user)
    stays = _says_true(query, "continue_on_pause")
    if after is not None:
        return EventStream(call.api.streams.behind(run, after, stays=stays))
    snapshot = _says_true(query, "include_state_snapshot")
    now = None if live is None else live.feed.position
    return EventStream(call.api.streams.rest(run, now=now, snapshot=snapshot, stays=stays))


def _says_true(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"


def _read_so_far(call: Call, query: Mapping[str, str]) -> int | None:
    """The sequence number that the caller has read up to, in whichever of two ways it says that;
    None when it does not count events, as most do not."""
    text = query.get("after") or call.header(b"last-event-id")
    if not text:
        return None
    if not _SEQUENCE.fullmatch(text):
        raise InvalidParameter("after must be the number of an event, or 0", "after")
    return int(text)


async def _end(call: Call, record: RunRecord) -> AsyncGenerator[bytes, None]:
    """What a run that is over has left to tell."""
    yield frame(call.api.wire.encode(stored_end(record)))


def _require_owner(run: Run | RunRecord, user: EndUser) -> None:
    if run.end_user_id != user.id:
        raise RunNotFound(run.id)


def _require_workflow(app: App) -> None:
    if app.info.mode is not AppMode.WORKFLOW:
        raise not_workflow_app()


def _require_runs(app: App) -> None:
    """Chatflows have runs too."""
    if app.info.mode not in (AppMode.WORKFLOW, AppMode.ADVANCED_CHAT):
        raise not_workflow_app()
