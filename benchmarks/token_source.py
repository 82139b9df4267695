"""What streams in `tokens.py`: a model in OpenAI's protocol, and bare streams to measure against.

    python benchmarks/token_source.py PORT

The last message says what the model answers: `NAME COUNT RATE`, so many tokens, so many of them a
second (0: as fast as they are taken). A token is `NAME:NUMBER:NANOSECONDS `, the time on the clock
that all processes of a machine share.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def frame(delta: dict[str, str], reason: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    event = {"id": "c", "object": "chat.completion.chunk", "choices": [choice], **more}
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            await answer(body["messages"][-1]["content"], writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def answer(order: str, writer: asyncio.StreamWriter) -> None:
    name, count, rate = order.split()
    writer.write(HEAD)
    begun = time.monotonic()
    for number in range(int(count)):
        if float(rate):
            await asyncio.sleep(max(0.0, begun + number / float(rate) - time.monotonic()))
        writer.write(frame({"content": f"{name}:{number}:{time.monotonic_ns()} "}))
        await writer.drain()
    usage = {"prompt_tokens": 1, "completion_tokens": int(count), "total_tokens": int(count) + 1}
    end = b"data: [DONE]\n\n"
    writer.write(frame({}, "stop", usage=usage))
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(end), end))
    await writer.drain()


async def serve(port: int) -> None:
    server = await asyncio.start_server(converse, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


def event(text: str) -> bytes:
    chunk = {
        "event": "text_chunk",
        "workflow_run_id": "5f0a9d3e-1b77-4f0e-8a52-9f6b0b6d2c22",
        "task_id": "0d6f2f0e-6a53-4d0c-9c0a-3f1f6f0c1a11",
        "data": {"text": text, "from_variable_selector": ["llm", "text"]},
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def serving(events: Callable[[str], AsyncIterator[bytes]]) -> Starlette:
    async def run(request: Request) -> StreamingResponse:
        order = json.loads(await request.body())["inputs"]["q"]
        return StreamingResponse(events(order), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/workflows/run", run, methods=["POST"])])


def bare() -> Starlette:
    """A thousand events a request out of nothing, each yielded on its own."""

    async def events(order: str) -> AsyncIterator[bytes]:
        for number in range(1000):
            yield event(f"r:{number}:0 ")

    return serving(events)


def bare_turns() -> Starlette:
    """The same, with a turn of the loop between any two, so that each is sent on its own."""

    async def events(order: str) -> AsyncIterator[bytes]:
        for number in range(1000):
            yield event(f"r:{number}:0 ")
            await asyncio.sleep(0)

    return serving(events)


def relay() -> Starlette:
    """What the model at port `MODEL_PORT` says, token by token."""
    url = f"http://127.0.0.1:{os.environ['MODEL_PORT']}/v1/chat/completions"

    async def events(order: str) -> AsyncIterator[bytes]:
        body = {"messages": [{"role": "user", "content": order}]}
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
            async for line in answer.content:
                if line.startswith(b"data: {"):
                    yield event(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))

    return serving(events)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
