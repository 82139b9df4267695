"""The journal, counting what it is given: every event of every run comes by there once."""

from collections.abc import Sequence

from graphmill.engine.run import Run
from graphmill.observation.metrics import Metrics
from graphmill.ports.runs import EventLog, NumberedEvent
from graphmill.storage.database import Database
from graphmill.storage.journal import SqlJournal


class CountedJournal(SqlJournal):
    def __init__(self, database: Database, metrics: Metrics) -> None:
        super().__init__(database)
        self._metrics = metrics

    def open(self, run: Run, log: EventLog, *, history: Sequence[NumberedEvent] = ()) -> None:
        super().open(run, _CountedLog(log, self._metrics), history=history)


class _CountedLog:
    """`ports.EventLog`."""

    __slots__ = ("_log", "_metrics", "run_id")

    def __init__(self, log: EventLog, metrics: Metrics) -> None:
        self.run_id = log.run_id
        self._log = log
        self._metrics = metrics

    def pending(self) -> Sequence[NumberedEvent]:
        events = self._log.pending()
        self._metrics.happened(event for _, event in events)
        return events

    def recorded(self) -> None:
        self._log.recorded()
