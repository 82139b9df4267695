"""Endpoints of turns: ask, stop (`service-api §24.1`)."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, BaseModel, WithJsonSchema
from starlette.types import ASGIApp

from graphmill.api.dify.answers import JsonAnswer, run_header
from graphmill.api.dify.calls import Call
from graphmill.api.dify.errors import api_error, not_chat_app
from graphmill.api.dify.events import error_payload
from graphmill.api.dify.pauses import paused_message
from graphmill.api.dify.requests import (
    is_uuid,
    parse,
    read_object,
    request_key,
    required_user,
    trace_id,
)
from graphmill.api.dify.runs import SUCCESS, end_or_pause
from graphmill.api.dify.turn_events import (
    blocking_message,
    message_ended,
    message_envelope,
    message_piece,
    run_failed,
)
from graphmill.api.sse import EventStream, frame
from graphmill.dsl.model import AppMode
from graphmill.engine.events import RunPaused, RunStatus
from graphmill.engine.run import RequestKey
from graphmill.errors import (
    ConversationNotFound,
    RunNotFound,
    VersionNotFound,
    WorkflowInvalid,
)
from graphmill.ids import new_id
from graphmill.service.apps.catalog import App, Version
from graphmill.service.conversations import Question
from graphmill.service.runs.runs import LiveRun
from graphmill.storage.end_users import EndUser
from graphmill.storage.messages import Message
from graphmill.storage.runs import RunRecord


def _uuid_or_nothing(text: str | None) -> str | None:
    """Lower case, as ids are stored; an empty text is nothing."""
    if not text:
        return None
    if not is_uuid(text):
        raise ValueError("must be a valid UUID")
    return str(UUID(text))


OptionalId = Annotated[
    str | None,
    AfterValidator(_uuid_or_nothing),
    WithJsonSchema({"type": ["string", "null"], "format": "uuid"}),
]


Asked: TypeAlias = Callable[[], Awaitable[LiveRun | RunRecord | Message]]
"""Takes a turn, or finds the one that the same request has taken."""


class ChatOrder(BaseModel):
    """The body of `POST /chat-messages`; members it does not name are ignored."""

    query: str
    inputs: dict[str, Any]
    response_mode: Literal["streaming", "blocking"] | None = None
    conversation_id: OptionalId = None
    files: list[dict[str, Any]] | None = None
    auto_generate_name: bool = True
    workflow_id: str | None = None

    @property
    def question(self) -> Question:
        return Question(
            self.query,
            self.inputs,
            self.files or (),
            self.conversation_id,
            self.auto_generate_name,
        )


async def ask(call: Call) -> ASGIApp:
    body = await read_object(call)
    user = await required_user(call, body.get("user"))
    require_chat(call.app)
    order = parse(ChatOrder, body)
    take = partial(_ask, call, order, user, trace_id(call, body))
    key = request_key(call, body)
    asked: Asked = partial(call.services.repeats.once, call.app, key, take)
    if order.response_mode == "streaming":
        return await call.api.readers.admit(call.app, partial(_streamed, call, asked))
    reply = await asked()
    if isinstance(reply, Message):
        return JsonAnswer(call.api.wire.encode(blocking_message(reply, new_id())))
    return await _whole_answer(call, reply)


async def _ask(
    call: Call,
    order: ChatOrder,
    user: EndUser,
    trace_id: str | None,
    request_key: RequestKey | None,
) -> LiveRun | Message:
    """A run, or what was answered without one."""
    version = await _version(call, order.workflow_id)
    return await call.services.conversations.ask(
        call.app, version, order.question, user, trace_id=trace_id, request_key=request_key
    )


async def _streamed(call: Call, asked: Asked) -> EventStream:
    try:
        reply = await asked()
    except WorkflowInvalid as error:
        return EventStream(_events(call, error_payload(api_error(error), None)))
    if isinstance(reply, Message):
        # There are no events of a run.
        envelope = message_envelope(reply, new_id())
        said, ended = message_piece(envelope, reply.answer), message_ended(envelope, reply)
        return EventStream(_events(call, said, ended))
    if isinstance(reply, RunRecord):
        return await call.api.streams.past(call.app, reply)
    return call.api.streams.answer(reply, call.app.speech)


async def stop(call: Call) -> ASGIApp:
    """Always a success; a turn of somebody else goes on."""
    body = await read_object(call)
    user = await required_user(call, body.get("user"))
    require_chat(call.app)
    task_id = call.path["task_id"]
    live = call.services.runs.find_live(call.app, task_id)
    with suppress(RunNotFound):
        run = await call.services.runs.get(call.app, task_id) if live is None else live.run
        if run.end_user_id == user.id:
            await call.services.runs.stop(call.app, run.id)
    return SUCCESS


def require_chat(app: App) -> None:
    if app.info.mode is not AppMode.ADVANCED_CHAT:
        raise not_chat_app()


async def _version(call: Call, workflow_id: str | None) -> Version:
    if not workflow_id:
        return call.app.published_version()
    try:
        return await call.services.catalog.version(call.app, workflow_id)
    except VersionNotFound as error:
        # Here Dify's sentence has a full stop, unlike in the path (case chat-pinned-version).
        raise VersionNotFound(f"{error}.") from None


async def _whole_answer(call: Call, reply: LiveRun | RunRecord) -> JsonAnswer:
    """The answer in blocking mode."""
    run = reply.run if isinstance(reply, LiveRun) else reply
    end = await end_or_pause(call, reply)
    if not isinstance(end, RunPaused) and end.status is RunStatus.FAILED:
        raise run_failed(end.error)
    message = await call.services.conversations.answer_of(run.id)
    if message is None:
        raise ConversationNotFound("The conversation was deleted while it was answered.")
    answer = blocking_message(message, run.task_id)
    if isinstance(end, RunPaused):
        answer = paused_message(answer, run, end)
    return JsonAnswer(call.api.wire.encode(answer), headers=run_header(run.id))


async def _events(call: Call, *payloads: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    yield b"".join([frame(call.api.wire.encode(payload)) for payload in payloads])
