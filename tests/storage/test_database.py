"""Statements in, rows out; and what is wrong with a database file, said in words."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, insert, select

from graphmill.errors import ConfigInvalid, StoreDenied, StoreError
from graphmill.storage.database import FILE_NAME, Database, open_database
from graphmill.storage.tables import apps

ADD = insert(apps)
NAMES = select(apps.c.name).order_by(apps.c.name)
BY_NAME = select(apps.c.id).where(func.lower(apps.c.name) == bindparam("name"))


async def add(database: Database, name: str) -> None:
    await database.write(ADD, id=name, slug=name, name=name, mode="workflow")


async def test_what_is_written_can_be_read(database: Database) -> None:
    await add(database, "one")
    assert [("one",)] == await database.fetch_all(NAMES)
    assert ("one",) == await database.fetch_one(NAMES)


async def test_nothing_found_is_none(database: Database) -> None:
    assert await database.fetch_one(NAMES) is None


async def test_a_constant_of_a_statement_needs_no_parameter(database: Database) -> None:
    await add(database, "one")
    assert [("one",)] == await database.fetch_all(NAMES.where(apps.c.mode == "workflow"))


async def test_all_languages_have_lower_case(database: Database) -> None:
    await add(database, "ÄRGER")
    assert [("ÄRGER",)] == await database.fetch_all(BY_NAME, name="ärger")


async def test_several_writes_are_all_or_nothing(database: Database) -> None:
    values = {"id": "one", "slug": "one", "name": "one", "mode": "workflow"}
    with pytest.raises(StoreError, match="UNIQUE"):
        await database.write_all([(ADD, values), (ADD, values)])
    assert [] == await database.fetch_all(NAMES)


async def test_a_query_that_cannot_be_run_is_a_store_error(database: Database) -> None:
    with pytest.raises(StoreError, match="surrogates"):
        await database.fetch_all(BY_NAME, name="\ud800")


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StoreDenied):
        await database.fetch_all(ADD, id="x", slug="x", name="x", mode="x")


async def test_queries_run_beside_one_another(database: Database) -> None:
    await add(database, "one")
    async with asyncio.TaskGroup() as tasks:
        queries = [tasks.create_task(database.fetch_all(NAMES)) for _ in range(30)]
    assert [[("one",)]] * 30 == [query.result() for query in queries]


async def test_a_cancelled_query_leaves_its_connection_usable(database: Database) -> None:
    for _ in range(10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await database.fetch_all(NAMES)
    assert [] == await database.fetch_all(NAMES)


async def test_what_was_written_is_there_after_closing(tmp_path: Path) -> None:
    async with open_database(None, tmp_path) as database:
        await add(database, "one")
    assert [FILE_NAME] == [path.name for path in tmp_path.iterdir()]
    async with open_database(None, tmp_path) as database:
        assert [("one",)] == await database.fetch_all(NAMES)


async def test_other_databases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="database_url"):
        async with open_database("postgresql://host/name", tmp_path):
            pass


async def test_a_file_that_is_no_database_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"This is a text, which is longer than a header." * 100)
    with pytest.raises(StoreError, match="is no SQLite database"):
        async with open_database(None, tmp_path):
            pass


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands where the folder should be")
    with pytest.raises(StoreDenied, match="data"):
        async with open_database(None, tmp_path / "data"):
            pass


async def test_others_cannot_look_into_the_folder(tmp_path: Path) -> None:
    async with open_database(None, tmp_path / "data"):
        assert 0o700 == (tmp_path / "data").stat().st_mode & 0o777


async def test_a_reader_of_another_process_does_not_hold_up_writes(
    database: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "data" / FILE_NAME, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM apps").fetchall()
    await add(database, "one")
    assert [] == other.execute("SELECT * FROM apps").fetchall()
    other.close()
