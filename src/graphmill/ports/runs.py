"""Runs: what keeps the embedded engine and the cluster apart."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from graphmill.engine.events import Event

NumberedEvent = tuple[int, Event]
"""(sequence, event). A sequence is `epoch << 32 | n`: a later owner of the run always sorts after
an earlier one."""


class EventLog(Protocol):
    """One run's events, as its owner writes them and the journal reads them."""

    run_id: str

    def pending(self) -> Sequence[NumberedEvent]:
        """Events not yet handed to the journal; calling it marks them as handed over."""
        ...

    def recorded(self) -> None:
        """All events that were handed over are in the database."""
        ...


class Journal(Protocol):
    """The durable memory of runs. A run is what its journal says."""

    def post(self, log: EventLog, *, has_time: bool = False) -> None:
        """`log` has new events; they will be in the database within a few milliseconds, or a second
        when it `has_time`. Never blocks."""
        ...

    async def committed(self, log: EventLog) -> None:
        """Return when everything posted for `log` so far is in the database.

        Raises StoreError when it could not be written."""
        ...

    async def history(self, run_id: str, *, after: int = 0) -> list[NumberedEvent]:
        """What happened in a run, oldest first, from the database."""
        ...

    async def page(self, run_id: str, *, after: int) -> list[NumberedEvent]:
        """The first of the events behind that sequence number: at least one, if there is any, and
        no more than fit into memory many times."""
        ...

    def pages(self, run_id: str) -> AsyncGenerator[list[NumberedEvent], None]:
        """The whole history page by page, for readers who take their time."""
        ...
