"""What is done to the database now and then while the server runs: old things are forgotten, new
ones made ready for searches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from graphmill.errors import StoreError
from graphmill.storage.prune import Pruned

INTERVAL_SECONDS: Final = 600.0
INDEX_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


async def prune_regularly(
    prune: Callable[[], Awaitable[Pruned]], *, every_seconds: float = INTERVAL_SECONDS
) -> None:
    """Until cancelled; the first time after one interval, when the start is long over."""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            pruned = await prune()
        except StoreError as error:
            logger.error("nothing old could be deleted for now: %s", error.for_operator())
        else:
            if pruned != Pruned():
                logger.info("deleted %s", pruned)


async def index_regularly(
    index: Callable[[], Awaitable[None]], *, every_seconds: float = INDEX_SECONDS
) -> None:
    """Until cancelled: make new runs ready for searches by keyword."""
    while True:
        try:
            await index()
        except StoreError as error:
            logger.error("searches stay slow for now: %s", error.for_operator())
        await asyncio.sleep(every_seconds)


async def clear_up(clear: Callable[[], Awaitable[int]]) -> None:
    """Once, when the server has started: what a crash of the one before left of files."""
    try:
        count = await clear()
    except StoreError as error:
        logger.error(
            "what a crash left of files could not be deleted for now: %s", error.for_operator()
        )
    else:
        if count:
            logger.warning("deleted what a crash left of %d files", count)
