"""Retention: what is old goes, with all that belongs to it, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from graphmill.config.apps import LogLevel
from graphmill.config.retention import RetentionSettings
from graphmill.engine.events import RunStatus, TextChunk
from graphmill.engine.run import RequestKey
from graphmill.errors import FileNotFound
from graphmill.files.local import LocalFiles
from graphmill.ids import new_id
from graphmill.storage.database import Database
from graphmill.storage.journal import SqlJournal
from graphmill.storage.messages import MessageStore
from graphmill.storage.ocs_tasks import NewTask, TaskApi, TaskStatus, TaskStore
from graphmill.storage.prune import BATCH, DAY, MINUTE, Pruned, Pruner
from graphmill.storage.reports import Report, ReportStore
from graphmill.storage.runs import LogQuery, RunStore
from graphmill.storage.tables import metadata
from graphmill.storage.uploads import NewUpload, UploadKind, UploadStore
from tests.files.streams import pieces
from tests.storage.records import (
    APP,
    CREATED_AT,
    finished,
    lose_orders,
    new_run,
    record,
    record_run,
    started,
)
from tests.storage.test_turns import PHOTO, new_turn, store, user_of

NOTHING = RetentionSettings(runs_days=0, events_minutes=0, files_days=0)


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path / "files")


async def prune(
    database: Database, files: LocalFiles, retention: RetentionSettings, *, now: float
) -> Pruned:
    """Forget what is old; that is as much as was announced."""
    pruner = Pruner(database, files, retention, clock=lambda: now)
    announced = await pruner.count()
    pruned = await pruner.prune()
    assert announced == pruned
    return pruned


async def rows_of(database: Database) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, table in metadata.tables.items():
        [(counts[name],)] = await database.fetch_all(select(func.count()).select_from(table))
    return {name: count for name, count in counts.items() if count}


async def record_story(database: Database, *, created_at: float, **changes: Any) -> str:
    """A run with a row in every table of events."""
    run = new_run(created_at=created_at, **changes)
    await record(database, run, [started(run), TextChunk(("n", "text"), "Hello"), finished()])
    return run.id


async def test_old_runs_go_with_their_events(database: Database, files: LocalFiles) -> None:
    await record_story(database, created_at=CREATED_AT)
    young = await record_story(database, created_at=CREATED_AT + DAY)
    retention = RetentionSettings(runs_days=30, events_minutes=0, files_days=0)
    now = CREATED_AT + 30 * DAY + 1
    assert Pruned(1, 0, 0) == await prune(database, files, retention, now=now)
    assert {"runs": 1, "journal": 1} == await rows_of(database)
    assert 3 == len(await SqlJournal(database).history(young))


async def test_old_runs_go_with_their_keys_and_reports(
    database: Database, files: LocalFiles
) -> None:
    run = new_run(request_key=RequestKey("key", "fingerprint"), is_reported=True)
    await record(database, run, [started(run), finished()])
    assert {"runs": 1, "request_keys": 1, "reports": 1} == await rows_of(database)
    await prune(database, files, RetentionSettings(), now=CREATED_AT + 31 * DAY)
    assert {} == await rows_of(database)


async def test_a_run_that_is_not_reported_yet_keeps_everything(
    database: Database, files: LocalFiles
) -> None:
    run = new_run(log_level=LogLevel.NONE, is_reported=True)
    await record(database, run, [started(run), finished()])
    await prune(database, files, RetentionSettings(), now=CREATED_AT + 2 * DAY)
    assert {"runs": 1, "brief_runs": 1, "reports": 1} == await rows_of(database)
    await ReportStore(database).drop(Report(run.id, 0))
    await prune(database, files, RetentionSettings(), now=CREATED_AT + 2 * DAY)
    assert {} == await rows_of(database)


async def test_many_runs_go_in_batches(database: Database, files: LocalFiles) -> None:
    for _ in range(BATCH + 1):
        await record_run(database)
    pruned = await prune(database, files, RetentionSettings(), now=CREATED_AT + 31 * DAY)
    assert BATCH + 1 == pruned.runs
    assert {} == await rows_of(database)


async def test_a_run_that_goes_on_stays(database: Database, files: LocalFiles) -> None:
    run = new_run()
    await record(database, run, [started(run), TextChunk(("n", "text"), "Hello")])
    retention = RetentionSettings(runs_days=1, events_minutes=1)
    now = CREATED_AT + 100 * DAY
    assert Pruned(0, 0, 0) == await prune(database, files, retention, now=now)
    assert 2 == len(await SqlJournal(database).history(run.id))


async def test_old_events_go_and_the_run_stays(database: Database, files: LocalFiles) -> None:
    old = await record_story(database, created_at=CREATED_AT)
    young = await record_story(database, created_at=CREATED_AT + 2)
    now = CREATED_AT + 60 * MINUTE + 1
    assert Pruned(0, 1, 0) == await prune(database, files, RetentionSettings(), now=now)
    history = SqlJournal(database).history
    assert [2, 3] == [len(await history(run_id)) for run_id in (old, young)]
    assert 2 == (await RunStore(database).page(APP, LogQuery())).total


async def test_zero_keeps_for_ever(database: Database, files: LocalFiles) -> None:
    await record_story(database, created_at=CREATED_AT)
    await add_file(database, files, created_at=CREATED_AT)
    now = CREATED_AT + 10_000 * DAY
    assert Pruned(0, 0, 0) == await prune(database, files, NOTHING, now=now)
    assert {"runs": 1, "journal": 1, "uploads": 1} == await rows_of(database)


def new_upload(*, created_at: float) -> NewUpload:
    return NewUpload(
        new_id(), APP, "user", UploadKind.UPLOAD, "a.txt", "txt", "text/plain", 7, "", new_id(),
        created_at,
    )  # fmt: skip


async def add_file(database: Database, files: LocalFiles, *, created_at: float) -> NewUpload:
    upload = new_upload(created_at=created_at)
    await files.write(upload.key, pieces(b"content"))
    await UploadStore(database).add(upload)
    return upload


async def is_stored(files: LocalFiles, upload: NewUpload) -> bool:
    try:
        return [b"content"] == [chunk async for chunk in files.open(upload.key)]
    except FileNotFound:
        return False


async def test_old_files_go_with_their_bytes(database: Database, files: LocalFiles) -> None:
    old = await add_file(database, files, created_at=CREATED_AT)
    young = await add_file(database, files, created_at=CREATED_AT + DAY)
    now = CREATED_AT + 30 * DAY + 1
    assert Pruned(0, 0, 1) == await prune(database, files, RetentionSettings(), now=now)
    store = UploadStore(database)
    assert [False, True] == [await store.get(upload.id) is not None for upload in (old, young)]
    assert [False, True] == [await is_stored(files, upload) for upload in (old, young)]


async def test_a_file_whose_bytes_are_gone_is_no_obstacle(
    database: Database, files: LocalFiles
) -> None:
    upload = await add_file(database, files, created_at=CREATED_AT)
    await files.delete(upload.key)
    now = CREATED_AT + 31 * DAY
    assert Pruned(0, 0, 1) == await prune(database, files, RetentionSettings(), now=now)


async def test_interrupted_runs_can_be_pruned(database: Database, files: LocalFiles) -> None:
    await record_run(database, status=RunStatus.RUNNING)
    await lose_orders(database)
    await RunStore(database).fail_interrupted("Interrupted.")
    await prune(database, files, RetentionSettings(), now=CREATED_AT + 31 * DAY)
    assert {} == await rows_of(database)


# --- files of processes that died ------------------------------------------------------------


async def die_while_storing(database: Database, folder: Path, *, whole: bool) -> None:
    """What is there when the power goes before an upload is complete."""
    key = new_id()
    await UploadStore(database).announce(key, at=CREATED_AT)
    await LocalFiles(folder).write(key, pieces(b"content"))
    if not whole:
        (folder / key).rename(folder / f".{key}.part")


@pytest.mark.parametrize("whole", [True, False], ids=["all bytes", "some bytes"])
async def test_what_a_crash_left_is_cleared_up(
    database: Database, files: LocalFiles, tmp_path: Path, whole: bool
) -> None:
    await die_while_storing(database, tmp_path / "files", whole=whole)
    pruner = Pruner(database, files, NOTHING, clock=lambda: CREATED_AT + 1)
    assert Pruned() == await pruner.prune(), "it may be going on"
    assert 1 == await pruner.clear_up(await pruner.left_behind())
    assert ({}, []) == (await rows_of(database), list((tmp_path / "files").iterdir()))


async def test_what_a_crash_left_long_ago_is_pruned(
    database: Database, files: LocalFiles, tmp_path: Path
) -> None:
    await die_while_storing(database, tmp_path / "files", whole=True)
    now = CREATED_AT + DAY + 1
    assert Pruned(unfinished=1) == await prune(database, files, NOTHING, now=now)
    assert ({}, []) == (await rows_of(database), list((tmp_path / "files").iterdir()))


async def test_a_stored_file_is_not_cleared_up(database: Database, files: LocalFiles) -> None:
    upload = new_upload(created_at=CREATED_AT)
    store = UploadStore(database)
    await store.announce(upload.key, at=CREATED_AT)
    await files.write(upload.key, pieces(b"content"))
    await store.add(upload)
    assert [] == await Pruner(database, files, NOTHING).left_behind()


async def test_a_file_that_is_stored_meanwhile_is_not_cleared_up(
    database: Database, files: LocalFiles, tmp_path: Path
) -> None:
    """By a run of an earlier process that goes on at once."""
    await die_while_storing(database, tmp_path / "files", whole=True)
    pruner = Pruner(database, files, NOTHING)
    left = await pruner.left_behind()
    upload, store = new_upload(created_at=CREATED_AT), UploadStore(database)
    await store.announce(upload.key, at=CREATED_AT)
    await files.write(upload.key, pieces(b"content"))
    assert 1 == await pruner.clear_up(left)
    await store.add(upload)
    assert await is_stored(files, upload)


# --- log levels ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "status", "rows", "inputs"),
    [
        (LogLevel.FULL, RunStatus.SUCCEEDED, {"runs": 1}, {"q": "x"}),
        (LogLevel.SUMMARY, RunStatus.FAILED, {"runs": 1}, {}),
        (LogLevel.ERRORS, RunStatus.SUCCEEDED, {}, None),
        (LogLevel.ERRORS, RunStatus.FAILED, {"runs": 1}, {"q": "x"}),
        (LogLevel.ERRORS, RunStatus.STOPPED, {"runs": 1}, {"q": "x"}),
        (LogLevel.NONE, RunStatus.FAILED, {}, None),
    ],
)
async def test_a_log_level_says_what_stays_of_a_run(
    database: Database,
    files: LocalFiles,
    level: LogLevel,
    status: RunStatus,
    rows: dict[str, int],
    inputs: dict[str, str] | None,
) -> None:
    run = new_run(log_level=level, inputs={"q": "x"})
    await record(database, run, [started(run), finished(status, outputs={"a": "b"})])
    runs = RunStore(database)
    retention = RetentionSettings(runs_days=30, events_minutes=60)

    await prune(database, files, retention, now=CREATED_AT + 59 * MINUTE)
    young = await runs.get(APP, run.id)
    assert young is not None
    assert {"q": "x"} == young.inputs

    await prune(database, files, retention, now=CREATED_AT + 61 * MINUTE)
    old = await runs.get(APP, run.id)
    assert inputs == (None if old is None else old.inputs)
    assert rows == await rows_of(database)


async def test_a_run_that_goes_on_keeps_everything(database: Database, files: LocalFiles) -> None:
    run = new_run(log_level=LogLevel.NONE)
    await record(database, run, [started(run), TextChunk(("n", "text"), "Hello")])
    await prune(database, files, RetentionSettings(), now=CREATED_AT + 2 * DAY)
    kept = {"runs": 1, "orders": 1, "journal": 1, "brief_runs": 1}
    assert kept == await rows_of(database)


async def test_ended_tasks_go_with_the_files_that_were_made_for_them(
    database: Database, files: LocalFiles
) -> None:
    uploads, tasks = UploadStore(database), TaskStore(database)
    made, sent = [
        await uploads.add(
            NewUpload(new_id(), APP, "u", kind, "a", "", "text/plain", 1, "", key, CREATED_AT)
        )
        for kind, key in ((UploadKind.TOOL, "aa/made"), (UploadKind.UPLOAD, "aa/sent"))
    ]
    for upload in (made, sent):
        await files.write(upload.key, pieces(b"x"))
    order = NewTask(TaskApi.TASK, "a:b", "alice", "test", "", CREATED_AT, 1, {"input": sent.number})
    old, waiting, kept = [await tasks.add(order) for _ in range(3)]
    unfinished = (TaskStatus.SCHEDULED,)
    ended = {"status": TaskStatus.SUCCESSFUL, "last_updated": CREATED_AT}
    await tasks.change(old, unfinished, files=(made.number,), **ended)
    await tasks.change(kept, unfinished, allow_cleanup=False, **ended)
    pruner = Pruner(database, files, NOTHING, tasks_days=30, clock=lambda: CREATED_AT + 31 * DAY)
    assert 1 == (await pruner.prune()).tasks
    assert [None, waiting.id] == [
        None if task is None else task.id
        for task in (await tasks.get(old.id), await tasks.get(waiting.id))
    ]
    assert await tasks.get(kept.id) is not None
    assert await uploads.get(made.id) is None
    assert await uploads.get(sent.id) is not None
    with pytest.raises(FileNotFound):
        await anext(files.open(made.key))


async def test_conversations_go_some_time_after_their_last_turn(
    database: Database, files: LocalFiles
) -> None:
    old, kept = new_turn(files=[PHOTO]), new_turn(at=CREATED_AT + DAY)
    for run in (old, kept):
        await store(database, run, [started(run), finished()])
    message = await MessageStore(database).find_by_run(old.id)
    assert message is not None
    await MessageStore(database).rate(user_of(old), message, "like", None)
    retention = RetentionSettings(runs_days=0, events_minutes=0, conversations_days=90)
    now = CREATED_AT + 90 * DAY + 1
    assert Pruned(conversations=1) == await prune(database, files, retention, now=now)
    rows = await rows_of(database)
    assert {"conversations": 1, "messages": 1, "conversation_variables": 2} == {
        name: count for name, count in rows.items() if name.startswith(("conv", "message"))
    }
