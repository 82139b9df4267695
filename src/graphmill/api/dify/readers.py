"""Open event streams, counted from the request on: one too many is refused before anything runs."""

from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from graphmill.api.sse import EventStream
from graphmill.errors import TooManyReaders
from graphmill.service.apps.catalog import App
from graphmill.service.runs.slots import Slots


class Readers:
    __slots__ = ("_slots",)

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    async def admit(
        self, app: App, open_stream: Callable[[], Awaitable[EventStream]]
    ) -> "CountedStream":
        """A stream of `app`. Raises TooManyReaders, or what `open_stream` raises."""
        ceiling = self._slots.take(app.id)
        if ceiling:
            raise TooManyReaders(
                "Too many requests. Please try again later. The current maximum of open event "
                f"streams is {ceiling}."
            )
        try:
            stream = await open_stream()
        except BaseException:
            self._slots.free(app.id)
            raise
        return CountedStream(stream, self._slots, app.id)


class CountedStream:
    """A stream that frees its slot when it has ended."""

    __slots__ = ("_app_id", "_slots", "_stream")

    def __init__(self, stream: EventStream, slots: Slots, app_id: str) -> None:
        self._stream = stream
        self._slots = slots
        self._app_id = app_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._stream(scope, receive, send)
        finally:
            self._slots.free(self._app_id)
