"""An ASGI application behind a real uvicorn, in the loop of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def served(config: uvicorn.Config) -> AsyncIterator[int]:
    """Serves at a free port on loopback, which it yields; `config.port` is not used."""
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listener]))
            await server.ready.wait()
            try:
                yield int(listener.getsockname()[1])
            finally:
                server.should_exit = True
                await serving
