"""Speaks to an MCP server through the official SDK, over this server's own HTTP client.

Import it on first use: it is heavy.
"""

import binascii
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from graphmill.errors import OutboundRefused, ToolFailed
from graphmill.jsontext import decode
from graphmill.media_types import UNKNOWN
from graphmill.ports.http import HttpClient, HttpLimits, HttpRequest, HttpResponse
from graphmill.ports.tools import (
    BlobMessage,
    Invocation,
    JsonMessage,
    LinkMessage,
    Parameter,
    TextMessage,
    Tool,
    ToolMessage,
    ToolResult,
    VariableMessage,
)
from graphmill.tools.mcp_endpoint import Endpoint
from graphmill.tools.schemas import parameters_of
from graphmill.variables.values import Value

_ABOUT_TRANSFER: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of a body that is unpacked by now."""
MAX_PAGES: Final = 100
"""Of a list of tools: a server that never ends its list does not hang a run."""


@dataclass(frozen=True, slots=True)
class McpTool:
    """`ports.Tool`"""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    endpoint: Endpoint

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        """Raises ToolFailed, also for what the tool itself calls an error."""
        async with _connected(self.endpoint) as client:
            result = await client.call_tool(self.name, dict(arguments))
        if result.is_error:
            said = " ".join(each.text for each in result.content if isinstance(each, TextContent))
            raise ToolFailed(said or "The tool failed and did not say why")
        return ToolResult(tuple(_messages(result)))


async def list_tools(endpoint: Endpoint) -> dict[str, Tool]:
    """By name. Raises ToolFailed."""
    listed: dict[str, Tool] = {}
    cursor: str | None = None
    async with _connected(endpoint) as client:
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            for each in page.tools:
                parameters = _parameters(each.input_schema)
                listed[each.name] = McpTool(each.name, each.description or "", parameters, endpoint)
            cursor = page.next_cursor
            if cursor is None:
                break
    return listed


@asynccontextmanager
async def _connected(endpoint: Endpoint) -> AsyncIterator[Client]:
    """A session. Raises ToolFailed for everything that goes wrong in it."""
    try:
        async with AsyncExitStack() as stack:
            transport = GuardedTransport(endpoint.http, endpoint.limits)
            http = httpx2.AsyncClient(transport=transport, headers=dict(endpoint.headers))
            await stack.enter_async_context(http)
            server = streamable_http_client(endpoint.url, http_client=http)
            seconds = endpoint.limits.timeouts.read
            yield await stack.enter_async_context(Client(server, read_timeout_seconds=seconds))
    except (ExceptionGroup, MCPError, httpx2.HTTPError, OSError, ValueError) as error:
        raise ToolFailed(f"The MCP server {endpoint.url} failed: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Of errors that were raised together, the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _parameters(schema: Mapping[str, Any]) -> tuple[Parameter, ...]:
    properties, required = schema.get("properties"), schema.get("required")
    return parameters_of(
        properties if isinstance(properties, dict) else {},
        required if isinstance(required, list) else (),
    )


def _messages(result: CallToolResult) -> Iterator[ToolMessage]:
    for block in result.content:
        yield from _of_block(block)
    if isinstance(result.structured_content, dict):
        for name, value in result.structured_content.items():
            yield VariableMessage(name, value)


def _of_block(block: ContentBlock) -> Iterator[ToolMessage]:
    match block:
        case TextContent(text=text):
            yield from _of_text(text)
        case ImageContent(data=data, mime_type=mime_type):
            yield BlobMessage(_bytes(data), mime_type)
        case AudioContent(data=data, mime_type=mime_type):
            yield BlobMessage(_bytes(data), mime_type)
        case EmbeddedResource(resource=resource):
            if isinstance(resource, TextResourceContents):
                yield TextMessage(resource.text)
            else:
                yield BlobMessage(_bytes(resource.blob), resource.mime_type or UNKNOWN)
        case ResourceLink(uri=uri):
            yield LinkMessage(uri)


def _of_text(text: str) -> Iterator[ToolMessage]:
    """Objects in JSON, and lists of them, are JSON and no text, as in Dify."""
    try:
        value: Value = decode(text.encode())
    except ValueError:
        value = None
    items = value if isinstance(value, list) else [value]
    if items and all(isinstance(each, dict) for each in items):
        yield from map(JsonMessage, items)
    else:
        yield TextMessage(text)


def _bytes(data: str) -> bytes:
    try:
        return b64decode("".join(data.split()), validate=True)
    except binascii.Error as error:
        raise ToolFailed(f"The MCP server sent a file that is no base64: {error}") from error


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Lets the SDK's requests out through this server's client."""

    def __init__(self, http: HttpClient, limits: HttpLimits) -> None:
        self._http = http
        self._limits = limits

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        stack = AsyncExitStack()
        try:
            answer = await stack.enter_async_context(
                self._http.request(
                    HttpRequest(
                        request.method,
                        str(request.url),
                        headers=_sent_headers(request),
                        body=(content,) if (content := await request.aread()) else (),
                        timeouts=self._limits.timeouts,
                        # The SDK knows better than to send a session to another origin.
                        follow_redirects=False,
                    )
                )
            )
        except (OutboundRefused, OSError, ValueError) as error:
            raise httpx2.ConnectError(str(error) or "it did not answer in time") from error
        headers = {
            name: value for name, value in answer.headers.items() if name not in _ABOUT_TRANSFER
        }
        stream = _Body(answer, stack, self._limits.file_bytes)
        return httpx2.Response(answer.status, headers=headers, stream=stream)


def _sent_headers(request: httpx2.Request) -> dict[str, str]:
    """`Host` follows from the URL."""
    return {name: value for name, value in request.headers.items() if name != "host"}


class _Body(httpx2.AsyncByteStream):
    """An answer's body on its way to the SDK, which must not be endless."""

    def __init__(self, answer: HttpResponse, stack: AsyncExitStack, limit: int) -> None:
        self._answer = answer
        self._stack = stack
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for chunk in self._answer.chunks():
                size += len(chunk)
                if size > self._limit:
                    raise httpx2.ReadError(f"its answer is larger than {self._limit} bytes")
                yield chunk
        except OSError as error:
            raise httpx2.ReadError(str(error) or "it fell silent") from error

    async def aclose(self) -> None:
        await self._stack.aclose()
