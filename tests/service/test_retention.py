"""Regular deletion of what is old."""

import asyncio

import pytest

from graphmill.errors import StoreUnreachable
from graphmill.service.retention import prune_regularly
from graphmill.storage.prune import Pruned


async def test_failed_attempt_is_followed_by_another(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    attempts = 0
    done = asyncio.Event()

    async def prune() -> Pruned:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise StoreUnreachable("locked")
        if attempts == 3:
            done.set()
        return Pruned(runs=attempts - 2, events=0, files=0)

    async with asyncio.TaskGroup() as tasks:
        pruning = tasks.create_task(prune_regularly(prune, every_seconds=0.001))
        await done.wait()
        await asyncio.sleep(0)
        pruning.cancel()
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("old runs and files could not be deleted")
    assert "deleted 1 old runs, 0 rows of events, 0 files and 0 tasks" == messages[1]
