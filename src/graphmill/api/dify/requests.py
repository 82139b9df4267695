"""Reading requests: bodies within limits of size and patience, `user`, queries, ids (`service-api
§1, §3, §4, §5`)."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from graphmill.api.bodies import MAX_JSON_DEPTH, Body, is_too_deep
from graphmill.api.dify.calls import Call
from graphmill.api.dify.errors import ApiError
from graphmill.engine.run import RequestKey
from graphmill.errors import InvalidParameter
from graphmill.jsontext import decode
from graphmill.storage.end_users import EndUser

MAX_USER_LENGTH: Final = 255
MAX_KEY_LENGTH: Final = 255
DEFAULT_USER: Final = "DEFAULT-USER"
"""Who asks where naming a user is optional and nobody is named."""

_UUID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE
)
_TRACE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")

Model = TypeVar("Model", bound=BaseModel)


def body_of(call: Call, *, limit: int, excess: Callable[[], Exception]) -> Body:
    """Raises `excess` when the announced length is above `limit`."""
    announced = call.headers.get(b"content-length", b"")
    return Body(call.receive, announced, limit=limit, excess=excess)


async def read_object(call: Call) -> dict[str, Any]:
    """The JSON object in the body. Raises ApiError for what is no JSON, InvalidParameter for JSON
    that is no object."""
    media_type = call.header(b"content-type").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise ApiError(
            415,
            "unsupported_media_type",
            "Did not attempt to load JSON data because the request Content-Type was not "
            "'application/json'.",
        )
    limit = call.services.settings.limits.body_mb << 20
    text = await body_of(call, limit=limit, excess=partial(_too_large, limit)).read()
    try:
        content = decode(text)
    except ValueError as error:
        raise _bad_json(str(error)) from None
    if not isinstance(content, dict):
        raise InvalidParameter("The JSON payload must be an object.")
    if is_too_deep(text, content):
        raise _bad_json(f"nested more than {MAX_JSON_DEPTH} deep")
    return content


async def required_user(call: Call, value: object) -> EndUser:
    """The end user that `value`, the caller's `user`, names; made if it is new (`§4`)."""
    if not value:
        raise InvalidParameter("Arg user must be provided.", "user")
    return await named_user(call, value)


async def named_user(call: Call, value: object) -> EndUser:
    """As `required_user`, but nobody named is everybody's user."""
    user = str(value) if value else DEFAULT_USER
    if len(user) > MAX_USER_LENGTH:
        raise InvalidParameter(f"user must have at most {MAX_USER_LENGTH} characters.", "user")
    return await call.services.end_users.ensure(call.app.id, user)


def request_key(call: Call, body: Mapping[str, object]) -> RequestKey | None:
    """By what the caller will recognise this request again, if it says so (`Idempotency-Key`). The
    response mode plays no part: it says how the same run is to be told. Raises InvalidParameter."""
    text = call.header(b"idempotency-key")
    if not text:
        return None
    if len(text) > MAX_KEY_LENGTH:
        raise InvalidParameter(f"Idempotency-Key must have at most {MAX_KEY_LENGTH} characters.")
    asked = {name: value for name, value in body.items() if name != "response_mode"}
    content = json.dumps([dict(call.path), asked], sort_keys=True)
    return RequestKey(text, sha256(content.encode()).hexdigest())


def parse(model: type[Model], content: Mapping[str, object]) -> Model:
    """`content` as `model`. Raises InvalidParameter that names the first member that is wrong."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name, value = str(first["loc"][0]), first["input"]
        if first["type"] == "missing":
            message = "Missing required parameter in the JSON body"
        elif value is None:
            message = "Must not be null!"
        elif first["type"] == "literal_error":
            message = f"{value!s:.100} is not a valid choice"
        else:
            message = f"{name}: {first['msg']}"
        raise InvalidParameter(message, name) from None


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def trace_id(call: Call, body: Mapping[str, object]) -> str | None:
    """What the caller correlates this run with (`§1.4`); anything that cannot be an id is
    ignored."""
    candidates = (
        call.header(b"x-trace-id"),
        call.query().get("trace_id") if call.query_string else None,
        body.get("trace_id"),
        call.header(b"traceparent")[3:35],
    )
    for candidate in candidates:
        if isinstance(candidate, str) and _TRACE_ID.fullmatch(candidate):
            return candidate
    return None


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "request_entity_too_large", f"The body is larger than {limit} bytes.")


def _bad_json(problem: str) -> ApiError:
    return ApiError(
        400, "bad_request", f"Invalid JSON payload received or JSON payload is empty: {problem}"
    )
