"""Workers register what they can do, and tell how they are (`nextcloud-ocs §12`)."""

import logging
from typing import Final

from graphmill.api.ocs.calls import Call
from graphmill.api.ocs.envelope import Reply
from graphmill.service.tasks.workers import Worker

READY: Final = 100
"""Percent."""
LOG_CHARACTERS: Final = 2000

_LEVELS: Final = {
    0: logging.DEBUG,
    1: logging.INFO,
    2: logging.WARNING,
    3: logging.ERROR,
    4: logging.CRITICAL,
}

logger = logging.getLogger(__name__)


async def register(call: Call) -> Reply:
    given = call.parameters
    provider, custom_type = given.mapping("provider"), given.raw("customTaskType")
    await call.api.workers.register(_worker(call), provider, custom_type)
    return Reply([])


async def unregister(call: Call) -> Reply:
    await call.api.workers.unregister(_worker(call), call.parameters.text("name"))
    return Reply([])


async def show_provider(call: Call) -> Reply:
    stored = await call.api.workers.record(_worker(call), call.parameters.text("name"))
    provider = stored.description()
    return Reply(
        {
            "id": stored.id,
            "app_id": stored.worker_id,
            "name": stored.name,
            "display_name": provider.get("name", ""),
            "task_type": provider.get("task_type", ""),
            "provider": stored.provider,
            "custom_task_type": stored.custom_task_type,
        }
    )


async def state(call: Call) -> Reply:
    return Reply(int(_worker(call).is_enabled))


async def status(call: Call) -> Reply:
    """How far a worker is with its preparations."""
    worker = _worker(call)
    error = call.parameters.text("error", "")
    if error:
        logger.error("worker %s: %.*s", worker.id, LOG_CHARACTERS, error)
    elif call.parameters.integer("progress") >= READY:
        call.api.services.ocs.outgoing.initialised(worker)
    return Reply([])


async def log(call: Call) -> Reply:
    level = _LEVELS.get(call.parameters.integer("level"), logging.INFO)
    message = call.parameters.text("message")
    logger.log(level, "worker %s: %.*s", _worker(call).id, LOG_CHARACTERS, message)
    return Reply([])


async def users(call: Call) -> Reply:
    return Reply(call.api.accounts.ids)


def _worker(call: Call) -> Worker:
    assert call.caller.worker is not None, "the route is for workers"
    return call.caller.worker
