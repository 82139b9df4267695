"""Forgets what is old, now and then, while the server runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from graphmill.errors import StoreError
from graphmill.storage.prune import Pruned

INTERVAL_SECONDS: Final = 600.0

logger = logging.getLogger(__name__)


async def prune_regularly(
    prune: Callable[[], Awaitable[Pruned]], *, every_seconds: float = INTERVAL_SECONDS
) -> None:
    """Until cancelled; the first time after one interval, when the start is long over."""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            pruned = await prune()
        except StoreError:
            logger.exception("old runs and files could not be deleted; the next attempt will come")
        else:
            if pruned != Pruned(0, 0, 0):
                logger.info(
                    "deleted %d old runs, %d rows of events, %d files and %d tasks",
                    pruned.runs,
                    pruned.events,
                    pruned.files,
                    pruned.tasks,
                )
