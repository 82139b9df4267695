"""A journal that lives as long as the process: for runs that nobody wants to keep."""

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
