"""The journal: what is posted can be read again, whatever the commits in between."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from graphmill.engine.events import (
    Event,
    Execution,
    NodeFinished,
    NodeStarted,
    NodeStatus,
    RunStatus,
    TextChunk,
)
from graphmill.engine.fanout import EPOCH_SHIFT, Feed
from graphmill.errors import StoreError, StoreUnreachable
from graphmill.ports.runs import NumberedEvent
from graphmill.storage import journal as journals
from graphmill.storage.database import Database, open_database
from graphmill.storage.journal import SqlJournal
from graphmill.storage.runs import RunStore
from graphmill.storage.sqlite import connect_writer
from graphmill.storage.tables import journal as journal_table
from graphmill.storage.tables import node_executions, runs
from graphmill.storage.writer import Writer
from tests.storage.histories import histories
from tests.storage.records import APP, CREATED_AT, finished, new_run, record, started

FIRST = (1 << EPOCH_SHIFT) + 1
"""The number of a run's first event."""


def executed(number: int = 1) -> tuple[NodeStarted, NodeFinished]:
    """A node that starts and succeeds."""
    execution = Execution(f"e{number}", f"n{number}", "code", "Code", number, None, CREATED_AT)
    return NodeStarted(execution), NodeFinished(
        execution, NodeStatus.SUCCEEDED, {}, {}, {"result": 1}, None, None, "", CREATED_AT
    )


async def rows_of(database: Database, table: Any) -> int:
    [(count,)] = await database.fetch_all(select(func.count()).select_from(table))
    return int(count)


async def paged(journal: SqlJournal, run_id: str, after: int) -> list[NumberedEvent]:
    """What is behind that sequence number, page by page."""
    read: list[NumberedEvent] = []
    while page := await journal.page(run_id, after=after):
        read += page
        after = page[-1][0]
    return read


@pytest.mark.parametrize(
    ("page_events", "page_bytes"), [(2, 1), (128, 32 * 1024)], ids=["short-pages", "long-pages"]
)
@settings(max_examples=40, deadline=None)
@given(events=histories(), data=st.data())
def test_history_is_what_was_posted(
    events: list[Event], data: st.DataObject, page_events: int, page_bytes: int
) -> None:
    """In any number of commits, from any event on, at once and page by page."""
    commits = data.draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))
    after = data.draw(st.integers(FIRST - 1, FIRST + len(events)))

    async def check(folder: str) -> None:
        async with open_database(None, Path(folder)) as database:
            journal, run = SqlJournal(database), new_run()
            feed = Feed(run.id)
            journal.open(run, feed)
            for event, is_commit in zip(events, commits, strict=True):
                feed.append(event)
                if is_commit:
                    journal.post(feed)
                    await journal.committed(feed)
            journal.post(feed)
            await journal.committed(feed)
            numbered = list(enumerate(events, FIRST))
            assert numbered == await journal.history(run.id)
            rest = [entry for entry in numbered if entry[0] > after]
            assert rest == await journal.history(run.id, after=after)
            assert rest == await paged(journal, run.id, after)
            assert numbered == [entry async for page in journal.pages(run.id) for entry in page]

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journals, "PAGE_EVENTS", page_events)
        patch.setattr(journals, "PAGE_BYTES", page_bytes)
        asyncio.run(check(folder))


async def test_a_run_within_one_commit_is_one_row_of_each_kind(database: Database) -> None:
    run = new_run()
    chunks = [TextChunk(("end", "answer"), text) for text in ("Hel", "lo")]
    nodes = [event for number in range(1, 4) for event in executed(number)]
    await record(database, run, [started(run), *nodes, *chunks, finished()])
    tables = (runs, node_executions, journal_table)
    assert [1, 1, 1] == [await rows_of(database, table) for table in tables]


async def test_a_run_without_texts_needs_no_journal(database: Database) -> None:
    run = new_run()
    await record(database, run, [started(run), *executed(), finished()])
    assert 0 == await rows_of(database, journal_table)


async def test_posting_is_cheap_and_often(database: Database) -> None:
    """Posts of one turn of the loop are one write."""
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    for event in (started(run), *executed(), finished()):
        feed.append(event)
        journal.post(feed)
    await journal.committed(feed)
    assert 4 == len(await journal.history(run.id))


async def test_text_that_streams_shares_a_commit(database: Database) -> None:
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    feed.append(started(run))
    journal.post(feed)
    await journal.committed(feed)
    for text in "abcd":
        feed.append(TextChunk(("end", "answer"), text))
        journal.post(feed, has_time=True)
        await asyncio.sleep(0.002)
    assert 0 == await rows_of(database, journal_table)
    await journal.committed(feed)
    assert 1 == await rows_of(database, journal_table)
    assert 5 == len(await journal.history(run.id))


async def test_what_is_urgent_takes_along_what_has_time(database: Database) -> None:
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    feed.append(started(run))
    journal.post(feed, has_time=True)
    feed.append(finished())
    journal.post(feed)
    history: list[NumberedEvent] = []
    async with asyncio.timeout(0.3):
        while len(history) < 2:
            history = await journal.history(run.id)


async def test_the_log_learns_what_is_in_the_database(database: Database) -> None:
    feed = await record(database, new_run(), [started(new_run()), *executed()])
    assert 0 == feed.backlog


async def test_committed_waits_for_what_was_posted_and_nothing_else(database: Database) -> None:
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    await journal.committed(feed)
    feed.append(started(run))
    assert [] == await journal.history(run.id)
    journal.post(feed)
    await journal.committed(feed)
    assert [(FIRST, started(run))] == await journal.history(run.id)


async def test_who_stops_waiting_does_not_stop_the_others(database: Database) -> None:
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    feed.append(started(run))
    journal.post(feed)
    async with asyncio.TaskGroup() as tasks:
        impatient = tasks.create_task(journal.committed(feed))
        tasks.create_task(journal.committed(feed))
        await asyncio.sleep(0)
        impatient.cancel()
    assert 1 == len(await journal.history(run.id))


async def test_a_run_is_running_from_its_first_commit_on(database: Database) -> None:
    run = new_run()
    await record(database, run, [started(run)])
    record_of_run = await RunStore(database).get(APP, run.id)
    assert record_of_run is not None
    assert RunStatus.RUNNING is record_of_run.status
    assert record_of_run.finished_at is None


async def test_events_that_could_not_be_written_go_with_the_next_ones(database: Database) -> None:
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    # Somebody else's row with this id stands in the way, for a while.
    blocker = new_run(id=run.id)
    await record(database, blocker, [started(blocker)])
    feed.append(started(run))
    journal.post(feed)
    with pytest.raises(StoreError):
        await journal.committed(feed)
    await database.write(runs.delete())
    for event in (*executed(), finished()):
        feed.append(event)
    journal.post(feed)
    await journal.committed(feed)
    assert 4 == len(await journal.history(run.id))


async def test_the_end_of_a_run_is_tried_again(database: Database) -> None:
    """The driver tells its readers that the run failed, and so does the database then."""
    journal, run = SqlJournal(database, retry_seconds=0.01), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    blocker = new_run(id=run.id)
    await record(database, blocker, [started(blocker)])
    for event in (started(run), *executed(), finished()):
        feed.append(event)
    journal.post(feed)
    with pytest.raises(StoreError):
        await journal.committed(feed)
    feed.amend(finished(RunStatus.FAILED))
    await database.write(runs.delete())
    history: list[NumberedEvent] = []
    while not history:
        history = await journal.history(run.id)
    assert 4 == len(history)
    assert (FIRST + 3, finished(RunStatus.FAILED)) == history[-1]


async def test_a_refused_write_is_no_obstacle_to_the_next(tmp_path: Path) -> None:
    writer = Writer(connect_writer(tmp_path / "file"), backlog=0)
    journal, run = SqlJournal(Database(writer, [])), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    feed.append(started(run))
    for _ in range(2):
        journal.post(feed)
        with pytest.raises(StoreUnreachable, match="wait for the database"):
            await journal.committed(feed)
    assert 1 == feed.backlog
    await writer.close()
    journal.post(feed)
    with pytest.raises(StoreUnreachable, match="closed"):
        await journal.committed(feed)


async def test_what_cannot_be_stored_fails_its_own_run_only(database: Database) -> None:
    good, bad = new_run(), new_run(inputs={"unknown": object()})
    journal = SqlJournal(database)
    feeds = {run.id: Feed(run.id) for run in (good, bad)}
    for run in (good, bad):
        feeds[run.id].append(started(run))
        journal.open(run, feeds[run.id])
        journal.post(feeds[run.id])
    await journal.committed(feeds[good.id])
    with pytest.raises(StoreError, match="object cannot be stored"):
        await journal.committed(feeds[bad.id])


async def test_a_run_that_lacks_a_part_never_looks_whole(database: Database) -> None:
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    feed.append(started(run))
    journal.post(feed)
    await journal.committed(feed)
    start, end = executed()
    end.outputs = {"unknown": object()}
    for events in ((start, end), (finished(),)):
        for event in events:
            feed.append(event)
        journal.post(feed)
        with pytest.raises(StoreError):
            await journal.committed(feed)
    record_of_run = await RunStore(database).get(APP, run.id)
    assert record_of_run is not None
    assert RunStatus.RUNNING is record_of_run.status


async def test_what_comes_after_the_end_of_a_run_is_not_recorded(database: Database) -> None:
    journal, run = SqlJournal(database), new_run()
    feed = Feed(run.id)
    journal.open(run, feed)
    for event in (started(run), finished(), *executed()):
        feed.append(event)
        journal.post(feed)
        await journal.committed(feed)
    assert 2 == len(await journal.history(run.id))


async def test_large_values_come_back_whole(database: Database) -> None:
    text = "ä" * 3_000_000
    run = new_run(inputs={"text": text})
    start, end = executed()
    end.outputs = {"text": text, "numbers": list(range(100_000))}
    await record(database, run, [started(run), start, end, finished(outputs=end.outputs)])
    events = [event for _, event in await SqlJournal(database).history(run.id)]
    assert [started(run), start, end, finished(outputs=end.outputs)] == events


async def test_texts_that_are_no_utf_8_are_spelled(database: Database) -> None:
    run = new_run(user="half \ud83d", inputs={"q": "\ud83d"})
    await record(database, run, [started(run), finished(error="\udc00")])
    record_of_run = await RunStore(database).get(APP, run.id)
    assert record_of_run is not None
    assert "half \\ud83d" == record_of_run.session_id
    assert "\\udc00" == record_of_run.error
    assert {"q": "\ud83d"} == record_of_run.inputs


async def test_a_run_that_is_not_there_has_no_history(database: Database) -> None:
    assert [] == await SqlJournal(database).history("nothing")
