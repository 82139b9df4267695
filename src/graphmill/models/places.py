"""How many calls of one model there may be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graphmill.errors import ModelFailed


class Places:
    """For calls that run; those that find none wait, if not too many do."""

    def __init__(self, model: str, *, running: int, waiting: int, seconds: float) -> None:
        self._model = model
        self._free = asyncio.Semaphore(running)
        self._may_wait = waiting
        self._waiting = 0
        self._seconds = seconds

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place and keep it. Raises ModelFailed when that takes too long."""
        await self._take()
        try:
            yield
        finally:
            self._free.release()

    async def _take(self) -> None:
        if self._free.locked() and self._waiting >= self._may_wait:
            raise ModelFailed(f"The model {self._model} is busy: too many calls wait for it.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise ModelFailed(
                f"The model {self._model} was busy for {self._seconds:g} seconds."
            ) from None
        finally:
            self._waiting -= 1
