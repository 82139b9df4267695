"""Headers that every response carries: CORS and the server's name and environment (`service-api
§1.2, §1.3`)."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HeaderList: TypeAlias = tuple[tuple[bytes, bytes], ...]

PREFLIGHT_HEADERS: Final[HeaderList] = (
    (b"access-control-allow-methods", b"GET, PUT, POST, DELETE, OPTIONS, PATCH"),
    (b"access-control-allow-headers", b"Content-Type, X-App-Code, X-App-Passport, Authorization"),
)


class ResponseHeaders:
    """Pure ASGI, and the whole cost is one list per response: nothing of a request is looked at
    unless origins are listed.

    `cors_origins` holds exact origins, or `*` for any; credentials are never allowed, keys travel
    in a header."""

    def __init__(
        self, app: ASGIApp, *, version: str, environment: str, cors_origins: Sequence[str]
    ) -> None:
        self._app = app
        self._always: HeaderList = (
            (b"x-version", version.encode()),
            (b"x-env", environment.encode()),
        )
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        if b"*" in self._origins:
            self._always += ((b"access-control-allow-origin", b"*"),)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = self._always if b"*" in self._origins else self._always + self._allowed(scope)
        if scope["method"] == "OPTIONS":
            headers += PREFLIGHT_HEADERS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _allowed(self, scope: Scope) -> HeaderList:
        """What a page of the request's origin may read, when only listed origins may."""
        vary = (b"vary", b"Origin")
        for name, origin in scope["headers"]:
            if name == b"origin" and origin in self._origins:
                return (vary, (b"access-control-allow-origin", origin))
        return (vary,)
