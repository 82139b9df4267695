"""Connections whose request never gets going are closed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.api.serving import served

heads = pytest.importorskip("graphmill.api.heads")

PIECE = 64 * 1024
HELLO = b"GET / HTTP/1.1\r\nHost: server\r\n"


class Endless:
    """An answer that goes on as long as somebody takes it."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.ensure_future(receive_end(receive))
        while not leaving.done():
            await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})
            self.sent += PIECE
            await asyncio.sleep(0)
        self.ended.set()


async def receive_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.3)
    async with serving(PlainTextResponse("hello")) as port:
        yield port


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app,
        http=heads.LimitedHeads,
        ws="none",
        lifespan="off",
        log_config=None,
    )
    async with served(config) as port:
        yield port


async def reply_to(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What the server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_complete_head_is_answered(port: int) -> None:
    reply = await reply_to(port, HELLO + b"Connection: close\r\n\r\n")
    assert reply.endswith(b"hello")


async def test_head_in_pieces_is_answered(port: int) -> None:
    reply = await reply_to(port, HELLO, b"Connection: ", b"close\r\n\r\n", pause=0.05)
    assert reply.endswith(b"hello")


@pytest.mark.parametrize(
    "filler",
    [b"x" * 1024, b"X-Filler: x\r\n" * 80],
    ids=["one-endless-header", "headers-without-end"],
)
async def test_head_that_grows_without_end_is_refused(port: int, filler: bytes) -> None:
    reply = await reply_to(port, HELLO + b"X-Endless: ", *[filler] * 200)
    assert reply.startswith(b"HTTP/1.1 400") or reply == b""


async def test_head_that_does_not_end_in_time_is_given_up(port: int) -> None:
    began = time.monotonic()
    reply = await reply_to(port, HELLO)
    assert b"" == reply
    assert time.monotonic() - began < 3


async def test_second_request_of_a_connection_has_its_own_limits(port: int) -> None:
    first = HELLO + b"\r\n"
    reply = await reply_to(port, first, HELLO, b"Connection: close\r\n\r\n", pause=0.1)
    assert 2 == reply.count(b"hello")


@pytest.mark.parametrize("said", [b"", b"\r\n", b"G"], ids=["nothing", "line-break", "a-byte"])
async def test_connection_that_asks_nothing_is_closed(port: int, said: bytes) -> None:
    began = time.monotonic()
    assert b"" == await reply_to(port, said)
    assert time.monotonic() - began < 3


async def test_client_that_takes_nothing_is_left_and_little_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heads, "STALL_SECONDS", 0.3)
    answer = Endless()
    async with serving(answer) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(HELLO + b"\r\n")
        await reader.readline()
        async with asyncio.timeout(5):
            await answer.ended.wait()
        writer.close()
    # What the kernel keeps on both sides, and two pieces.
    assert answer.sent < 16 * 1024 * 1024


async def test_client_that_takes_its_time_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "STALL_SECONDS", 0.3)
    answer = Endless()
    async with serving(answer) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO + b"\r\n")
        ends = time.monotonic() + 1
        while time.monotonic() < ends:
            await reader.readexactly(1024 * 1024)
            await asyncio.sleep(0.05)
        assert not answer.ended.is_set()
        writer.close()
        async with asyncio.timeout(5):
            await answer.ended.wait()
