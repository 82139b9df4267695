"""Calls to one provider over HTTP: sent again where that can help, and read as they stream in.

A call is repeated only as long as nothing of its reply was handed out.
"""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from graphmill.errors import ModelFailed, OutboundRefused
from graphmill.models.frames import Frames
from graphmill.models.provider import (
    MISREAD,
    Call,
    Ending,
    ProviderError,
    Question,
    Reply,
    decoded,
    message_in,
)
from graphmill.ports.http import HttpClient, HttpRequest, HttpResponse, Timeouts

LARGEST_ANSWER: Final = 64 << 20
"""Bytes of a whole answer, streamed or not."""
LONGEST_PAUSE: Final = 60.0
"""Seconds. A provider that wants to be left alone for longer has failed."""

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.5
_SHORTEST_SECRET: Final = 8
"""Characters."""
_ERROR_BYTES: Final = 64 * 1024
_GOODBYE_SECONDS: Final = 0.1
_PASSING: Final = frozenset({408, 409, 425, 429})
"""Statuses that may be others a moment later, as may all from 500 on."""


class _Unanswered(Exception):
    """A try that failed; `str()` is for whoever reads the run's error."""

    def __init__(
        self,
        message: str,
        *,
        may_pass: bool,
        wait: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.may_pass = may_pass
        self.wait = wait
        """Seconds that the provider asks for."""
        self.status = status
        """HTTP status of the answer, where that is what was wrong."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    base_url: str
    headers: Mapping[str, str]
    secret: str
    """Never shown, wherever the provider may repeat it."""
    http: HttpClient
    timeouts: Timeouts = field(default_factory=Timeouts)
    total_seconds: float = 900.0
    """Of one try, however lively the provider is."""
    retries: int = 2
    verify_tls: bool = True

    async def stream(
        self, call: Call, new_reply: Callable[[], Reply]
    ) -> AsyncGenerator[str | Ending, None]:
        """The texts of the reply, one for each read from the network, then its ending.

        Raises ModelFailed."""
        for tries in itertools.count(1):
            reply = new_reply()
            begun = False
            try:
                async with self._answer(call) as response:
                    async for text in self._texts(response, reply):
                        begun = True
                        yield text
                yield reply.ending()
                return
            except _Unanswered as error:
                # What was handed out cannot be taken back: that try was the last.
                pause = self._pause(error, self.retries + 1 if begun else tries)
            await asyncio.sleep(pause)

    async def fetch(self, question: Question[T]) -> T:
        """Raises ModelFailed."""
        return await self.ask(question.call, lambda body: question.read(decoded(body)))

    async def ask(self, call: Call, read: Callable[[bytes], T]) -> T:
        """What `read` makes of the answer's body; it may raise ProviderError or one of `MISREAD`.

        Raises ModelFailed."""
        for tries in itertools.count(1):
            try:
                async with self._answer(call) as response:
                    body = b"".join([chunk async for chunk in self._chunks(response)])
                    with _misreading(response):
                        return read(body)
            except _Unanswered as error:
                pause = self._pause(error, tries)
            await asyncio.sleep(pause)
        raise AssertionError("counting has no end")

    def _pause(self, error: _Unanswered, tries: int) -> float:
        """Seconds until the next try. Raises ModelFailed when there is none."""
        pause = error.wait
        if pause is None:
            # Calls that failed together should not come back together.
            pause = min(_FIRST_PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE) * random.uniform(0.5, 1.0)
        if not error.may_pass or tries > self.retries or pause > LONGEST_PAUSE:
            raise ModelFailed(self._shown(error), status=error.status) from None
        return pause

    def _shown(self, error: Exception) -> str:
        message = str(error)
        # Servers of one's own are often given a word such as `ollama`, which messages need.
        is_secret = len(self.secret) >= _SHORTEST_SECRET
        return message.replace(self.secret, "***") if is_secret else message

    @asynccontextmanager
    async def _answer(self, call: Call) -> AsyncIterator[HttpResponse]:
        """The provider's answer, if it is not an error. Raises _Unanswered, also when the body
        cannot be read to its end."""
        request = HttpRequest(
            "POST",
            self.base_url + call.path,
            headers={"Content-Type": call.content_type, **self.headers},
            body=(call.body,),
            timeouts=self.timeouts,
            verify_tls=self.verify_tls,
            follow_redirects=False,
        )
        try:
            async with self.http.request(request) as response:
                if response.status != 200:
                    raise await _refusal(response)
                yield response
        except OSError as error:
            raise _Unanswered(str(error), may_pass=True) from error
        except (OutboundRefused, ValueError) as error:
            raise _Unanswered(str(error), may_pass=False) from error

    async def _texts(self, response: HttpResponse, reply: Reply) -> AsyncIterator[str]:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        chunks = self._chunks(response)
        if kind == "text/event-stream":
            frames = Frames()
            async for chunk in chunks:
                with _misreading(response):
                    text = "".join([reply.read(frame) for frame in frames.feed(chunk)])
                if text:
                    yield text
                if reply.is_over:
                    break
        elif kind == "application/json":
            # Some servers do not stream, whatever they are asked.
            whole = b"".join([chunk async for chunk in chunks])
            with _misreading(response):
                text = reply.read(whole)
            if text:
                yield text
        else:
            raise _Unanswered(
                f"{response.url} does not stream: its answer is {kind or 'of no declared type'}, "
                f"{message_in(await response.read(limit=_ERROR_BYTES))!r}",
                may_pass=False,
            )
        if not reply.is_whole:
            raise _Unanswered(f"{response.url} broke off in the middle of a reply", may_pass=True)
        # Only a connection that was read to its end can be used again.
        with suppress(TimeoutError, _Unanswered, ConnectionError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                async for _ in chunks:
                    pass

    async def _chunks(self, response: HttpResponse) -> AsyncIterator[bytes]:
        """The body, as long as it is neither too large nor too slow."""
        deadline = time.monotonic() + self.total_seconds
        size = 0
        async for chunk in response.chunks():
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise _Unanswered(
                    f"{response.url} sent more than {LARGEST_ANSWER >> 20} MB", may_pass=False
                )
            if time.monotonic() > deadline:
                raise _Unanswered(
                    f"{response.url} was not ready with its answer after "
                    f"{self.total_seconds:g} seconds",
                    may_pass=False,
                )
            yield chunk


@contextmanager
def _misreading(response: HttpResponse) -> Iterator[None]:
    """Around what reads an answer: raises _Unanswered for what is not in the protocol."""
    try:
        yield
    except ProviderError as error:
        raise _Unanswered(str(error), may_pass=False) from error
    except MISREAD as error:
        raise _Unanswered(
            f"{response.url} sent something that cannot be read: {error!r}", may_pass=False
        ) from error


async def _refusal(response: HttpResponse) -> _Unanswered:
    message = message_in(await response.read(limit=_ERROR_BYTES))
    return _Unanswered(
        f"The provider answered {response.status}: {message or 'nothing more'}",
        may_pass=response.status >= 500 or response.status in _PASSING,
        wait=_seconds_to_wait(response.headers),
        status=response.status,
    )


def _seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """What Retry-After asks for (RFC 9110 §10.2.3): seconds, or a date."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        moment = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
