"""Searches by keyword give the same answers with the index as without."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from graphmill.config.retention import RetentionSettings
from graphmill.engine.events import RunStatus
from graphmill.engine.fanout import Feed
from graphmill.files.local import LocalFiles
from graphmill.ids import app_id_of
from graphmill.storage import runs as run_store
from graphmill.storage.database import FILE_NAME, Database
from graphmill.storage.journal import SqlJournal
from graphmill.storage.prune import DAY, Pruner
from graphmill.storage.runs import LogQuery, RunStore
from graphmill.storage.search import BATCH, SEARCHED_CHARACTERS, match_of
from graphmill.storage.sqlite import connect_reader
from tests.storage.records import APP, CREATED_AT, finished, new_run, record_run, started

INDEXED = sql("SELECT count(*) FROM runs_search_docsize")
TEXTS = ["Plain words", 'say "hi" \\ there', "ÄRGER in Köln", "日本語の文", "100% sure_ly", "ab"]
KEYWORDS = [
    "plain", "WORDS", "in w", 'y "h', "\\ t", "ärger", "KÖLN", "日本語", "語の文", "本", "0% s",
    "_ly", "ab", "b", "ann", "nothing", "xyz", '"', "say", "a" * 40,
    "\0\0\0", "say\0", "\0 words",
]  # fmt: skip


async def found(database: Database, keyword: str, app_id: str = APP) -> tuple[set[str], int]:
    page = await RunStore(database).page(app_id, LogQuery(keyword=keyword))
    return {entry.run.id for entry in page.entries}, page.total


@pytest.mark.parametrize("keyword", KEYWORDS)
async def test_the_index_changes_no_answer(database: Database, keyword: str) -> None:
    for number, text in enumerate(TEXTS):
        inputs, outputs = ({"q": text}, {}) if number % 2 else ({}, {"a": text})
        await record_run(database, inputs=inputs, outputs=outputs, user=f"ann-{number}")
    before = await found(database, keyword)
    await RunStore(database).index_keywords()
    assert before == await found(database, keyword)


async def test_the_end_of_a_long_text_is_not_searched(database: Database) -> None:
    long = "x" * SEARCHED_CHARACTERS
    run = await record_run(database, inputs={"q": f"early {long} late"}, outputs={"a": long})
    for _ in range(2):
        assert ({run.id}, 1) == await found(database, "early")
        assert (set(), 0) == await found(database, "late")
        await RunStore(database).index_keywords()


async def test_a_run_is_found_by_its_id_with_the_index(database: Database) -> None:
    run = await record_run(database)
    await RunStore(database).index_keywords()
    assert ({run.id}, 1) == await found(database, run.id)


async def test_what_is_found_is_of_the_app_that_asks(database: Database) -> None:
    other = app_id_of("other")
    run = await record_run(database, inputs={"q": "needle"})
    await record_run(database, inputs={"q": "needle"}, app_id=other)
    await RunStore(database).index_keywords()
    assert ({run.id}, 1) == await found(database, "needle")


async def test_runs_that_came_after_the_indexing_are_found(database: Database) -> None:
    first = await record_run(database, inputs={"q": "needle"})
    await RunStore(database).index_keywords()
    second = await record_run(database, inputs={"q": "needle"})
    assert ({first.id, second.id}, 2) == await found(database, "needle")


async def test_the_end_of_an_indexed_run_is_found(database: Database) -> None:
    run, journal = new_run(inputs={"q": "begin"}), SqlJournal(database)
    feed = Feed(run.id)
    journal.open(run, feed)
    for event in (started(run), finished(outputs={"a": "ending"})):
        feed.append(event)
        journal.post(feed)
        await journal.committed(feed)
        await RunStore(database).index_keywords()
    for keyword in ("begin", "ending"):
        assert ({run.id}, 1) == await found(database, keyword)


async def indexed(database: Database) -> int:
    [(count,)] = await database.fetch_all(INDEXED)
    return int(count)


async def test_pruned_runs_leave_the_index(database: Database, tmp_path: Path) -> None:
    for _ in range(BATCH + 1):
        await record_run(database, inputs={"q": "needle"})
    await RunStore(database).index_keywords()
    assert BATCH + 1 == await indexed(database)
    pruner = Pruner(
        database, LocalFiles(tmp_path), RetentionSettings(), clock=lambda: CREATED_AT + 31 * DAY
    )
    await pruner.prune()
    assert 0 == await indexed(database)
    young = await record_run(database, inputs={"q": "needle"}, created_at=CREATED_AT + 31 * DAY)
    await RunStore(database).index_keywords()
    assert ({young.id}, 1) == await found(database, "needle")


async def test_a_common_keyword_is_counted_so_far(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_store, "MOST_COUNTED", 5)
    for number in range(30):
        await record_run(database, inputs={"q": "common"}, created_at=CREATED_AT + number)
    store = RunStore(database)
    await store.index_keywords()
    first = await store.page(APP, LogQuery(keyword="common", limit=2))
    later = await store.page(APP, LogQuery(keyword="common", limit=2, page=10))
    last = await store.page(APP, LogQuery(keyword="common", limit=2, page=15))
    assert [(5, True), (21, True), (30, False)] == [
        (page.total, page.has_more) for page in (first, later, last)
    ]


def test_short_keywords_need_no_index() -> None:
    assert match_of(APP, "ab") is None


@pytest.mark.parametrize(
    ("query", "step"),
    [
        (LogQuery(), "SEARCH runs USING INDEX runs_by_app (app_id=?)"),
        (LogQuery(status=RunStatus.FAILED), "SEARCH runs USING INDEX runs_by_app (app_id=?)"),
        (LogQuery(keyword="needle"), "SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)"),
        (LogQuery(keyword="x", created_after=1.0), "SEARCH runs USING INDEX runs_by_app (app_id=?"),
    ],
    ids=["page", "status", "keyword", "short keyword"],
)
async def test_no_page_needs_all_runs(
    database: Database, tmp_path: Path, query: LogQuery, step: str
) -> None:
    parameters = await RunStore(database)._narrowed(run_store._parameters(APP, query))
    entries, _ = run_store._log_statements(frozenset(parameters))
    sql_text, values = database.compiled(entries).bind({"limit": 20, "offset": 0, **parameters})
    with closing(connect_reader(tmp_path / "data" / FILE_NAME)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {sql_text}", values).fetchall()
    steps = [row[3] for row in rows]
    assert any(each.startswith(step) for each in steps), steps
    assert "SCAN runs" not in steps
