"""Endpoints of conversations and their variables (`service-api §24.2`)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from starlette.types import ASGIApp, Receive, Scope, Send

from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.calls import Call
from graphmill.api.dify.chat import OptionalId, require_chat
from graphmill.api.dify.errors import not_found
from graphmill.api.dify.requests import is_uuid, named_user, parse, read_object
from graphmill.errors import InvalidParameter
from graphmill.storage.conversations import Conversation, ConversationVariable, Order
from graphmill.storage.end_users import EndUser

_VARIABLE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}")


class PageQuery(BaseModel):
    """The query of a list; parameters that it does not name are ignored."""

    last_id: OptionalId = None
    limit: int = Field(20, ge=1, le=100)


class ConversationQuery(PageQuery):
    sort_by: Order = Order.UPDATED_DESCENDING


class VariableQuery(PageQuery):
    variable_name: str | None = None

    @model_validator(mode="after")
    def _check_name(self) -> "VariableQuery":
        if self.variable_name is not None and not _VARIABLE_NAME.fullmatch(self.variable_name):
            raise InvalidParameter("variable_name has characters that no name has", "variable_name")
        return self


class Renaming(BaseModel):
    name: str | None = None
    auto_generate: bool | None = None


class NewValue(BaseModel):
    value: Any


class NoContent:
    """204: done, and there is nothing to say."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body"})


async def page(call: Call) -> ASGIApp:
    user = await listing_user(call)
    query = parse(ConversationQuery, call.query())
    found, has_more = await call.services.conversations.page(
        user, order=query.sort_by, last_id=query.last_id, limit=query.limit
    )
    return _list(call, query.limit, has_more, [_shown(each) for each in found])


async def rename(call: Call) -> ASGIApp:
    body = await read_object(call)
    conversation = await _conversation(call, body)
    asked = parse(Renaming, body)
    name = (asked.name or "").strip()
    if not asked.auto_generate and not name:
        raise InvalidParameter("name is required when auto_generate is false", "name")
    renamed = await call.services.conversations.rename(
        conversation, None if asked.auto_generate else name
    )
    return JsonAnswer(call.api.wire.encode(_shown(renamed)))


async def delete(call: Call) -> ASGIApp:
    """Of nobody but the user; Dify 1.12 deletes whatever id is named (deviation D16)."""
    query = call.query()
    conversation = await _conversation(call, query if "user" in query else await read_object(call))
    await call.services.conversations.delete(conversation)
    return NoContent()


async def variables(call: Call) -> ASGIApp:
    conversation = await _conversation(call, call.query())
    query = parse(VariableQuery, call.query())
    found = [
        each
        for each in await call.services.conversations.variables(conversation)
        if query.variable_name in (None, each.name)
    ]
    start = _start(found, query.last_id)
    shown = found[start : start + query.limit]
    has_more = len(found) > start + query.limit
    return _list(call, query.limit, has_more, [_shown_variable(each) for each in shown])


async def set_variable(call: Call) -> ASGIApp:
    body = await read_object(call)
    conversation = await _conversation(call, body)
    variable = await call.services.conversations.set_variable(
        conversation, call.path["variable_id"].lower(), parse(NewValue, body).value
    )
    return JsonAnswer(call.api.wire.encode(_shown_variable(variable)))


async def listing_user(call: Call) -> EndUser:
    """The user whom a query names, once it is clear that the app is a chatflow."""
    user = await named_user(call, call.query().get("user"))
    require_chat(call.app)
    return user


async def _conversation(call: Call, parameters: Mapping[str, Any]) -> Conversation:
    """The one in the path, of the user that `parameters` name."""
    user = await named_user(call, parameters.get("user"))
    require_chat(call.app)
    conversation_id = call.path["conversation_id"]
    if not is_uuid(conversation_id):
        raise not_found()
    return await call.services.conversations.get(user, str(UUID(conversation_id)))


def _start(found: Sequence[ConversationVariable], last_id: str | None) -> int:
    """Where the page behind `last_id` begins."""
    if last_id is None:
        return 0
    for number, variable in enumerate(found, 1):
        if variable.id == last_id:
            return number
    raise InvalidParameter("There is no variable with the id last_id.", "last_id")


def _list(call: Call, limit: int, has_more: bool, data: Sequence[object]) -> JsonAnswer:
    return JsonAnswer(call.api.wire.encode({"limit": limit, "has_more": has_more, "data": data}))


def _shown(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "name": conversation.name,
        "inputs": conversation.inputs,
        "status": "normal",
        "introduction": conversation.introduction,
        "created_at": int(conversation.created_at),
        "updated_at": int(conversation.updated_at),
    }


def _shown_variable(variable: ConversationVariable) -> dict[str, Any]:
    return {
        "id": variable.id,
        "name": variable.name,
        "value_type": variable.value_type,
        # Python's spelling, as Dify has it: `['a']`, `True`.
        "value": str(variable.value),
        "description": variable.description,
        "created_at": int(variable.created_at),
        "updated_at": int(variable.updated_at),
    }
