"""MCP tools, against a server of the official SDK in a process of its own."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from graphmill.errors import ToolFailed, ToolNotFound
from graphmill.ports.tools import (
    BlobMessage,
    JsonMessage,
    LinkMessage,
    ParameterType,
    TextMessage,
    VariableMessage,
)
from tests.outbound.local_server import local_server, reply
from tests.tools.opened import call, find, opened

PICTURE = BlobMessage(b"\x89PNG", "image/png")


class Server:
    def __init__(self, process: subprocess.Popen[str], output: IO[str]) -> None:
        self.process = process
        self._output = output
        self.url = f"http://127.0.0.1:{self.said()}/mcp"

    def said(self) -> str:
        """The next line that it prints."""
        return self._output.readline().strip()


def started() -> Server:
    script = Path(__file__).parent / "mcp_stand_in.py"
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return Server(process, process.stdout)


def stop(server: Server) -> None:
    server.process.kill()
    server.process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = started()
    yield server
    stop(server)


def mcp(url, **settings):
    return opened({"provider": "mcp", "kind": "mcp", "url": url}, **settings)


async def test_a_tool_is_described_by_its_server(server):
    async with mcp(server.url) as tools:
        tool = await find(tools, "add", "mcp")
    assert "Adds two numbers." == tool.description
    assert [("a", ParameterType.INTEGER, True, None), ("b", ParameterType.INTEGER, False, 1)] == [
        (each.name, each.type, each.required, each.default) for each in tool.parameters
    ]


async def test_structured_content_gives_variables(server):
    async with mcp(server.url) as tools:
        messages = await call(tools, "add", {"a": "2"}, "mcp")
    assert (JsonMessage({"sum": 3}), VariableMessage("sum", 3)) == messages


async def test_content_of_all_kinds_becomes_messages(server):
    async with mcp(server.url) as tools:
        messages = await call(tools, "everything", {}, "mcp")
    assert (
        TextMessage("hello"),
        JsonMessage({"a": 1}),
        JsonMessage({"a": 2}),
        PICTURE,
        TextMessage("inside"),
        PICTURE,
        LinkMessage("https://example.org/r"),
    ) == messages


@pytest.mark.parametrize("text", ["plain", "{broken", "[1]", "", '"x"'])
async def test_text_that_holds_no_objects_stays_text(server, text):
    async with mcp(server.url) as tools:
        assert (TextMessage(text),) == await call(tools, "say", {"text": text}, "mcp")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        pytest.param("fail", "out of paper", id="the tool says so"),
        pytest.param("broken_file", "no base64", id="broken file"),
        pytest.param("huge", "larger than 1000000 bytes", id="huge"),
    ],
)
async def test_a_call_fails_with_the_reason(server, name, complaint):
    limits = {"http_request": {"max_response_bytes": {"binary": 1_000_000}}}
    async with mcp(server.url, **limits) as tools:
        with pytest.raises(ToolFailed, match=complaint):
            await call(tools, name, {}, "mcp")


async def test_a_server_that_hangs_fails_in_time(server):
    limits = {"http_request": {"timeout_seconds": {"read": 0.3}}}
    async with mcp(server.url, **limits) as tools:
        with pytest.raises(ToolFailed, match=r"MCP server .* failed: "):
            await call(tools, "hang", {}, "mcp")
    assert ["hanging", "ended"] == [server.said(), server.said()]


async def test_cancelling_a_call_ends_the_tool(server):
    async with mcp(server.url) as tools:
        calling = asyncio.ensure_future(call(tools, "hang", {}, "mcp"))
        assert "hanging" == await asyncio.to_thread(server.said)
        calling.cancel()
        async with asyncio.timeout(2):
            assert "ended" == await asyncio.to_thread(server.said)
        with pytest.raises(asyncio.CancelledError):
            await calling


async def test_a_server_that_dies_fails_the_call():
    server = started()
    try:
        async with mcp(server.url) as tools:
            with pytest.raises(ToolFailed, match=r"MCP server .* failed: "):
                await call(tools, "crash", {}, "mcp")
    finally:
        stop(server)


async def test_an_unknown_tool_is_told_with_its_neighbour(server):
    async with mcp(server.url) as tools:
        with pytest.raises(ToolNotFound, match="Did you mean 'add'"):
            await find(tools, "ad", "mcp")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(body=b"<html>"), id="a page"),
        pytest.param(
            reply(body=b"{", headers=[("Content-Type", "application/json")]), id="broken JSON"
        ),
        pytest.param(
            reply(body=b"data: {\n\n", headers=[("Content-Type", "text/event-stream")]),
            id="broken events",
        ),
        pytest.param(reply(500), id="error"),
        pytest.param(reply(302, headers=[("Location", "http://127.0.0.1:1/")]), id="redirect"),
        pytest.param(
            reply(body=b" " * 20_000_000, headers=[("Content-Type", "application/json")]),
            id="endless",
        ),
    ],
)
async def test_what_is_no_mcp_server_fails_with_its_address(answer):
    limits = {"http_request": {"timeout_seconds": {"read": 2}}}
    async with local_server(answer) as server, mcp(f"{server.url}/mcp", **limits) as tools:
        with pytest.raises(ToolFailed, match=f"The MCP server {server.url}/mcp failed: "):
            await find(tools, "add", "mcp")


async def test_headers_of_the_configuration_are_sent():
    entry = {"provider": "mcp", "kind": "mcp", "headers": {"Authorization": "Bearer k-1"}}
    async with (
        local_server(reply(401)) as server,
        opened({**entry, "url": server.url}) as tools,
    ):
        with pytest.raises(ToolFailed):
            await find(tools, "add", "mcp")
    assert "Bearer k-1" == server.received[0].headers["authorization"]
