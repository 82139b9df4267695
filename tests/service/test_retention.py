"""Regular deletion of what is old."""

import asyncio

import pytest

from graphmill.errors import StoreUnreachable
from graphmill.service.retention import clear_up, prune_regularly
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
    assert messages[0].startswith("nothing old could be deleted for now: locked. See whether")
    assert messages[1].startswith("deleted 1 runs, 0 rows of events, ")


@pytest.mark.parametrize("fault", [None, StoreUnreachable("away")], ids=["done", "failed"])
async def test_what_a_crash_left_is_told(
    caplog: pytest.LogCaptureFixture, fault: StoreUnreachable | None
) -> None:
    async def clear() -> int:
        if fault is not None:
            raise fault
        return 2

    await clear_up(clear)
    [record] = caplog.records
    told = "deleted what a crash left of 2 files" if fault is None else "could not be deleted"
    assert told in record.getMessage()
