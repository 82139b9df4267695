"""The one who writes: takes everything that waits, commits it as one group, tells those who wait.

While one group is written the next one gathers: a thousand runs share a commit, and a lone run
waits for nobody. The thread has a connection of its own, because aiosqlite changes threads for
every statement, which costs more than the statements.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any, Final, TypeAlias

from graphmill.errors import StoreError, StoreUnreachable
from graphmill.storage.sqlite import ROW_FAULTS, translate

GROUP: Final = 64
"""Sources in one commit at most: neither they nor the commit may hold up the others for long."""
LEISURE_SECONDS: Final = 0.5
"""How long those who have time wait for others, with whom they can share a commit."""
BACKLOG: Final = 20_000
"""Sources that may wait; with more, the database counts as stuck."""

Write: TypeAlias = tuple[str, tuple[Any, ...]]
"""An SQL text and its parameters."""
Source: TypeAlias = Callable[[], Sequence[Write]]
"""Asked for its writes when a group is made up, so that all that gathered until then goes along."""


class Writer:
    """Belongs to the event loop that made it, and takes the connection over."""

    def __init__(self, connection: sqlite3.Connection, *, backlog: int = BACKLOG) -> None:
        self._connection = connection
        self._backlog = backlog
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database-writer")
        self._waiting: list[tuple[Source, asyncio.Future[StoreError | None]]] = []
        self._is_urgent = False
        """Does one of those who wait want to be written as soon as possible?"""
        self._alarm: asyncio.TimerHandle | None = None
        """Rings when those who have time have waited long enough."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closed = False

    def submit(
        self, source: Source, *, has_time: bool = False
    ) -> asyncio.Future[StoreError | None]:
        """Write what `source` gives, all of it or nothing; sources have no order among each other.
        One that `has_time` goes along with whatever is written next, or waits for a while.

        The result is there when it is committed: None, or why it could not be written."""
        future: asyncio.Future[StoreError | None] = self._loop.create_future()
        if self._is_closed:
            future.set_result(StoreUnreachable("The database is closed"))
        elif len(self._waiting) >= self._backlog:
            future.set_result(StoreUnreachable(f"{self._backlog} writes wait for the database"))
        else:
            self._waiting.append((source, future))
            if not has_time:
                self.hurry()
            elif self._alarm is None:
                self._alarm = self._loop.call_later(LEISURE_SECONDS, self.hurry)
        return future

    def hurry(self) -> None:
        """Write all that waits as soon as possible."""
        self._is_urgent = bool(self._waiting)
        if self._is_urgent and self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._begin)

    @property
    def waiting(self) -> int:
        """How many sources do."""
        return len(self._waiting)

    async def close(self) -> None:
        """Write what waits, then close the connection."""
        self._is_closed = True
        self.hurry()
        await self._idle.wait()
        await self._loop.run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    def _begin(self) -> None:
        """Make up a group and hand it to the thread."""
        taken, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        self._is_urgent = bool(self._waiting)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        futures: list[asyncio.Future[StoreError | None]] = []
        group: list[Sequence[Write]] = []
        for source, future in taken:
            try:
                group.append(source())
            except Exception as error:
                _settle(future, StoreError(f"This cannot be stored: {error}"))
            else:
                futures.append(future)

        def committed(work: Future[list[StoreError | None]]) -> None:
            self._loop.call_soon_threadsafe(self._end, futures, work)

        self._thread.submit(self._commit, group).add_done_callback(committed)

    def _end(
        self,
        futures: list[asyncio.Future[StoreError | None]],
        work: Future[list[StoreError | None]],
    ) -> None:
        for future, error in zip(futures, work.result(), strict=True):
            _settle(future, error)
        if self._is_urgent:
            # After those who wait were told: their sources must know what is written.
            self._loop.call_soon(self._begin)
        else:
            self._idle.set()

    def _commit(self, group: Sequence[Sequence[Write]]) -> list[StoreError | None]:
        """In the thread: one transaction, or one for each source when one of them is at fault."""
        try:
            self._transact(group)
        except ROW_FAULTS as error:
            if len(group) == 1:
                return [translate(error)]
            return [self._commit([writes])[0] for writes in group]
        except Exception as error:
            return [translate(error)] * len(group)
        return [None] * len(group)

    def _transact(self, group: Iterable[Iterable[Write]]) -> None:
        connection = self._connection
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for sql, parameters in chain.from_iterable(group):
            if sql in rows:
                rows[sql].append(parameters)
            else:
                rows[sql] = [parameters]
        connection.execute("BEGIN IMMEDIATE")
        try:
            for sql, batch in rows.items():
                connection.executemany(sql, batch)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _settle(future: asyncio.Future[StoreError | None], error: StoreError | None) -> None:
    """Whoever waited may have been cancelled."""
    if not future.done():
        future.set_result(error)
