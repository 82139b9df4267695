"""Runs that an earlier process left behind: they go on, or end with the reason why they cannot."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from graphmill.engine.events import Event, NodeFinished, RunStatus, VariableUpdated
from graphmill.engine.plan import Plan
from graphmill.engine.run import Run
from graphmill.errors import GraphmillError, StoreError, VersionNotFound
from graphmill.service.apps import Catalog
from graphmill.service.runs import Runs
from graphmill.storage.orders import OrderStore
from graphmill.variables.files import File
from graphmill.variables.values import Value

INTERRUPTED: Final = "Interrupted by a restart of the server."

logger = logging.getLogger(__name__)

Link = Callable[[File], str | None]
"""Where a file can be downloaded now."""


async def recover(runs: Runs, orders: OrderStore, catalog: Catalog, link: Link) -> None:
    """Go on with every run that has not ended; call it once the apps are loaded.

    Raises StoreError."""
    left = await orders.running()
    for run in left:
        try:
            await _go_on(runs, run, catalog, link)
        except StoreError:
            raise
        except GraphmillError as error:
            logger.warning("Run %s cannot go on: %s", run.id, error)
            await runs.end(run, RunStatus.FAILED, f"{INTERRUPTED} The run cannot go on: {error}")
    if left:
        logger.info("%d runs of an earlier process were taken up", len(left))
    await runs.end_unknown(INTERRUPTED)


async def _go_on(runs: Runs, run: Run, catalog: Catalog, link: Link) -> None:
    if run.call_depth:
        # The run that called it makes the call again.
        raise VersionNotFound("it was the tool of another run")
    history = [(number, _linked_event(event, link)) for number, event in await runs.history(run)]
    plan = await _plan(catalog, run)
    linked = replace(
        run,
        inputs={name: _linked(value, link) for name, value in run.inputs.items()},
        files=[replace(file, url=link(file)) for file in run.files],
    )
    runs.go_on(linked, plan, history)


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
