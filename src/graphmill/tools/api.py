"""Calls what an OpenAPI document describes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from graphmill import jsontext
from graphmill.errors import OutboundRefused, ToolFailed
from graphmill.media_types import UNKNOWN, Disposition, bare_mime_type, charset_of
from graphmill.ports.http import HttpClient, HttpLimits, HttpRequest, HttpResponse
from graphmill.ports.tools import (
    BlobMessage,
    Invocation,
    JsonMessage,
    Parameter,
    TextMessage,
    ToolMessage,
    ToolResult,
)
from graphmill.tools.openapi import BODY, FORM, Api, Operation
from graphmill.tools.toolbox import ToolSet
from graphmill.variables.values import Value

_COMPLAINT_CHARACTERS: Final = 1000
"""What is told of an answer that is an error."""
_TEXT_WORDS: Final = ("json", "xml", "yaml", "javascript", "x-www-form-urlencoded")


def api_tools(
    api: Api, url: str, headers: Mapping[str, str], http: HttpClient, limits: HttpLimits
) -> ToolSet:
    """The operations of one API. `headers` go with every request; `http` must let requests through
    to `url`."""
    return ToolSet({
        name: ApiTool(operation, url.rstrip("/"), headers, http, limits)
        for name, operation in api.operations.items()
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class ApiTool:
    """`ports.Tool`: one operation."""

    operation: Operation
    url: str
    headers: Mapping[str, str]
    http: HttpClient
    limits: HttpLimits

    @property
    def description(self) -> str:
        return self.operation.description

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.operation.parameters

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        try:
            async with self.http.request(self._request(arguments)) as response:
                return ToolResult(await self._read(response))
        except (OutboundRefused, OSError, ValueError) as error:
            raise ToolFailed(str(error) or "The API did not answer in time") from error

    def _request(self, arguments: Mapping[str, Value]) -> HttpRequest:
        by_place: dict[str, dict[str, Value]] = {}
        for name, value in arguments.items():
            by_place.setdefault(self.operation.places[name], {})[name] = value
        path = self.operation.path
        for name, value in by_place.get("path", {}).items():
            path = path.replace(f"{{{name}}}", quote(_text(value), safe=""))
        headers = {name: _text(value) for name, value in by_place.get("header", {}).items()}
        cookies = by_place.get("cookie", {})
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={_text(each)}" for name, each in cookies.items())
        body = self._body(by_place.get("body", {}))
        if body is not None and self.operation.body_type is not None:
            headers["Content-Type"] = self.operation.body_type
        return HttpRequest(
            self.operation.method,
            self.url + path,
            params=_pairs(by_place.get("query", {})),
            headers={**headers, **self.headers},
            body=() if body is None else (body,),
            timeouts=self.limits.timeouts,
            credential_headers=frozenset(name.lower() for name in self.headers),
        )

    def _body(self, values: Mapping[str, Value]) -> bytes | None:
        kind = self.operation.body_type
        if kind is None or not values:
            return None
        if kind == FORM and not self.operation.body_is_whole:
            return urlencode(_pairs(values)).encode()
        content: Value = values[BODY] if self.operation.body_is_whole else dict(values)
        if "json" not in kind and isinstance(content, str):
            return content.encode()
        return jsontext.encode(content)

    async def _read(self, response: HttpResponse) -> tuple[ToolMessage, ...]:
        """Raises ToolFailed for an error status and for more bytes than config allows."""
        content_type = response.headers.get("content-type", "")
        kind = bare_mime_type(content_type)
        filename = Disposition.parse(response.headers.get("content-disposition", "")).filename
        is_file = filename is not None or not _is_text(kind)
        limit = self.limits.file_bytes if is_file else self.limits.text_bytes
        content = await response.read(limit=limit)
        if response.status >= 400:
            said = content.decode(errors="replace")[:_COMPLAINT_CHARACTERS]
            raise ToolFailed(f"Request failed with status code {response.status} and {said}")
        if len(content) > limit:
            raise ToolFailed(f"The answer is larger than {limit} bytes")
        if not content:
            return (TextMessage("Empty response from the tool."),)
        if is_file:
            return (BlobMessage(content, kind or UNKNOWN, filename),)
        return _messages(content, charset_of(content_type))


def _messages(content: bytes, charset: str | None) -> tuple[ToolMessage, ...]:
    """Text; an object as JSON besides, as Dify has it."""
    try:
        value = jsontext.decode(content)
    except ValueError:
        try:
            return (TextMessage(content.decode(charset or "utf-8", errors="replace")),)
        except LookupError:
            return (TextMessage(content.decode(errors="replace")),)
    text = TextMessage(json.dumps(value, ensure_ascii=False))
    return (JsonMessage(value), text) if isinstance(value, dict) else (text,)


def _is_text(mime_type: str) -> bool:
    return (
        not mime_type
        or mime_type.startswith("text/")
        or any(word in mime_type for word in _TEXT_WORDS)
    )


def _pairs(values: Mapping[str, Value]) -> list[tuple[str, str]]:
    """A list is several values of one name."""
    return [
        (name, _text(each))
        for name, value in values.items()
        for each in (value if isinstance(value, list) else [value])
    ]


def _text(value: Value) -> str:
    """As URLs and forms have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else jsontext.encode(value).decode()
