"""Providers on loopback that say exactly what a test wants, and models that ask them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from graphmill.config import Settings
from graphmill.engine.run import Run
from graphmill.models.configured import ConfiguredModels
from graphmill.ports.models import ChatPiece, ChatRequest, Message, ModelCall, ModelRef, Role
from graphmill.variables.files import File
from graphmill.wiring.models import open_models
from tests.outbound.local_server import Answer, LocalServer, Received, local_server

MODEL = ModelRef("openai", "gpt-4o-mini")
SECRET = "sk-very-secret"


@dataclass
class Files:
    """`ports.FileVault`: the same bytes for every file."""

    content: bytes = b"\x89PNG"
    read_files: list[File] = field(default_factory=list)

    async def read(self, file: File, *, limit: int) -> bytes:
        self.read_files.append(file)
        if len(self.content) > limit:
            raise ValueError(f"There are more than {limit} bytes.")
        return self.content

    async def save(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        raise AssertionError("models keep no files")


def asking(text: str = "Hi", **request: Any) -> ChatRequest:
    return ChatRequest(**{"model": MODEL, "messages": (Message(Role.USER, text),), **request})


def events(*frames: object) -> bytes:
    """A stream of server-sent events; bytes stand for themselves."""
    return b"".join(
        b"data: " + (frame if isinstance(frame, bytes) else json.dumps(frame).encode()) + b"\n\n"
        for frame in frames
    )


def delta(text: str, reason: str | None = None) -> dict[str, Any]:
    """A piece of OpenAI's protocol."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}


WHOLE_REPLY = events(
    delta("He"),
    delta("llo"),
    delta("", "stop"),
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
    b"[DONE]",
)


def streaming(*pieces: bytes, ends: bool = True, pause: float = 0.0) -> Answer:
    """An answer that streams `pieces`; without its end the connection is closed in the middle."""

    async def answer(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for piece in pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await _pause(reader, pause)
        if not ends:
            raise ConnectionError("as the test wants it")
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return answer


async def _pause(reader: asyncio.StreamReader, seconds: float) -> None:
    """Raises ConnectionError when the client leaves in the meantime."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            if not await reader.read(1):
                raise ConnectionError("the client has gone")


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other, the last for all that follow."""
    left = list(answers)

    async def answer(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(received, reader, writer)

    return answer


@dataclass
class StandIn:
    """A provider, and the models of a configuration that names it."""

    server: LocalServer
    models: ConfiguredModels
    files: Files
    calls: list[ModelCall]
    """That are over."""

    @property
    def body(self) -> Any:
        """Of the last request."""
        return json.loads(self.server.received[-1].body)

    async def reply(self, request: ChatRequest | None = None) -> list[ChatPiece]:
        return [piece async for piece in self.models.chat(request or asking())]


@asynccontextmanager
async def provider(answer: Answer, **entry: Any) -> AsyncIterator[StandIn]:
    """`entry`: more of the only entry in config `models`."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(local_server(answer))
        one = {"provider": "*", "kind": "openai", "base_url": f"{server.url}/v1", **entry}
        files = Files()
        calls: list[ModelCall] = []
        models = await stack.enter_async_context(models_of([one], files, calls.append))
        yield StandIn(server, models, files, calls)


@asynccontextmanager
async def models_of(
    entries: Sequence[Mapping[str, Any]],
    files: Files | None = None,
    told: Callable[[ModelCall], None] = lambda call: None,
) -> AsyncIterator[ConfiguredModels]:
    settings = Settings.model_validate({
        "models": [{"api_key": SECRET, **entry} for entry in entries]
    })  # fmt: skip
    async with open_models(settings, files or Files(), told=told) as models:
        yield models


def text_of(pieces: Sequence[ChatPiece]) -> str:
    return "".join(piece.text for piece in pieces)
