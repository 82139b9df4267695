"""Endpoints of messages: lists, what users think of them, what they may ask next
(`service-api §24.2`)."""

from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.types import ASGIApp

from graphmill.api.dify.answers import JsonAnswer
from graphmill.api.dify.calls import Call
from graphmill.api.dify.chat import OptionalId, require_chat
from graphmill.api.dify.conversations import listing_user
from graphmill.api.dify.errors import ApiError, not_found
from graphmill.api.dify.requests import is_uuid, parse, read_object, required_user
from graphmill.api.dify.runs import SUCCESS
from graphmill.errors import InvalidParameter
from graphmill.jsontext import encode
from graphmill.storage.messages import Feedback, Message, MessageFile
from graphmill.variables.files import File, TransferMethod
from graphmill.variables.values import Value

NO_PARENT: Final = "00000000-0000-0000-0000-000000000000"
"""Threads of a conversation are nothing that this API can make."""


class MessageQuery(BaseModel):
    conversation_id: OptionalId
    first_id: OptionalId = None
    limit: int = Field(20, ge=1, le=100)


class FeedbackQuery(BaseModel):
    page: int = Field(1, ge=1, le=99999)
    limit: int = Field(20, ge=1, le=101)


class Opinion(BaseModel):
    rating: Literal["like", "dislike"] | None = None
    content: str | None = None


async def page(call: Call) -> ASGIApp:
    user = await listing_user(call)
    query = parse(MessageQuery, call.query())
    if query.conversation_id is None:
        raise InvalidParameter("conversation_id must be a valid UUID", "conversation_id")
    conversation = await call.services.conversations.get(user, query.conversation_id)
    found, has_more = await call.services.conversations.messages(
        conversation, first_id=query.first_id, limit=query.limit
    )
    content = {
        "limit": query.limit,
        "has_more": has_more,
        "data": [_shown(call, message) for message in found],
    }
    return JsonAnswer(call.api.wire.encode(content))


async def suggested(call: Call) -> ASGIApp:
    user = await required_user(call, call.query().get("user"))
    require_chat(call.app)
    message = await call.services.conversations.message(user, _id_in_path(call))
    version = call.app.published_version()
    if not version.chat.suggests_questions:
        raise ApiError(400, "bad_request", "Suggested Questions Is Disabled.")
    questions = await call.services.suggestions.next_questions(version, message)
    return JsonAnswer(encode({"result": "success", "data": questions}))


async def rate(call: Call) -> ASGIApp:
    """For apps of all modes: where there are no messages, none is found."""
    body = await read_object(call)
    user = await required_user(call, body.get("user"))
    opinion = parse(Opinion, body)
    message = await call.services.conversations.message(user, _id_in_path(call))
    await call.services.conversations.rate(user, message, opinion.rating, opinion.content)
    return SUCCESS


async def feedbacks(call: Call) -> ASGIApp:
    query = parse(FeedbackQuery, call.query())
    found = await call.services.conversations.feedbacks(
        call.app, page=query.page, limit=query.limit
    )
    return JsonAnswer(encode({"data": [_shown_feedback(each) for each in found]}))


def _id_in_path(call: Call) -> str:
    message_id = call.path["message_id"]
    if not is_uuid(message_id):
        raise not_found()
    return str(UUID(message_id))


def _shown(call: Call, message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "parent_message_id": NO_PARENT,
        "inputs": {name: _input(call, value) for name, value in message.inputs.items()},
        "query": message.query,
        "answer": message.answer_beside_files,
        "status": _status(message),
        "error": message.error,
        "message_files": [_shown_file(call, each) for each in message.files],
        "feedback": None if message.rating is None else {"rating": message.rating},
        "retriever_resources": message.metadata.get("retriever_resources", []),
        "agent_thoughts": [],
        "created_at": int(message.created_at),
    }


def _status(message: Message) -> str:
    if message.is_paused:
        return "paused"
    return "normal" if message.error is None else "error"


def _input(call: Call, value: Value) -> object:
    """Files have a `remote_url` here and no `url`, as in Dify."""
    if isinstance(value, File):
        return {name: part for name, part in call.api.wire.show(value).items() if name != "url"}
    if isinstance(value, list):
        return [_input(call, item) for item in value]
    return value


def _shown_file(call: Call, part: MessageFile) -> dict[str, Any]:
    file = part.file
    is_upload = file.transfer_method == TransferMethod.LOCAL_FILE
    return {
        "id": part.id,
        "filename": file.filename,
        "type": file.type,
        "url": call.services.uploads.url_of(file),
        "mime_type": file.mime_type,
        "size": file.size,
        "transfer_method": file.transfer_method,
        "belongs_to": part.belongs_to,
        "upload_file_id": file.related_id if is_upload else None,
    }


def _shown_feedback(feedback: Feedback) -> dict[str, Any]:
    return {
        "id": feedback.id,
        "app_id": feedback.app_id,
        "conversation_id": feedback.conversation_id,
        "message_id": feedback.message_id,
        "rating": feedback.rating,
        "content": feedback.content,
        "from_source": "user",
        "from_end_user_id": feedback.end_user_id,
        "from_account_id": None,
        "created_at": _iso(feedback.created_at),
        "updated_at": _iso(feedback.updated_at),
    }


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
