"""The shared HTTP client: redirects, decompression and limits around one session.

`session.py` holds everything that needs aiohttp. It is imported with the first request, because
loading aiohttp costs a server that never calls out more memory and start-up time than it has.
"""

import re
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from graphmill import __version__
from graphmill.outbound.decompression import ACCEPTED, unpacked
from graphmill.outbound.guard import OutboundRules
from graphmill.outbound.urls import Target
from graphmill.ports.http import HttpRequest

if TYPE_CHECKING:
    from graphmill.outbound.session import Answer, Session

MAX_REDIRECTS: Final = 20

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEPING_METHOD: Final = frozenset({307, 308})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUES: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_LENGTH: Final = "content-length"
_BYTES: Final = re.compile(r"[0-9]{1,18}")
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
# How a body is delimited and packed is between the client and the server.
_OWN_HEADERS: Final = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "transfer-encoding", "upgrade",
})  # fmt: skip
_ABOUT_BODY: Final = frozenset({"content-encoding", "content-language", "content-type"})


class OutboundClient:
    """`ports.HttpClient` on one connection pool, which is opened by the first request.

    Keeps no cookies, and uses no proxy from the environment: a proxy would connect unguarded."""

    def __init__(self, rules: OutboundRules, *, proxy: str | None = None) -> None:
        """`rules` must let requests through to the `proxy`, which connects to what it likes."""
        self._rules = rules
        self._proxy = proxy
        self._session: Session | None = None

    @asynccontextmanager
    async def request(self, request: HttpRequest) -> AsyncIterator["Response"]:
        target = Target.parse(request.url, request.params)
        hop = replace(request, headers=_checked_headers(request.headers, target))
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._opened().send(hop, target)
            try:
                location = answer.headers.get("location")
                if (
                    answer.status not in _REDIRECTS
                    or location is None
                    or not request.follow_redirects
                ):
                    yield Response(answer, target)
                    return
            finally:
                answer.close()
            hop, target = _redirected(hop, target, answer.status, location)
        raise ConnectionError(f"{target.origin} redirects more than {MAX_REDIRECTS} times")

    async def close(self) -> None:
        """Close the connections; the next request would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> "Session":
        if self._session is None:
            # Keeps start-up fast and an idle server small.
            from graphmill.outbound.session import Session  # noqa: PLC0415

            self._session = Session(self._rules, self._proxy)
        return self._session


class Response:
    """`ports.HttpResponse`: an answer whose body is still on the way."""

    def __init__(self, answer: "Answer", target: Target) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self.url = target.text
        announced = "" if "content-encoding" in answer.headers else answer.headers.get(_LENGTH, "")
        self.length = int(announced) if _BYTES.fullmatch(announced) else None
        self._origin = target.origin

    async def read(self, *, limit: int) -> bytes:
        content = bytearray()
        async for chunk in self.chunks():
            content += chunk
            if len(content) > limit:
                return bytes(content[: limit + 1])
        return bytes(content)

    async def chunks(self) -> AsyncIterator[bytes]:
        coding = self.headers.get("content-encoding", "")
        try:
            async for chunk in unpacked(self._answer.chunks(), coding):
                yield chunk
        except zlib.error as error:
            raise ConnectionError(
                f"{self._origin} sent a body that is no valid {coding}: {error}"
            ) from error


def _checked_headers(headers: Mapping[str, str], target: Target) -> dict[str, str]:
    """What goes on the wire. Raises ValueError for what would be more than one header."""
    checked = {
        "accept": ("Accept", "*/*"),
        "user-agent": ("User-Agent", f"graphmill/{__version__}"),
    }
    if target.credentials is not None:
        pair = ":".join(target.credentials).encode()
        checked["authorization"] = ("Authorization", f"Basic {b64encode(pair).decode()}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a header")
        if _FORBIDDEN_IN_VALUES.search(value):
            raise ValueError(f"The header {name!r} must not contain control characters")
        checked[name.lower()] = (name, value)
    sent = dict(pair for lower, pair in checked.items() if lower not in _OWN_HEADERS)
    return {**sent, "Accept-Encoding": ACCEPTED}


def _redirected(
    request: HttpRequest, target: Target, status: int, location: str
) -> tuple[HttpRequest, Target]:
    """The request to follow a redirect with. Raises ConnectionError when it leads nowhere."""
    try:
        new_target = target.join(location)
    except ValueError as error:
        raise ConnectionError(f"{target.origin} redirects, but {error}") from None
    dropped: frozenset[str] = frozenset()
    method, body = request.method, request.body
    if status not in _KEEPING_METHOD and method != "HEAD" and (status != 301 or method == "POST"):
        method, body, dropped = "GET", (), _ABOUT_BODY
    if not target.shares_credentials_with(new_target):
        dropped |= _CREDENTIALS | request.credential_headers | {"host"}
    headers = {
        name: value for name, value in request.headers.items() if name.lower() not in dropped
    }
    return replace(request, method=method, body=body, headers=headers), new_target
