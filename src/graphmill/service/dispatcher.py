"""The embedded dispatcher: drives runs in this process, each in its own task, and ends them when it is closed."""

import logging
import time
from collections.abc import Callable
from typing import Final

from graphmill.background import Background
from graphmill.engine.driver import Driver, RunLimits
from graphmill.engine.events import RunFinished, RunStatus
from graphmill.engine.fanout import Feed
from graphmill.engine.plan import Plan
from graphmill.engine.run import Run
from graphmill.errors import StoreError
from graphmill.ids import new_id
from graphmill.ports import Journal

INTERRUPTED: Final = "Interrupted by a restart of the server."
END_SECONDS: Final = 5.0
"""How long interrupted runs may take to end."""

logger = logging.getLogger(__name__)


class Dispatcher:
    """Owns the drivers of all runs of this process."""

    __slots__ = ("_clock", "_drivers", "_journal", "_limits", "_tasks")

    def __init__(
        self, journal: Journal, *, limits: RunLimits, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._drivers: dict[str, Driver] = {}
        self._tasks = Background()

    def submit(self, run: Run, plan: Plan, feed: Feed, ended: Callable[[], None]) -> None:
        """Drive `run` to its end, whatever becomes of the caller; then call `ended`."""
        driver = Driver(
            run, plan, feed, self._journal, limits=self._limits, clock=self._clock, new_id=new_id
        )
        self._drivers[run.id] = driver
        self._tasks.start(self._drive(run, driver, feed, ended), name=run.id)

    def stop(self, run_id: str) -> None:
        """End a run as `stopped`; one that this process does not drive is left alone."""
        driver = self._drivers.get(run_id)
        if driver is not None:
            driver.stop()

    async def close(self, *, grace_seconds: float = 0.0) -> None:
        """Let runs end by themselves for a while, then end the others as failed, with the reason."""
        await self._tasks.wait(seconds=grace_seconds)
        for driver in self._drivers.values():
            driver.interrupt(INTERRUPTED)
        await self._tasks.wait(seconds=END_SECONDS)
        await self._tasks.cancel()

    async def _drive(
        self, run: Run, driver: Driver, feed: Feed, ended: Callable[[], None]
    ) -> None:
        try:
            await driver.drive()
        except StoreError as error:
            logger.exception("run %s could not be stored", run.id)
            feed.fail(error)
        except Exception:
            logger.exception("run %s broke off", run.id)
            await self._break_off(run, feed)
        finally:
            del self._drivers[run.id]
            ended()

    async def _break_off(self, run: Run, feed: Feed) -> None:
        """A fault of ours ended the driver: the run must not stay `running` for ever."""
        now = self._clock()
        elapsed = max(0.0, now - run.created_at)
        error = "The run broke off because of an internal error; the server's log says more."
        feed.append(RunFinished(RunStatus.FAILED, {}, error, elapsed, 0, 0, 0, now))
        self._journal.post(feed)
        try:
            await self._journal.committed(feed)
        except StoreError as failure:
            feed.fail(failure)
        else:
            feed.publish()
