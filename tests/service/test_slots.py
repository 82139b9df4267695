"""Ceilings for each app and for all together."""

import asyncio

from graphmill.service.runs.slots import Slots


def test_there_is_no_ceiling_unless_one_is_set() -> None:
    slots = Slots()
    assert {0} == {slots.take("a") for _ in range(1000)}


def test_each_app_has_its_own_ceiling() -> None:
    slots = Slots(per_app=2)
    assert [0, 0, 2] == [slots.take("a") for _ in range(3)]
    assert 0 == slots.take("b")


def test_all_apps_share_one_ceiling() -> None:
    slots = Slots(total=2, per_app=5)
    assert [0, 0, 2] == [slots.take(app) for app in "abc"]


def test_freed_slot_can_be_taken_again() -> None:
    slots = Slots(total=1)
    slots.take("a")
    slots.free("a")
    assert [0, 1] == [slots.take("b"), slots.take("a")]


async def test_who_waits_hears_of_each_slot_that_is_freed() -> None:
    slots = Slots(total=1)
    slots.take("a")
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(slots.freed()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting.pop().cancel()
        assert not waiting[0].done()
        slots.free("a")
    assert 0 == slots.take("b")
