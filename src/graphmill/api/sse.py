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
PIECE_BYTES: Final = 64 * 1024
"""What is handed to the connection at a time: it would copy the whole of something larger."""
SILENCE_SECONDS: Final = 10.0
"""A ping follows whenever nothing was written for so long."""

HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


def frame(payload: bytes, number: int | None = None) -> bytes:
    """One event; `payload` is JSON without line breaks. Only readers who asked for it may be given
    a `number`."""
    if number is None:
        return b"data: %b\n\n" % payload
    return b"id: %d\ndata: %b\n\n" % (number, payload)


class EventStream:
    """Writes what `batches` yields, one write a batch unless it is large, and pings in between;
    then the connection is free again.

    A batch is any number of whole frames. Headers go out at once. When the client leaves, `batches`
    is closed and nothing else happens: whose events these are goes on without a reader."""

    __slots__ = ("_batches", "_beside", "_headers", "_last_write", "_silence", "_turn")

    def __init__(
        self,
        batches: AsyncGenerator[bytes, None],
        *,
        beside: AsyncGenerator[bytes, None] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """`beside` is written as it comes, until `batches` ends."""
        self._batches = batches
        self._beside = beside
        self._headers = headers
        self._silence = silence_seconds
        self._last_write = 0.0
        self._turn = asyncio.Lock()
        """Whose batch is written: nothing comes in between."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [*HEADERS, *self._headers]}
        )
        self._last_write = asyncio.get_running_loop().time()
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(self._keep(receive, send))]
                if self._beside is not None:
                    others.append(tasks.create_task(self._write(self._beside, send)))
                await self._write(self._batches, send)
                for other in others:
                    other.cancel()
        except* _ClientLeft:
            pass
        else:
            await send({"type": "http.response.body", "body": b""})

    async def _write(self, batches: AsyncGenerator[bytes, None], send: Send) -> None:
        now = asyncio.get_running_loop().time
        async with aclosing(batches):
            async for batch in batches:
                async with self._turn:
                    for start in range(0, len(batch), PIECE_BYTES):
                        piece = batch[start : start + PIECE_BYTES]
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                self._last_write = now()

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
                if self._turn.locked():
                    # Not silent: the client takes its time.
                    self._last_write = now()
                elif now() >= self._last_write + self._silence:
                    await send({"type": "http.response.body", "body": PING, "more_body": True})
                    self._last_write = now()
            else:
                raise _ClientLeft


class _ClientLeft(Exception):
    """The client has closed the connection."""
