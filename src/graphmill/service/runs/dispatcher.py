"""The embedded dispatcher: drives runs in this process, each in a task of its own."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, TypeAlias

from graphmill.background import Background
from graphmill.engine.driver import Driver, RunLimits
from graphmill.engine.events import Event
from graphmill.engine.fanout import Feed
from graphmill.engine.plan import Plan
from graphmill.engine.run import Run
from graphmill.ids import new_id
from graphmill.ports.runs import Journal

END_SECONDS: Final = 5.0
"""How long suspended runs may take to leave off."""

Around: TypeAlias = Callable[[Run, Feed], AbstractAsyncContextManager[None]]
"""What a run is driven within."""


class Dispatcher:
    """Owns the drivers of all runs of this process."""

    __slots__ = ("_around", "_clock", "_drivers", "_journal", "_limits", "_tasks")

    def __init__(
        self,
        journal: Journal,
        *,
        limits: RunLimits,
        clock: Callable[[], float] = time.time,
        around: Around = lambda run, feed: nullcontext(),
    ) -> None:
        self._journal = journal
        self._around = around
        self._limits = limits
        self._clock = clock
        self._drivers: dict[str, Driver] = {}
        self._tasks = Background()

    def submit(
        self,
        run: Run,
        plan: Plan,
        feed: Feed,
        ended: Callable[[], None] | None = None,
        *,
        history: Sequence[Event] = (),
    ) -> None:
        """Drive `run` to its end, whatever becomes of the caller; then call `ended`. `history` is
        what an earlier process made of it."""
        driver = Driver(
            run, plan, feed, self._journal, limits=self._limits, clock=self._clock, new_id=new_id
        )
        self._drivers[run.id] = driver
        driving = self._drive(driver, self._around(run, feed), history, run.id, ended)
        self._tasks.start(driving, name=run.id)

    def stop(self, run_id: str) -> bool:
        """End a run as `stopped`. False when it is not driven here, has ended or pauses just
        now."""
        driver = self._drivers.get(run_id)
        return driver is not None and driver.stop()

    def wake(self, run_id: str, key: str) -> bool:
        """What the node with that idempotency key waits for has come. False as for `stop`."""
        driver = self._drivers.get(run_id)
        return driver is not None and driver.wake(key)

    async def close(self, *, grace_seconds: float = 0.0) -> None:
        """Let runs end by themselves for a while; then suspend the others, with those that are
        submitted meanwhile: another process can go on with them."""
        await self._tasks.wait(seconds=grace_seconds)
        for driver in self._drivers.values():
            driver.suspend()
        await self._tasks.wait(seconds=END_SECONDS)
        await self._tasks.cancel()

    async def _drive(
        self,
        driver: Driver,
        around: AbstractAsyncContextManager[None],
        history: Sequence[Event],
        run_id: str,
        ended: Callable[[], None] | None,
    ) -> None:
        try:
            async with around:
                await driver.drive(history)
        finally:
            del self._drivers[run_id]
            if ended is not None:
                ended()
