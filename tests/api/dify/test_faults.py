"""The API while its storage fails, for real: what callers and operators are told, that nothing is
half-written, and that all is well once the cause is gone."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    closing,
    contextmanager,
    suppress,
)
from pathlib import Path

import httpx
import pytest

from graphmill.engine.driver import UNRECORDED
from graphmill.server import create_app
from graphmill.storage import sqlite
from graphmill.storage.database import FILE_NAME
from graphmill.wiring.server import build
from tests.api.dify.client import Api, error_of, settings

UNREACHABLE = (503, "s3_connection_failed")
FULL = (503, "s3_file_too_large")
INPUTS = {"name": "Ann"}

Fault = Callable[[Path], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of four megabytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts a disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[Api]:
    async with build(settings(data_dir)) as services:
        transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
            yield Api(http)


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Another program holds the database."""
    with closing(sqlite3.connect(data_dir / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(data_dir: Path) -> Iterator[None]:
    """There is no room on the disk."""
    filler = data_dir / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@contextmanager
def without_files(data_dir: Path) -> Iterator[None]:
    """The folder of the files is gone, as when its disk is not mounted."""
    files, aside = data_dir / "files", data_dir / "aside"
    files.rename(aside)
    files.touch()
    yield
    files.unlink()
    aside.rename(files)


async def statuses(api: Api) -> set[str]:
    """Of all runs."""
    log = (await api.get("/workflows/logs")).json()
    return {entry["workflow_run"]["status"] for entry in log["data"]}


@pytest.mark.parametrize(
    ("fault", "answer", "advice"),
    [
        (locked, UNREACHABLE, "See whether it works, and whether another program holds"),
        (full, FULL, "Make room, or keep less (`retention` in config.yaml"),
    ],
    ids=["locked", "full"],
)
async def test_database_that_takes_nothing_is_told(
    disk: Path,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    answer: tuple[int, str],
    advice: str,
) -> None:
    async with serving(disk) as api:
        first = await api.run(INPUTS)
        caplog.clear()
        with fault(disk):
            refused = [await api.upload(), await api.run(INPUTS, response_mode="async")]
            blocking = (await api.run(INPUTS)).json()["data"]
            streamed = await api.events(INPUTS)
            read = await api.get(f"/workflows/run/{first.json()['workflow_run_id']}")
        assert [answer, answer] == [error_of(each) for each in refused]
        assert all(str(disk) not in each.text for each in refused)
        assert ("failed", UNRECORDED) == (blocking["status"], blocking["error"])
        assert [("error", 500)] == [(event["event"], event["status"]) for event in streamed]
        assert "succeeded" == read.json()["status"]
        warned = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert warned
        assert [] == [message for message in warned if advice not in message]
        # The cause is gone.
        assert "succeeded" == (await api.run(INPUTS)).json()["data"]["status"]
        assert 201 == (await api.upload()).status_code
    async with serving(disk) as api:
        assert await statuses(api) <= {"succeeded", "failed"}


async def test_file_store_that_is_gone_refuses_files_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as api:
        await api.upload()
        with without_files(tmp_path):
            refused = await api.upload()
            assert "succeeded" == (await api.run(INPUTS)).json()["data"]["status"]
        assert UNREACHABLE == error_of(refused)
        assert str(tmp_path) not in refused.text
        assert "See whether it works" in caplog.text
        assert 201 == (await api.upload()).status_code
    files = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert 2 == len(files)


async def test_damaged_database_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path) as api:
        for _ in range(20):
            await api.run(INPUTS)
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path = tmp_path / FILE_NAME
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 4)
            file.write(b"\xff" * (path.stat().st_size // 2))
        response = await api.get("/workflows/logs", params={"keyword": "Ann"})
    assert (500, "internal_server_error") == error_of(response)
    assert str(tmp_path) not in response.text
    assert "restore it from a backup" in caplog.text
