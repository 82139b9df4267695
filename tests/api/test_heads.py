"""Connections whose request never gets going are closed."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from tests.api.serving import served

heads = pytest.importorskip("graphmill.api.heads")

HELLO = b"GET / HTTP/1.1\r\nHost: server\r\n"


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.3)
    config = uvicorn.Config(
        PlainTextResponse("hello"),
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
