"""Disks and files that fail, for real: what is told, and that nothing is half-written."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from graphmill.engine.events import RunStatus
from graphmill.errors import StoreDenied, StoreError, StoreFull, StoreUnreachable
from graphmill.files.local import LocalFiles
from graphmill.storage import sqlite
from graphmill.storage.database import FILE_NAME, Database, open_database
from graphmill.storage.runs import RunStore
from graphmill.storage.tables import runs
from tests.files.streams import pieces
from tests.storage.records import APP, lose_orders, record_run

MIB = 1024 * 1024

can_mount = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a disk"
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def ids(database: Database) -> set[str]:
    return {run_id for (run_id,) in await database.fetch_all(select(runs.c.id))}


async def record_until_full(database: Database) -> set[str]:
    """The runs that were told to be stored."""
    stored = set()
    for _ in range(1000):
        try:
            stored.add((await record_run(database, inputs={"text": "x" * 20_000})).id)
        except StoreFull:
            return stored
    raise AssertionError("there is room for everything")


@can_mount
async def test_a_full_disk_takes_whole_runs_or_none(disk: Path) -> None:
    async with open_database(None, disk) as database:
        stored = await record_until_full(database)
        assert stored == await ids(database)
        with pytest.raises(StoreFull):
            await LocalFiles(disk / "files").write("key", pieces(bytes(4 * MIB)))
        assert [] == list((disk / "files").iterdir())
    async with open_database(None, disk) as database:
        assert stored == await ids(database)


async def test_a_database_that_may_not_be_written_can_still_be_read(database: Database) -> None:
    run = await record_run(database)
    await database.submit(lambda: [("PRAGMA query_only = ON", ())])
    with pytest.raises(StoreDenied, match="may not be written"):
        await record_run(database)
    assert {run.id} == await ids(database)


@can_mount
async def test_a_start_on_a_disk_that_cannot_be_written_is_told(disk: Path) -> None:
    async with open_database(None, disk):
        await LocalFiles(disk / "files").write("key", pieces(b"x"))
    remount_read_only(disk)
    with pytest.raises(StoreDenied, match="database file"):
        async with open_database(None, disk):
            pass
    with pytest.raises(StoreDenied, match="Read-only"):
        await LocalFiles(disk / "files").write("other", pieces(b"x"))
    assert 1 == await LocalFiles(disk / "files").size("key")


def remount_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@contextmanager
def held_by_another(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def test_a_locked_database_refuses_writes_only(database: Database, tmp_path: Path) -> None:
    run = await record_run(database)
    with held_by_another(tmp_path / "data" / FILE_NAME):
        with pytest.raises(StoreUnreachable, match="locked by another process"):
            await record_run(database)
        assert run.id == (await RunStore(database).get(APP, run.id) or run).id
    later = await record_run(database)
    assert {run.id, later.id} == await ids(database)


async def test_a_start_with_a_locked_database_is_told(tmp_path: Path) -> None:
    async with open_database(None, tmp_path) as database:
        await record_run(database, status=RunStatus.RUNNING)
        await lose_orders(database)
    async with open_database(None, tmp_path) as database:
        with held_by_another(tmp_path / FILE_NAME), pytest.raises(StoreUnreachable):
            await RunStore(database).fail_interrupted("Interrupted.")
        assert 1 == await RunStore(database).fail_interrupted("Interrupted.")


def damage(path: Path) -> None:
    """Overwrite all pages but the first ones."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))


async def record_many(folder: Path) -> None:
    async with open_database(None, folder) as database:
        for _ in range(50):
            await record_run(database, inputs={"text": "x" * 5_000})


async def test_damage_while_the_server_runs_is_told(tmp_path: Path) -> None:
    await record_many(tmp_path)
    async with open_database(None, tmp_path) as database:
        damage(tmp_path / FILE_NAME)
        with pytest.raises(StoreError, match="is damaged; restore it from a backup") as found:
            await database.fetch_all(select(runs.c.id, runs.c.inputs))
    assert type(found.value) is StoreError
    assert "graphmill doctor" in found.value.for_operator()


async def test_damage_before_the_start_is_told(tmp_path: Path) -> None:
    await record_many(tmp_path)
    damage(tmp_path / FILE_NAME)
    with pytest.raises(StoreError, match="is damaged; restore it from a backup"):
        async with open_database(None, tmp_path) as database:
            await database.fetch_all(select(runs.c.id, runs.c.inputs))


async def test_a_fault_of_the_file_store_tells_the_operator_more(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file stands where the folder should be")
    with pytest.raises(StoreUnreachable) as found:
        await LocalFiles(tmp_path / "files").write("key", pieces(b"x"))
    assert str(tmp_path) not in str(found.value)
    assert str(tmp_path) in found.value.for_operator()
