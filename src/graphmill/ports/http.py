"""The way out of this machine."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    connect: float = 10.0
    read: float = 60.0
    write: float = 20.0


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What an http-request node may use as long as it says nothing else (config `http_request`)."""

    timeouts: Timeouts = Timeouts()
    text_bytes: int = 1024 * 1024
    file_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that may leave this machine."""

    method: str
    url: str
    """Absolute. Characters that may not stand in a URL are percent-encoded on the way."""
    params: Sequence[tuple[str, str]] = ()
    """Added to the query of `url`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Sequence[bytes] = ()
    """In pieces that are sent one after the other; none: no body."""
    timeouts: Timeouts = Timeouts()
    verify_tls: bool = True
    follow_redirects: bool = True
    credential_headers: frozenset[str] = frozenset()
    """Headers that no other origin may see after a redirect, besides Authorization and Cookie;
    lower case."""


class HttpResponse(Protocol):
    """An answer whose body is still on the way; valid inside its context only."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    url: str
    """After redirects."""
    length: int | None
    """Bytes of the body as the server announced it; None when it did not, or sends it packed."""

    async def read(self, *, limit: int) -> bytes:
        """The body, at most `limit` + 1 bytes of it: a longer result means there was more."""
        ...

    def chunks(self) -> AsyncIterator[bytes]: ...


class HttpClient(Protocol):
    """The only way out. Every address is checked by the SSRF guard, redirects included."""

    def request(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpResponse]:
        """Follow redirects, unless the request says not to, then give the answer.

        Raises OutboundRefused (guard), ValueError (no such URL or header can be sent),
        TimeoutError, or ConnectionError with a sentence about the peer; reading the body raises
        the last two."""
        ...
