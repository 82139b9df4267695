"""What an `EventStream` writes, when, and what it leaves alone."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from graphmill.api.sse import PIECE_BYTES, PING, EventStream, frame

SILENCE = 0.05


class Client:
    """The far side of an ASGI connection: keeps what is sent, and leaves when told to."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def read(
        self,
        batches: AsyncGenerator[bytes, None],
        *,
        beside: AsyncGenerator[bytes, None] | None = None,
        silence_seconds: float = SILENCE,
    ) -> None:
        stream = EventStream(batches, beside=beside, silence_seconds=silence_seconds)
        await stream({"type": "http"}, self.receive, self.send)

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.sent[1:]]


async def yielding(*batches: bytes, seconds: float = 0.0) -> AsyncGenerator[bytes, None]:
    for batch in batches:
        await asyncio.sleep(seconds)
        yield batch


@pytest.fixture
async def client() -> Client:
    return Client()


def test_frame_is_one_data_line_between_line_feeds() -> None:
    assert b'data: {"event":"x"}\n\n' == frame(b'{"event":"x"}')


async def test_each_batch_is_one_write_and_the_last_write_ends_the_body(client: Client) -> None:
    await client.read(yielding(b"one", b"two"))
    assert [b"one", b"two", b""] == client.bodies
    assert [True, True, None] == [message.get("more_body") for message in client.sent[1:]]


async def test_large_batch_is_handed_over_in_pieces_with_nothing_in_between(
    client: Client,
) -> None:
    large = bytes(2 * PIECE_BYTES + 1)
    sent = client.send

    async def slowly(message: Message) -> None:
        await asyncio.sleep(2 * SILENCE)
        await sent(message)

    client.send = slowly
    await client.read(yielding(large), beside=yielding(b"aside"))
    at = client.bodies.index(large[:PIECE_BYTES])
    assert [PIECE_BYTES, PIECE_BYTES, 1] == [len(piece) for piece in client.bodies[at : at + 3]]
    assert large == b"".join(client.bodies[at : at + 3])


async def test_what_is_beside_is_written_as_it_comes_until_the_batches_end(client: Client) -> None:
    await client.read(
        yielding(b"one", b"two", seconds=0.2),
        beside=yielding(*[b"aside"] * 9, seconds=0.15),
        silence_seconds=9,
    )
    assert [b"aside", b"one", b"aside", b"two", b""] == client.bodies


async def test_headers_forbid_caching_and_buffering(client: Client) -> None:
    await client.read(yielding())
    assert {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-cache",
        b"x-accel-buffering": b"no",
    } == dict(client.sent[0]["headers"])


async def test_empty_batch_is_not_written(client: Client) -> None:
    await client.read(yielding(b"", b"two"))
    assert [b"two", b""] == client.bodies


async def test_silence_is_broken_by_a_ping_each_time_it_lasts_too_long(client: Client) -> None:
    await client.read(yielding(b"late", seconds=3.5 * SILENCE))
    *pings, late, end = client.bodies
    assert (b"late", b"") == (late, end)
    assert {PING} == set(pings)
    assert len(pings) >= 3


async def test_no_ping_while_there_is_news(client: Client) -> None:
    await client.read(yielding(*[b"news"] * 8, seconds=0.1), silence_seconds=0.5)
    assert PING not in client.bodies


async def test_client_that_leaves_ends_the_stream_and_closes_its_source(client: Client) -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(client.read(endless()))
        await asyncio.sleep(0)
        client.left.set()
        await reading
    assert [b"first"] == client.bodies
    assert closed.is_set()


async def test_failure_of_the_source_reaches_the_caller(client: Client) -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        yield b"first"
        raise LookupError("no more")

    with pytest.raises(ExceptionGroup, match="unhandled") as caught:
        await client.read(failing())
    assert [LookupError] == [type(error) for error in caught.value.exceptions]


async def test_idle_readers_hold_one_timer_each(client: Client) -> None:
    async def silent() -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""

    loop = asyncio.get_running_loop()
    before = len(loop._scheduled)
    readers = [EventStream(silent()) for _ in range(500)]
    async with asyncio.TaskGroup() as tasks:
        reading = [
            tasks.create_task(reader({"type": "http"}, client.receive, client.send))
            for reader in readers
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        timers = len(loop._scheduled) - before
        for task in reading:
            task.cancel()
    assert 500 == timers
