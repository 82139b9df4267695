"""`/openapi.json`: this API, described in OpenAPI 3.1 for programs that make clients or tests."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from graphmill import __version__
from graphmill.api.dify.operations import OPERATIONS, Operation, UserIn
from graphmill.api.dify.requests import MAX_USER_LENGTH
from graphmill.jsontext import encode

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_USER: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_USER_LENGTH,
    "description": "Who asks: any name that tells the users of the app apart.",
}
_FILE: Final = {"type": "string", "format": "binary"}
_ERROR: Final = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "status": {"type": "integer"},
        "params": {"type": "string"},
    },
    "required": ["code", "message", "status"],
}
_DESCRIPTION: Final = (
    "Dify's service API, as graphmill answers it. A key belongs to one app, so no path names one. "
    "A stream is made of lines `data: {json}`, each followed by an empty line."
)


@cache
def document() -> dict[str, Any]:
    """The whole document; made when it is first asked for."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(f"/v1{path}", {})[method.lower()] = _described(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "graphmill", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An app's API key."}
            },
            "schemas": {"Error": _ERROR},
        },
    }


@cache
def encoded() -> bytes:
    return encode(document())


def _described(method: str, path: str, operation: Operation) -> dict[str, Any]:
    name = method.lower() + _PARAMETER.sub(r"by_\1", path)
    described: dict[str, Any] = {
        "operationId": name.replace("/", "_").replace("-", "_"),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_in_path(path), *_in_query(operation), *_in_head(operation)],
        "responses": _responses(operation),
    }
    body = _body(operation)
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    return described


def _in_path(path: str) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.user in (UserIn.QUERY, UserIn.QUERY_IF_AT_ALL):
        is_needed = operation.user is UserIn.QUERY
        yield {"name": "user", "in": "query", "required": is_needed, "schema": _USER}
    if operation.query is not None:
        schema = _inlined(operation.query)
        for name, member in schema["properties"].items():
            is_needed = name in schema.get("required", ())
            yield {"name": name, "in": "query", "required": is_needed, "schema": member}
    for name, member in (operation.more_query or {}).items():
        yield {"name": name, "in": "query", "required": False, "schema": member}


def _in_head(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, member in (operation.head or {}).items():
        yield {"name": name, "in": "header", "required": False, "schema": member}


def _body(operation: Operation) -> dict[str, Any] | None:
    if operation.body is not None:
        schema = _inlined(operation.body)
        members, needed = schema.get("properties", {}), schema.get("required", [])
        media_type = "application/json"
    elif operation.file:
        members, needed, media_type = {"file": _FILE}, ["file"], "multipart/form-data"
    else:
        return None
    if operation.user in (UserIn.BODY, UserIn.BODY_IF_AT_ALL):
        members = {**members, "user": _USER}
    if operation.user is UserIn.BODY:
        needed = [*needed, "user"]
    return {media_type: {"schema": {"type": "object", "properties": members, "required": needed}}}


def _responses(operation: Operation) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    success: dict[str, Any] = {"description": "Success"}
    if operation.status != 204:
        success["content"] = {
            kind: {"schema": _answer_in(kind, operation)} for kind in operation.media_types
        }
    accepted = {}
    if operation.accepted is not None:
        content = {"application/json": {"schema": operation.accepted}}
        accepted = {"202": {"description": "The run has begun", "content": content}}
    return {
        str(operation.status): success,
        **accepted,
        "4XX": {"description": "What is wrong with the request", "content": error},
        "503": {"description": "The file store or the database is out of reach", "content": error},
    }


def _answer_in(media_type: str, operation: Operation) -> Mapping[str, Any]:
    if media_type == "text/event-stream":
        return {"description": "Events, each a JSON object whose `event` names its kind."}
    return operation.answer


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model without references."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    inlined: dict[str, Any] = _resolved(schema, definitions)
    return inlined


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    match schema:
        case {"$ref": str(reference), **rest}:
            target = _resolved(definitions[reference.rpartition("/")[2]], definitions)
            return {**target, **rest}
        case dict():
            return {key: _resolved(value, definitions) for key, value in schema.items()}
        case list():
            return [_resolved(value, definitions) for value in schema]
        case _:
            return schema
