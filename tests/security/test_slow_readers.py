"""Readers who do not read: a run streams 100 MB past them, and next to nothing of that waits in the
server's memory for each of them."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import uvicorn
from starlette.types import Receive, Scope, Send

from graphmill.api.dify.streams import Streams
from graphmill.api.dify.wire import Wire
from graphmill.engine.events import RunFinished, RunStatus, TextChunk
from graphmill.engine.fanout import EPOCH_SHIFT, Feed
from graphmill.ports.runs import NumberedEvent
from graphmill.service.apps.speech_features import SpeechFeatures
from graphmill.service.runs.runs import LiveRun
from graphmill.storage.journal import PAGE_EVENTS
from tests.api.dify.test_frames import RUN, NoConversations, Silence
from tests.api.serving import served

MIB = 1024 * 1024
CHARACTERS = 4096
"""Of a chunk."""
CHUNKS = 100 * MIB // CHARACTERS
READERS = 10
FIRST = (1 << EPOCH_SHIFT) + 1


def chunk(number: int) -> TextChunk:
    return TextChunk(("llm", "text"), f"{number} ".ljust(CHARACTERS, "x"))


class Talkative:
    """A run that streams chunks, and a journal that knows them all."""

    is_closing = False

    async def committed(self, live: LiveRun) -> None:
        """It always is."""

    async def page(self, after: int) -> list[NumberedEvent]:
        begin = after + 1 - FIRST
        numbers = range(begin, min(begin + PAGE_EVENTS, CHUNKS))
        return [(FIRST + number, chunk(number)) for number in numbers]

    def follow(self, live: LiveRun) -> AsyncIterator[list[NumberedEvent]]:
        return live.feed.follow(self.page)


async def tell(feed: Feed) -> None:
    """Some chunks at a time."""
    for number in range(CHUNKS):
        feed.append(chunk(number))
        if number % 256 == 0:
            feed.publish()
            feed.pending()
            feed.recorded()
            await asyncio.sleep(0)
    feed.append(RunFinished(RunStatus.SUCCEEDED, {}, None, 0.0, 0, 0, 0, 0.0))
    feed.publish()


async def stuck(port: int, stack: AsyncExitStack) -> None:
    """A reader who stops within the answer, and keeps the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    stack.callback(writer.close)
    writer.write(b"GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n")
    for _ in range(64):
        await reader.readexactly(32 * 1024)


async def test_readers_who_stop_reading_cost_next_to_nothing() -> None:
    live = LiveRun(RUN, Feed(RUN.id))
    streams = Streams(Talkative(), NoConversations(), Silence(), Wire(lambda _: None))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await streams.answer(live, SpeechFeatures())(scope, receive, send)

    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(served(config))
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(READERS):
                tasks.create_task(stuck(port, stack))
            tasks.create_task(tell(live.feed))
        _, peak = tracemalloc.get_traced_memory()
    assert peak < 16 * MIB
