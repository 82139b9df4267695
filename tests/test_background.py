"""Tasks without a group."""

import asyncio
import gc

import pytest

from graphmill.background import Background


async def test_task_is_named_and_survives_the_garbage_collector() -> None:
    background, released = Background(), asyncio.Event()

    async def work() -> None:
        await released.wait()

    name = background.start(work(), name="reload").get_name()
    gc.collect()
    assert name in {task.get_name() for task in asyncio.all_tasks()}
    released.set()
    await background.wait(seconds=1)
    assert name not in {task.get_name() for task in asyncio.all_tasks()}


async def test_error_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("broken")

    background = Background()
    background.start(work(), name="reload")
    await background.wait(seconds=1)
    await asyncio.sleep(0)
    [record] = caplog.records
    assert ("reload ended with an error", True) == (
        record.getMessage(),
        "ValueError: broken" in caplog.text,
    )


async def test_waiting_is_limited_and_cancel_ends_the_rest() -> None:
    background = Background()
    task = background.start(asyncio.sleep(10), name="long")
    await background.wait(seconds=0.01)
    assert not task.done()
    await background.cancel()
    assert task.cancelled()


async def test_without_tasks_there_is_nothing_to_wait_for() -> None:
    await Background().wait(seconds=10)
    await Background().cancel()
