"""Runs that an earlier process left behind, and those that are paused: they go on, or end with the
reason why they cannot."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from graphmill.engine.events import Event, NodeFinished, RunStatus, VariableUpdated
from graphmill.engine.plan import Plan
from graphmill.engine.run import Run
from graphmill.errors import GraphmillError, StoreError, VersionNotFound
from graphmill.service.apps.catalog import Catalog
from graphmill.service.runs.runs import LiveRun, Runs
from graphmill.storage.orders import OrderStore
from graphmill.variables.files import File
from graphmill.variables.values import Value

INTERRUPTED: Final = "Interrupted by a restart of the server."
PAUSED: Final = "The run was paused."

logger = logging.getLogger(__name__)

Link = Callable[[File], str | None]
"""Where a file can be downloaded now."""


class Recovery:
    """Goes on with runs that nobody drives, or ends them. All methods raise StoreError."""

    def __init__(self, runs: Runs, orders: OrderStore, catalog: Catalog, link: Link) -> None:
        self._runs = runs
        self._orders = orders
        self._catalog = catalog
        self._link = link

    async def recover(self) -> None:
        """Go on with every run that an earlier process left running; call it once the apps are
        loaded."""
        async with self._runs.taking_up:
            left = await self._orders.running()
            # Who was called first: who called looks for them.
            for run in sorted(left, key=lambda run: run.call_depth, reverse=True):
                await self._go_on(run, INTERRUPTED)
            if left:
                logger.info("%d runs of an earlier process were taken up", len(left))
            await self._runs.end_unknown(INTERRUPTED)

    async def resume(self, run_id: str, step_key: str) -> None:
        """What that step of a run waits for has come: let the run go on, if it has not ended.
        Raises RunSuspended when the server stops."""
        async with self._runs.taking_up:
            if await self._runs.wake(run_id, step_key):
                return
            run = await self._orders.get(run_id)
            live = None if run is None else await self._go_on(run, PAUSED)
            if live is not None:
                # The driver takes its first turn: from now on there is something to be committed.
                await asyncio.sleep(0)
                await self._runs.committed(live)

    async def end(self, run_id: str, reason: str) -> None:
        """Stop a run that waits in vain. Raises RunSuspended when the server stops."""
        await self._runs.stop_run(run_id, reason)

    async def _go_on(self, run: Run, past: str) -> LiveRun | None:
        """None when the run cannot go on: it is ended, after its `past`."""
        try:
            history = await self._runs.history(run.id)
            plan = await _plan(self._catalog, run)
        except StoreError:
            raise
        except GraphmillError as error:
            logger.warning("Run %s cannot go on: %s", run.id, error)
            reason = f"{past} The run cannot go on: {error}"
            await self._runs.end(run, RunStatus.FAILED, reason)
            return None
        link = self._link
        linked = replace(
            run,
            inputs={name: _linked(value, link) for name, value in run.inputs.items()},
            files=[replace(file, url=link(file)) for file in run.files],
        )
        events = [(number, _linked_event(event, link)) for number, event in history]
        return self._runs.go_on(linked, plan, events)


async def _plan(catalog: Catalog, run: Run) -> Plan:
    """Raises VersionNotFound or WorkflowInvalid."""
    app = next((app for app in catalog.apps if app.id == run.app_id), None)
    if app is None:
        raise VersionNotFound("its app is not served any more")
    return (await catalog.version(app, run.workflow_id)).plan


def _linked_event(event: Event, link: Link) -> Event:
    """With links for the files in it: those that were stored have expired and are not kept."""
    match event:
        case NodeFinished():
            outputs = {name: _linked(value, link) for name, value in event.outputs.items()}
            return replace(event, outputs=outputs)
        case VariableUpdated():
            return replace(event, value=_linked(event.value, link))
        case _:
            return event


def _linked(value: Value, link: Link) -> Value:
    match value:
        case File():
            return replace(value, url=link(value))
        case list():
            return [_linked(item, link) for item in value]
        case dict():
            return {key: _linked(item, link) for key, item in value.items()}
        case _:
            return value
