"""`kill -9` in the middle of writing: whatever was told to be committed is there."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from graphmill.engine.events import RunStatus
from graphmill.storage.database import FILE_NAME, open_database
from graphmill.storage.journal import SqlJournal
from graphmill.storage.runs import LogQuery, RunStore
from tests.storage.records import APP, lose_orders

WRITER = Path(__file__).with_name("endless_writer.py")
RUNS = 60
"""Runs that end before the blow falls."""


def write_until_killed(data_dir: Path) -> set[str]:
    """The ids of runs that a process had committed when it was killed."""
    command = [sys.executable, str(WRITER), str(data_dir)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(RUNS)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    assert -signal.SIGKILL == process.returncode
    return {line.strip() for line in told if line.endswith("\n")}


async def test_committed_runs_survive_a_kill(tmp_path: Path) -> None:
    told = write_until_killed(tmp_path)
    assert RUNS <= len(told)
    async with open_database(None, tmp_path) as database:
        store, journal = RunStore(database), SqlJournal(database)
        for run_id in told:
            run = await store.get(APP, run_id)
            assert run is not None
            assert RunStatus.SUCCEEDED is run.status
            assert 6 == len(await journal.history(run_id))
        await lose_orders(database)
        await store.fail_interrupted("Interrupted.")
        running = await store.page(APP, LogQuery(status=RunStatus.RUNNING))
        assert 0 == running.total


async def test_the_file_is_sound_after_a_kill(tmp_path: Path) -> None:
    write_until_killed(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()


async def test_no_run_is_half_written(tmp_path: Path) -> None:
    """A run that was under way has a beginning, and its events count up without a gap."""
    write_until_killed(tmp_path)
    async with open_database(None, tmp_path) as database:
        journal = SqlJournal(database)
        page = await RunStore(database).page(APP, LogQuery(limit=10_000))
        for entry in page.entries:
            numbers = [number for number, _ in await journal.history(entry.run.id)]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
