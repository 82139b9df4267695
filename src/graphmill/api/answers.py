"""Answers that are not streams, as bare ASGI applications: a Starlette response costs more than the
rest of this layer."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from starlette.types import Receive, Scope, Send

from graphmill.errors import TooManyRequests

HeaderPairs: TypeAlias = Sequence[tuple[bytes, bytes]]


class BytesAnswer:
    """A body that is there already; `headers` say what it is."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, body: bytes, *, status: int = 200, headers: HeaderPairs = ()) -> None:
        self._body = body
        self._status = status
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = (b"content-length", b"%d" % len(self._body))
        await send(
            {
                "type": "http.response.start",
                "status": self._status,
                "headers": [*self._headers, length],
            }
        )
        body = b"" if scope["method"] == "HEAD" else self._body
        await send({"type": "http.response.body", "body": body})


def retry_after(error: Exception) -> HeaderPairs:
    """When a caller who was too much may come again, if that is what `error` says."""
    if not isinstance(error, TooManyRequests):
        return ()
    return ((b"retry-after", b"%d" % max(1, math.ceil(error.retry_seconds))),)
