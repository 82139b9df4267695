"""Server-sent events as Dify writes them: framing, pings, clients that go away (`service-api §10`).

A plain ASGI application instead of sse-starlette, which costs two to three times as much per event
and separates with CRLF unless told otherwise; known clients crash on CRLF, on comments and on any
other line than these two."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from starlette.types import Receive, Scope, Send

PING: Final = b"event: ping\n\n"
SILENCE_SECONDS: Final = 10.0
"""A ping follows whenever nothing was written for so long."""

HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


def frame(payload: bytes) -> bytes:
    """One event; `payload` is JSON without line breaks."""
    return b"data: " + payload + b"\n\n"


class EventStream:
    """Writes what `batches` yields, one write a batch, and pings in between; then the connection is
    free again.

    A batch is any number of whole frames. Headers go out at once. When the client leaves, `batches`
    is closed and nothing else happens: whose events these are goes on without a reader."""

    __slots__ = ("_batches", "_headers", "_last_write", "_silence")

    def __init__(
        self,
        batches: AsyncGenerator[bytes, None],
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._batches = batches
        self._headers = headers
        self._silence = silence_seconds
        self._last_write = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = asyncio.get_running_loop().time
        await send(
            {"type": "http.response.start", "status": 200, "headers": [*HEADERS, *self._headers]}
        )
        self._last_write = now()
        try:
            async with aclosing(self._batches), asyncio.TaskGroup() as tasks:
                keeper = tasks.create_task(self._keep(receive, send))
                async for batch in self._batches:
                    if batch:
                        await send({"type": "http.response.body", "body": batch, "more_body": True})
                        self._last_write = now()
                keeper.cancel()
        except* _ClientLeft:
            pass
        else:
            await send({"type": "http.response.body", "body": b""})

    async def _keep(self, receive: Receive, send: Send) -> None:
        """Ping after each silence, until the client leaves: then end the group with `_ClientLeft`.

        One timer a stream, moved at most once per silence, however many batches are written."""
        now = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout_at(self._last_write + self._silence):
                    while (await receive())["type"] != "http.disconnect":
                        pass
            except TimeoutError:
                if now() >= self._last_write + self._silence:
                    await send({"type": "http.response.body", "body": PING, "more_body": True})
                    self._last_write = now()
            else:
                raise _ClientLeft


class _ClientLeft(Exception):
    """The client has closed the connection."""
