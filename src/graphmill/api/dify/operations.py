"""What each endpoint takes and gives, for the document that describes this API to programs.

Bodies and queries are the models that the endpoints themselves read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from graphmill.api.dify.audio import SpeechOrder
from graphmill.api.dify.chat import ChatOrder
from graphmill.api.dify.conversations import (
    ConversationQuery,
    NewValue,
    Renaming,
    VariableQuery,
)
from graphmill.api.dify.human_input import FormOrder
from graphmill.api.dify.logs import LogFilter
from graphmill.api.dify.messages import FeedbackQuery, MessageQuery, Opinion
from graphmill.api.dify.requests import MAX_KEY_LENGTH
from graphmill.api.dify.runs import RunOrder
from graphmill.engine.events import RunStatus

Schema: TypeAlias = Mapping[str, Any]


class UserIn(Enum):
    """Where a request names its end user."""

    NOWHERE = auto()
    BODY = auto()
    BODY_IF_AT_ALL = auto()
    QUERY = auto()
    QUERY_IF_AT_ALL = auto()


@dataclass(frozen=True, slots=True)
class Operation:
    tag: str
    summary: str
    answer: Schema
    user: UserIn = UserIn.NOWHERE
    body: type[BaseModel] | None = None
    file: bool = False
    """Is the body a form with a file?"""
    query: type[BaseModel] | None = None
    more_query: Schema | None = None
    """Other parameters of the query: name → schema."""
    media_types: tuple[str, ...] = ("application/json",)
    status: int = 200
    accepted: Schema | None = None
    """The answer in asynchronous mode, of status 202."""
    head: Schema | None = None
    """Headers that say more: name → schema."""


class _Nothing(BaseModel):
    """A body without members of its own."""


def _object(**members: Schema) -> Schema:
    return {"type": "object", "properties": members, "required": list(members)}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _page_of(**members: Schema) -> Schema:
    return _object(data={"type": "array", "items": {"type": "object"}}, **members)


_TEXT: Final[Schema] = {"type": "string"}
_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_NUMBER: Final[Schema] = {"type": "number"}
_INTEGER: Final[Schema] = {"type": "integer"}
_FLAG: Final[Schema] = {"type": "boolean"}
_ANYTHING: Final[Schema] = {}
_REQUEST_KEY: Final[Schema] = {"type": "string", "maxLength": MAX_KEY_LENGTH}
_OBJECT: Final[Schema] = {"type": "object"}
_BYTES: Final[Schema] = {"type": "string", "format": "binary"}
_SUCCESS: Final = _object(result={"const": "success"})
_STATUS: Final[Schema] = {"type": "string", "enum": [status.value for status in RunStatus]}
_RUN_NUMBERS: Final = {
    "error": _or_null("string"),
    "elapsed_time": _NUMBER,
    "total_tokens": _INTEGER,
    "total_steps": _INTEGER,
    "created_at": _INTEGER,
    "finished_at": _or_null("integer"),
}
_RUN: Final = _object(
    task_id=_ID,
    workflow_run_id=_ID,
    data=_object(
        id=_ID, workflow_id=_ID, status=_STATUS, outputs=_or_null("object"), **_RUN_NUMBERS
    ),
)
_ACCEPTED: Final = _object(
    task_id=_ID,
    workflow_run_id=_ID,
    data=_object(id=_ID, workflow_id=_ID, status={"const": "scheduled"}, created_at=_INTEGER),
)
_DETAIL: Final = _object(
    id=_ID,
    workflow_id=_ID,
    status=_STATUS,
    inputs=_TEXT,
    outputs=_or_null("object"),
    **_RUN_NUMBERS,
)
_UPLOAD: Final = _object(
    id=_ID,
    name=_TEXT,
    size=_INTEGER,
    extension=_TEXT,
    mime_type=_TEXT,
    created_by=_or_null("string"),
    created_at=_INTEGER,
)
_STREAM: Final = "text/event-stream"
_EITHER: Final = ("application/json", _STREAM)
_PAGED: Final = _page_of(limit=_INTEGER, has_more=_FLAG)
_RUNS, _APP, _CHAT, _SPEECH = "Runs and files", "The app", "Chatflows", "Speech"
_VARIABLE_PATH: Final = "/conversations/{conversation_id}/variables/{variable_id}"
_SECONDS: Final[Schema] = {"type": "number", "minimum": 0, "description": "How long to wait"}
_NUMBER_OF_EVENT: Final[Schema] = {"type": "integer", "minimum": 0, "description": "Last one read"}
_RUN_APP: Final = Operation(
    _RUNS,
    "Run the app's current version",
    _RUN,
    UserIn.BODY,
    RunOrder,
    media_types=_EITHER,
    accepted=_ACCEPTED,
    head={"Idempotency-Key": _REQUEST_KEY},
)
_STOP: Final = Operation(_RUNS, "Stop a run", _SUCCESS, UserIn.BODY, _Nothing)
_SET_VARIABLE: Final = Operation(
    _CHAT, "Set a variable of a conversation", _OBJECT, UserIn.BODY_IF_AT_ALL, NewValue
)
_OTHER_MODES: Final = Operation(_APP, "For apps of other modes; always refused", _OBJECT)

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("POST", "/workflows/run"): _RUN_APP,
    ("POST", "/workflows/{workflow_id}/run"): replace(_RUN_APP, summary="Run an earlier version"),
    ("GET", "/workflows/run/{run_id}"): Operation(
        _RUNS, "How a run stands", _DETAIL, more_query={"wait": _SECONDS}
    ),
    ("POST", "/workflows/tasks/{task_id}/stop"): _STOP,
    ("POST", "/workflows/{task_id}/stop"): _STOP,
    ("GET", "/workflow/{run_id}/events"): Operation(
        _RUNS,
        "Join the event stream of a run again",
        _TEXT,
        UserIn.QUERY,
        more_query={
            "include_state_snapshot": _FLAG,
            "continue_on_pause": _FLAG,
            "after": _NUMBER_OF_EVENT,
        },
        head={"Last-Event-ID": _NUMBER_OF_EVENT},
        media_types=(_STREAM,),
    ),
    ("GET", "/form/human_input/{form_token}"): Operation(
        _RUNS, "A form that a run waits for", _object(form_content=_TEXT, expiration_time=_INTEGER)
    ),
    ("POST", "/form/human_input/{form_token}"): Operation(
        _RUNS, "Fill in a form: its run goes on", _object(), UserIn.BODY, FormOrder
    ),
    ("GET", "/workflows/logs"): Operation(
        _RUNS,
        "Runs of the app, newest first",
        _page_of(page=_INTEGER, limit=_INTEGER, total=_INTEGER, has_more=_FLAG),
        query=LogFilter,
    ),
    ("POST", "/files/upload"): Operation(
        _RUNS, "Keep a file for a run", _UPLOAD, UserIn.BODY_IF_AT_ALL, file=True, status=201
    ),
    ("GET", "/files/{file_id}/preview"): Operation(
        _CHAT,
        "A file of a message",
        _BYTES,
        more_query={"as_attachment": _FLAG},
        media_types=("*/*",),
    ),
    ("GET", "/info"): Operation(_APP, "Name and mode of the app", _object(name=_TEXT, mode=_TEXT)),
    ("GET", "/parameters"): Operation(
        _APP,
        "Its input form and limits",
        _object(user_input_form={"type": "array"}, system_parameters=_OBJECT),
    ),
    ("GET", "/meta"): Operation(_APP, "Icons of its tools", _object(tool_icons=_OBJECT)),
    ("GET", "/site"): Operation(_APP, "How its page looks", _object(title=_TEXT)),
    ("GET", "/end-users/{end_user_id}"): Operation(
        _APP, "Who `user` was", _object(id=_ID, session_id=_TEXT)
    ),
    ("POST", "/chat-messages"): Operation(
        _CHAT,
        "Say something",
        _object(message_id=_ID, conversation_id=_ID, answer=_TEXT, metadata=_OBJECT),
        UserIn.BODY,
        ChatOrder,
        media_types=_EITHER,
        head={"Idempotency-Key": _REQUEST_KEY},
    ),
    ("POST", "/chat-messages/{task_id}/stop"): Operation(
        _CHAT, "Stop an answer", _SUCCESS, UserIn.BODY, _Nothing
    ),
    ("GET", "/messages"): Operation(
        _CHAT, "Messages of a conversation", _PAGED, UserIn.QUERY_IF_AT_ALL, query=MessageQuery
    ),
    ("GET", "/messages/{message_id}/suggested"): Operation(
        _CHAT,
        "What may be asked next",
        _object(result={"const": "success"}, data={"type": "array", "items": _TEXT}),
        UserIn.QUERY,
    ),
    ("POST", "/messages/{message_id}/feedbacks"): Operation(
        _CHAT, "Like a message or not", _SUCCESS, UserIn.BODY, Opinion
    ),
    ("GET", "/app/feedbacks"): Operation(
        _CHAT, "What users think of messages", _page_of(), query=FeedbackQuery
    ),
    ("POST", "/text-to-audio"): Operation(
        _SPEECH,
        "Speak a text",
        _BYTES,
        UserIn.BODY_IF_AT_ALL,
        SpeechOrder,
        media_types=("audio/mpeg",),
    ),
    ("POST", "/audio-to-text"): Operation(
        _SPEECH, "Write down a recording", _object(text=_TEXT), UserIn.BODY_IF_AT_ALL, file=True
    ),
    ("GET", "/conversations"): Operation(
        _CHAT, "Conversations of a user", _PAGED, UserIn.QUERY_IF_AT_ALL, query=ConversationQuery
    ),
    ("DELETE", "/conversations/{conversation_id}"): Operation(
        _CHAT, "Delete a conversation", _ANYTHING, UserIn.QUERY_IF_AT_ALL, status=204
    ),
    ("POST", "/conversations/{conversation_id}/name"): Operation(
        _CHAT,
        "Name a conversation",
        _object(id=_ID, name=_TEXT),
        UserIn.BODY_IF_AT_ALL,
        Renaming,
    ),
    ("GET", "/conversations/{conversation_id}/variables"): Operation(
        _CHAT,
        "Variables of a conversation",
        _PAGED,
        UserIn.QUERY_IF_AT_ALL,
        query=VariableQuery,
    ),
    ("PUT", _VARIABLE_PATH): _SET_VARIABLE,
    ("PATCH", _VARIABLE_PATH): _SET_VARIABLE,
    ("POST", "/completion-messages"): _OTHER_MODES,
    ("POST", "/completion-messages/{task_id}/stop"): _OTHER_MODES,
}
"""By method and path, as in `routes.ENDPOINTS`."""
