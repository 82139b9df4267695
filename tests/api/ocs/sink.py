"""A server that keeps what it is sent: the other end of webhooks, and a worker that is called."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.api.serving import served


@dataclass(slots=True)
class Sink:
    url: str = ""
    status: int = 200
    calls: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    """Method, path with query, headers, body."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        content = await request.body()
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        body = json.loads(content) if content else None
        self.calls.append((request.method, path, dict(request.headers), body))
        self.news.set()
        answer = {"status": "ok"} if path == "/heartbeat" else {"error": ""}
        return JSONResponse(answer, self.status)

    async def first(self, count: int = 1) -> list[tuple[str, str, dict[str, str], Any]]:
        """Once there are so many calls."""
        while len(self.calls) < count:
            self.news.clear()
            await self.news.wait()
        return self.calls


@asynccontextmanager
async def opened_sink() -> AsyncIterator[Sink]:
    sink = Sink()
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    app = Starlette(routes=[Route("/{path:path}", sink.take, methods=methods)])
    async with served(uvicorn.Config(app, lifespan="off", log_config=None)) as port:
        sink.url = f"http://127.0.0.1:{port}"
        yield sink
