"""The client's dealings with aiohttp: one hop there and back, guarded. Nothing else imports it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
from aiohttp.http import StreamWriter
from yarl import URL

from graphmill.outbound.guard import OutboundRules, parse_address
from graphmill.outbound.urls import Target
from graphmill.ports.http import HttpRequest, Timeouts

# Below the five seconds after which common servers close a connection: a request that meets such
# a connection would fail.
_KEEP_ALIVE_SECONDS: Final = 4.0
_PIECE: Final = 64 * 1024
_LONGEST_HEADER: Final = 32 * 1024

# The first class that fits an exception says what to raise instead, and in which words.
_FAILURES: Final[tuple[tuple[type[Exception], type[OSError], str], ...]] = (
    (
        aiohttp.ConnectionTimeoutError,
        TimeoutError,
        "No connection to {origin} within {timeouts.connect:g} seconds",
    ),
    (
        aiohttp.SocketTimeoutError,
        TimeoutError,
        "{origin} sent nothing for {timeouts.read:g} seconds",
    ),
    (
        aiohttp.ServerDisconnectedError,
        ConnectionError,
        "{origin} closed the connection before it answered",
    ),
    (
        aiohttp.ClientConnectorDNSError,
        ConnectionError,
        "The name {host} cannot be resolved: {error.strerror}",
    ),
    (
        aiohttp.ClientConnectorCertificateError,
        ConnectionError,
        "The certificate of {origin} cannot be trusted: {error.certificate_error}",
    ),
    (aiohttp.ClientConnectorError, ConnectionError, "Cannot connect to {origin}: {error.strerror}"),
    (
        aiohttp.ClientHttpProxyError,
        ConnectionError,
        "The proxy does not connect to {origin}: {error.status} {error.message}",
    ),
    (aiohttp.ClientPayloadError, ConnectionError, "{origin} broke off in the middle of its answer"),
    (aiohttp.ClientResponseError, ConnectionError, "{origin} sent no valid HTTP: {error.message}"),
    (aiohttp.ClientError, ConnectionError, "The request to {origin} failed: {error}"),
    (
        TimeoutError,
        TimeoutError,
        "{origin} did not take the request within {timeouts.write:g} seconds",
    ),
)


class Session:
    """A connection pool in which every connection leads to an address that was checked."""

    def __init__(self, rules: OutboundRules, proxy: str | None) -> None:
        self._rules = rules
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=GuardedResolver(rules), limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            skip_auto_headers=("Content-Type",),
            proxy=proxy,
        )

    async def close(self) -> None:
        await self._http.close()

    async def send(self, request: HttpRequest, target: Target) -> "Answer":
        """Send `request` to `target` and wait for the head of the answer; follows no redirect."""
        literal = parse_address(target.host)
        if literal is not None:
            self._rules.check(target.host, target.port, [literal])
        body = _Body(request.body, request.timeouts.write) if request.body else None
        with _translated(target, request.timeouts):
            response = await self._http.request(
                request.method,
                URL(target.text, encoded=True),
                headers=request.headers,
                data=body,
                allow_redirects=False,
                ssl=request.verify_tls,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=request.timeouts.connect, sock_read=request.timeouts.read
                ),
            )
        return Answer(response, target, request.timeouts)


class Answer:
    """The answer to one hop."""

    def __init__(
        self, response: aiohttp.ClientResponse, target: Target, timeouts: Timeouts
    ) -> None:
        self._response = response
        self._target = target
        self._timeouts = timeouts
        self.status = response.status
        self.headers: dict[str, str] = {}
        for name, value in response.headers.items():
            name, value = name.lower(), _readable(value)
            known = self.headers.get(name)
            self.headers[name] = value if known is None else f"{known}, {value}"

    async def chunks(self) -> AsyncIterator[bytes]:
        with _translated(self._target, self._timeouts):
            async for chunk in self._response.content.iter_any():
                yield chunk

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        self._response.release()


class GuardedResolver(AbstractResolver):
    """Resolves a name and passes on only the addresses that may be connected to.

    The pool connects to nothing else, so a name that changes its mind afterwards gains nothing."""

    def __init__(self, rules: OutboundRules) -> None:
        self._rules = rules

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM
        )
        families = {ip_address(place[0]): family for family, _, _, _, place in found}
        permitted = self._rules.check(host, port, families)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=families[address],
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in permitted
        ]

    async def close(self) -> None:
        """There is nothing to close."""


@contextmanager
def _translated(target: Target, timeouts: Timeouts) -> Iterator[None]:
    """Raise ConnectionError or TimeoutError with a sentence in place of what aiohttp raises."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as error:
        for kind, translation, words in _FAILURES:
            if isinstance(error, kind):
                sentence = words.format(
                    origin=target.origin, host=target.host, timeouts=timeouts, error=error
                )
                raise translation(sentence) from error
        raise


def _readable(value: str) -> str:
    """A header value that was not UTF-8 is Latin-1 (aiohttp marks such bytes)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="surrogateescape").decode("latin-1")
    return value


class _Body(aiohttp.Payload):
    """Pieces of bytes, each of which must be taken by the peer within the write timeout."""

    def __init__(self, pieces: Sequence[bytes], timeout: float) -> None:
        super().__init__(pieces)
        self._pieces = pieces
        self._size = sum(map(len, pieces))
        self._timeout = timeout

    async def write(self, writer: AbstractStreamWriter) -> None:
        try:
            for piece in self._pieces:
                view = memoryview(piece)
                for start in range(0, len(view), _PIECE):
                    async with asyncio.timeout(self._timeout):
                        await writer.write(view[start : start + _PIECE])
        except (TimeoutError, asyncio.CancelledError):
            # Closing would wait until the peer has taken what is buffered.
            if isinstance(writer, StreamWriter) and writer.transport is not None:
                writer.transport.abort()
            raise

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._pieces).decode(encoding, errors)
