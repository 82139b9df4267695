"""Requests as bytes, over loopback: what a client's own library would not send otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from graphmill.server import create_app, server_config
from tests.api.ocs.client import Ocs
from tests.api.serving import served


@dataclass(frozen=True, slots=True)
class Wire:
    port: int
    """Of a server on loopback."""

    async def send(self, line: str, headers: str, body: str = "") -> httpx.Response:
        """`line` is the method and the target. `headers` stand one a line; the host comes before
        them, and the length of the body, where there is one, after."""
        lines = [f"{line} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *headers.splitlines()]
        if body:
            lines.append(f"Content-Length: {len(body.encode())}")
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join([*lines, "", body]).encode())
        head, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()[:-1]
        pairs = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
        answered = httpx.Headers(pairs)
        content = await reader.readexactly(int(answered.get("content-length", 0)))
        writer.close()
        return httpx.Response(int(head.split()[1]), headers=answered, content=content)


@asynccontextmanager
async def on_loopback(ocs: Ocs) -> AsyncIterator[Wire]:
    """The server of `ocs`."""
    config = server_config(create_app(ocs.services), ocs.services.settings.server)
    async with served(config) as port:
        yield Wire(port)
