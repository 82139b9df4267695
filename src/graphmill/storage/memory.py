"""A journal that lives as long as the process: for runs that nobody wants to keep."""

from collections.abc import AsyncGenerator

from graphmill.ports.runs import EventLog, NumberedEvent


class MemoryJournal:
    """`ports.Journal`; what is posted is committed."""

    def __init__(self) -> None:
        self._events: dict[str, list[NumberedEvent]] = {}

    def post(self, log: EventLog, *, has_time: bool = False) -> None:
        self._events.setdefault(log.run_id, []).extend(log.pending())
        log.recorded()

    async def committed(self, log: EventLog) -> None:
        """It already is."""

    async def history(self, run_id: str, *, after: int = 0) -> list[NumberedEvent]:
        return [entry for entry in self._events.get(run_id, []) if entry[0] > after]

    async def page(self, run_id: str, *, after: int) -> list[NumberedEvent]:
        return await self.history(run_id, after=after)

    async def pages(self, run_id: str) -> AsyncGenerator[list[NumberedEvent], None]:
        yield await self.history(run_id)
