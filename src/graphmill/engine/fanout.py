"""One run's events to any number of readers.

A feed keeps the events in one list; a reader is a position in it. So an event is stored once, a
slow reader holds no memory of its own, and whoever falls behind the window reads on from the
journal.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from graphmill.engine.events import Event, RunFinished, RunPaused
from graphmill.errors import RunSuspended
from graphmill.ports.runs import NumberedEvent

WINDOW: Final = 1024
"""Events of a live run that stay in memory once the journal has them."""
BATCH: Final = 128
"""Events that a reader is given at a time, so that one who does not go on keeps few in memory."""
EPOCH_SHIFT: Final = 32

History = Callable[[int], Awaitable[list[NumberedEvent]]]
"""after → the first of the events behind that sequence number, from the journal."""


class Feed:
    """The events of one run while this process owns it.

    `append`, `amend` and `publish` are for its owner, `pending` and `recorded` for the journal."""

    __slots__ = (
        "_base", "_events", "_forgotten", "_handed", "_readers", "_recorded", "_visible", "count",
        "is_closed", "run_id",
    )  # fmt: skip

    def __init__(self, run_id: str, *, epoch: int = 1) -> None:
        self.run_id = run_id
        self._base = epoch << EPOCH_SHIFT
        self._events: list[Event] = []
        self.count = 0
        """Events appended so far."""
        self._forgotten = 0
        self._visible = 0
        self._handed = 0
        self._recorded = 0
        self._readers: list[asyncio.Future[None]] = []
        self.is_closed = False
        """Will nothing follow, whether or not the run has ended?"""

    def append(self, event: Event) -> None:
        """Number an event. Readers see it at the next `publish`."""
        self._events.append(event)
        self.count += 1

    def amend(self, event: Event) -> None:
        """Put `event` in the place of the last one, which was not published yet."""
        self._events[-1] = event
        self._handed = min(self._handed, self.count - 1)

    def publish(self) -> None:
        """Show everything appended so far and wake the readers."""
        self._visible = self.count
        if self._readers:
            readers, self._readers = self._readers, []
            for reader in readers:
                if not reader.done():
                    reader.set_result(None)

    def close(self) -> None:
        """Let readers go, although the run has not ended: another process will go on with it."""
        self.is_closed = True
        self.publish()

    def pending(self) -> Sequence[NumberedEvent]:
        """The events not yet handed to the journal; they count as handed over from now on."""
        pending = self._numbered(self._handed, self.count)
        self._handed = self.count
        return pending

    def recorded(self) -> None:
        """The journal holds all that was handed over: of what it held before, only the window stays
        here. So readers that keep up have one commit's time to take what is new."""
        surplus = min(self._recorded, self.count - WINDOW) - self._forgotten
        self._recorded = self._handed
        if surplus > 0:
            del self._events[:surplus]
            self._forgotten += surplus

    @property
    def backlog(self) -> int:
        """Events that the journal is not known to hold."""
        return self.count - self._recorded

    @property
    def position(self) -> int:
        """The sequence number of the last event that readers can see."""
        return self._base + self._visible

    @property
    def is_finished(self) -> bool:
        """Has the last event been published?"""
        return self.end is not None

    @property
    def end(self) -> RunFinished | None:
        """The last event, if it has been published."""
        last = self._events[-1] if self._visible == self.count > 0 else None
        return last if isinstance(last, RunFinished) else None

    @property
    def is_paused(self) -> bool:
        """Has the run left this process to wait for somebody outside?"""
        return self.is_closed and isinstance(self._events[-1], RunPaused)

    async def finished(self) -> RunFinished | RunPaused:
        """Wait for the end of the run, or until it is paused. Raises RunSuspended when this process
        will see neither."""
        while not (self.is_finished or self.is_closed):
            await self._news()
        event = self._events[-1]
        if isinstance(event, RunFinished | RunPaused):
            return event
        raise RunSuspended(self.run_id)

    async def follow(
        self, history: History, *, after: int = 0
    ) -> AsyncIterator[list[NumberedEvent]]:
        """Everything behind sequence number `after`, as it comes, until the run has ended or the
        feed is closed.

        Each batch holds what is ready, up to a bound. It belongs to the reader, who may empty
        it to let events go."""
        while after < self._base and self._base > 1 << EPOCH_SHIFT:
            batch = [entry for entry in await history(after) if entry[0] <= self._base]
            if not batch:
                break
            after = batch[-1][0]
            yield batch
        position = min(max(0, after - self._base), self._visible)
        while position < self._visible or not (self.is_finished or self.is_closed):
            if position >= self._visible:
                await self._news()
            elif position < self._forgotten:
                batch = await history(self._base + position)
                position = batch[-1][0] - self._base if batch else self._forgotten
                if batch:
                    yield batch
            else:
                batch = self._numbered(position, min(self._visible, position + BATCH))
                position += len(batch)
                yield batch

    def _numbered(self, start: int, end: int) -> list[NumberedEvent]:
        """The events from number `start` (counted from 0) to before `end`."""
        events = self._events[start - self._forgotten : end - self._forgotten]
        return list(enumerate(events, self._base + start + 1))

    async def _news(self) -> None:
        """Wait for the next `publish`."""
        reader = asyncio.get_running_loop().create_future()
        self._readers.append(reader)
        try:
            await reader
        except asyncio.CancelledError:
            if reader in self._readers:
                self._readers.remove(reader)
            raise
