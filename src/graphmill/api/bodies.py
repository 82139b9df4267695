"""The body of a request, within limits of size and patience."""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import Receive

MAX_DIGITS: Final = 18
"""Of a length that is worth reading."""
MAX_JSON_DEPTH: Final = 100
"""Deeper values could be read, and not be written again."""
GRACE_SECONDS: Final = 30.0
MIN_BYTES_PER_SECOND: Final = 1024
"""A body may always take the grace, and a second more for each so many bytes that have come."""


class BodyRefused(Exception):
    """The body did not come, or is broken; `status` is what HTTP calls that."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Body:
    """A body as it arrives: not more than `limit` bytes of it, and not slower than is bearable."""

    __slots__ = ("_began", "_excess", "_limit", "_receive", "_received", "is_complete")

    def __init__(
        self, receive: Receive, announced: bytes, *, limit: int, excess: Callable[[], Exception]
    ) -> None:
        """`announced`: the Content-Length. Raises `excess` when that is above `limit`."""
        self._receive = receive
        self._limit = limit
        self._excess = excess
        self._received = 0
        self._began = asyncio.get_running_loop().time()
        self.is_complete = False
        if announced.isdigit() and (len(announced) > MAX_DIGITS or int(announced) > limit):
            raise excess()

    async def chunk(self) -> bytes:
        """The next piece; not to be called once `is_complete`. Raises `excess` or BodyRefused."""
        patience = GRACE_SECONDS + self._received / MIN_BYTES_PER_SECOND
        try:
            async with asyncio.timeout_at(self._began + patience):
                message = await self._receive()
        except TimeoutError:
            raise BodyRefused(408, "The body came too slowly.") from None
        if message["type"] == "http.disconnect":
            raise BodyRefused(400, "The connection was closed within the body.")
        piece: bytes = message.get("body", b"")
        self._received += len(piece)
        if self._received > self._limit:
            raise self._excess()
        self.is_complete = not message.get("more_body", False)
        return piece

    async def read(self) -> bytes:
        """All of it."""
        piece = await self.chunk()
        if self.is_complete:
            return piece
        # Not a list: a body in pieces of a few bytes would take a multiple of its length.
        whole = bytearray(piece)
        while not self.is_complete:
            whole += await self.chunk()
        return bytes(whole)


def is_too_deep(text: bytes, content: object) -> bool:
    """Is `content`, read from `text`, nested so deep that it could not be written again?"""
    return text.count(b"{") + text.count(b"[") > MAX_JSON_DEPTH and _is_deeper(
        content, MAX_JSON_DEPTH
    )


def _is_deeper(content: object, limit: int) -> bool:
    """Is `content` nested more than `limit` deep? Level by level, without recursion."""
    level = [content]
    for _ in range(limit):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)
