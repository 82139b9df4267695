"""One run's events to any number of readers.

A feed keeps the events in one list; a reader is a position in it. So an event is stored once, a slow reader holds no
memory of its own, and whoever falls behind the window reads on from the journal.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from graphmill.engine.events import Event, RunFinished
from graphmill.ports import NumberedEvent

WINDOW: Final = 4096
"""Events kept in memory for readers of a live run; older ones are in the journal."""
EPOCH_SHIFT: Final = 32

History = Callable[[int], Awaitable[list[NumberedEvent]]]
"""after → the events behind that sequence number, from the journal."""


class Feed:
    """The events of one run while this process owns it. `append` and `pending` are the owner's, `follow` is for all."""

    __slots__ = ("_base", "_dropped", "_events", "_failure", "_handed", "_readers", "_visible", "run_id")

    def __init__(self, run_id: str, *, epoch: int = 1) -> None:
        self.run_id = run_id
        self._base = epoch << EPOCH_SHIFT
        self._events: list[Event] = []
        self._dropped = 0
        self._visible = 0
        self._handed = 0
        self._readers: list[asyncio.Future[None]] = []
        self._failure: Exception | None = None

    def append(self, event: Event) -> None:
        """Number an event. Readers see it at the next `publish`."""
        self._events.append(event)

    def publish(self) -> None:
        """Show everything appended so far and wake the readers."""
        self._visible = self._dropped + len(self._events)
        if self._readers:
            self._wake()
        if len(self._events) > 2 * WINDOW:
            self._trim()

    def fail(self, error: Exception) -> None:
        """No more events will come, and the run has no end to show: readers get `error` after what is published."""
        self._failure = error
        self._wake()

    def pending(self) -> Sequence[NumberedEvent]:
        first = self._handed
        events = self._events[first - self._dropped :]
        self._handed = first + len(events)
        base = self._base + first + 1
        return [(base + offset, event) for offset, event in enumerate(events)]

    @property
    def is_finished(self) -> bool:
        """Has the last event been published?"""
        return self._visible == self._dropped + len(self._events) and isinstance(
            self._events[-1] if self._events else None, RunFinished
        )

    async def finished(self) -> RunFinished:
        """Wait for the end of the run. Raises what `fail` was given."""
        while not self.is_finished:
            await self._wait()
        event = self._events[-1]
        assert isinstance(event, RunFinished), "is_finished looked at the same event"
        return event

    async def follow(self, history: History, *, after: int = 0) -> AsyncIterator[list[NumberedEvent]]:
        """Everything behind sequence number `after`, as often as there is something, until the run has ended.

        Each batch holds all that is ready: write it in one go."""
        position = max(0, after - self._base)
        if after < self._base and self._base > 1 << EPOCH_SHIFT:
            earlier = await history(after)
            yield [entry for entry in earlier if entry[0] < self._base]
        while True:
            if position < self._dropped:
                earlier = await history(self._base + position)
                position = earlier[-1][0] - self._base if earlier else self._dropped
                yield earlier
                continue
            if position < self._visible:
                start = position - self._dropped
                events = self._events[start : self._visible - self._dropped]
                base = self._base + position + 1
                position += len(events)
                yield [(base + offset, event) for offset, event in enumerate(events)]
                if isinstance(events[-1], RunFinished):
                    return
                continue
            await self._wait()

    def _wake(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        reader = asyncio.get_running_loop().create_future()
        self._readers.append(reader)
        try:
            await reader
        finally:
            if not reader.done() or reader.cancelled():
                self._readers = [other for other in self._readers if other is not reader]

    def _trim(self) -> None:
        """Forget all but the window, and never what the journal has not been given."""
        keep_from = min(self._dropped + len(self._events) - WINDOW, self._handed)
        if keep_from > self._dropped:
            del self._events[: keep_from - self._dropped]
            self._dropped = keep_from
