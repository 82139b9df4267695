"""End users: made when they are first named, one in each app."""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from graphmill.ids import app_id_of, end_user_id_of
from graphmill.storage.database import Database
from graphmill.storage.end_users import EndUser, EndUserStore
from tests.storage.records import APP


@pytest.fixture
def ticks() -> Iterator[int]:
    return count(1)


async def test_a_new_user_is_stored(database: Database, ticks: Iterator[int]) -> None:
    user = await EndUserStore(database, clock=ticks.__next__).ensure(APP, "ann")
    assert EndUser(end_user_id_of(APP, "ann"), APP, "ann", 1) == user
    assert user == await EndUserStore(database).get(APP, user.id)


async def test_a_known_user_stays_as_they_are(database: Database, ticks: Iterator[int]) -> None:
    store = EndUserStore(database, clock=ticks.__next__)
    first = await store.ensure(APP, "ann")
    assert first == await store.ensure(APP, "ann")
    assert first == await EndUserStore(database, clock=ticks.__next__).ensure(APP, "ann")


async def test_the_same_name_in_another_app_is_another_user(database: Database) -> None:
    store, other_app = EndUserStore(database), app_id_of("other")
    here, there = await store.ensure(APP, "ann"), await store.ensure(other_app, "ann")
    assert here.id != there.id
    assert await store.get(other_app, here.id) is None


async def test_one_user_may_come_many_times_at_once(database: Database) -> None:
    store = EndUserStore(database)
    users = await asyncio.gather(*(store.ensure(APP, "ann") for _ in range(20)))
    assert {end_user_id_of(APP, "ann")} == {user.id for user in users}


@pytest.mark.parametrize("name", ["x" * 255, "O'Hara; --", "中文", "half \ud800", "\x00"])
async def test_any_text_is_a_name(database: Database, name: str) -> None:
    user = await EndUserStore(database).ensure(APP, name)
    assert user == await EndUserStore(database).get(APP, user.id)


async def test_few_users_are_remembered_and_none_forgotten(
    database: Database, ticks: Iterator[int]
) -> None:
    store = EndUserStore(database, clock=ticks.__next__, remembered=2)
    before = [await store.ensure(APP, name) for name in "abcd"]
    assert before == [await store.ensure(APP, name) for name in "abcd"]
