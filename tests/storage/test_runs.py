"""Run detail, the pages of the log with every filter, and what a restart finds."""

import pytest

from graphmill.engine.events import RunStatus
from graphmill.engine.fanout import EPOCH_SHIFT
from graphmill.ids import app_id_of, end_user_id_of, log_id_of, new_id
from graphmill.storage.apps import AppStore
from graphmill.storage.database import Database
from graphmill.storage.journal import SqlJournal
from graphmill.storage.runs import LogPage, LogQuery, RunRecord, RunStore
from graphmill.variables.files import File
from tests.storage.records import (
    APP,
    CREATED_AT,
    WORKFLOW,
    finished,
    lose_orders,
    new_run,
    record,
    record_run,
)
from tests.storage.records import started as started_event

OTHER_APP = app_id_of("other")


async def test_detail_tells_all_that_is_known(database: Database) -> None:
    file = File("image", "local_file", "a.png", ".png", "image/png", 3, "file id")
    run = new_run(inputs={"q": "x", "sys.files": [file]}, sequence_number=7)
    end = finished(
        RunStatus.PARTIAL_SUCCEEDED,
        outputs={"picture": file, "n": 2**70},
        error="some",
        total_tokens=5,
        exceptions_count=1,
    )
    await record(database, run, [started_event(run), end])
    expected = RunRecord(
        id=run.id,
        app_id=APP,
        task_id=run.task_id,
        workflow_id=WORKFLOW,
        version=run.version,
        sequence_number=7,
        end_user_id=end_user_id_of(APP, "ann"),
        session_id="ann",
        triggered_from="app-run",
        status=RunStatus.PARTIAL_SUCCEEDED,
        created_at=CREATED_AT,
        finished_at=CREATED_AT + 0.5,
        elapsed=0.5,
        total_tokens=5,
        total_steps=2,
        exceptions_count=1,
        error="some",
        inputs={"q": "x", "sys.files": [file]},
        outputs={"picture": file, "n": 2**70},
    )
    store = RunStore(database)
    assert expected == await store.get(APP, run.id)
    assert expected == await store.find_by_task(APP, run.task_id)


async def test_runs_of_other_apps_are_not_found(database: Database) -> None:
    run = await record_run(database)
    store = RunStore(database)
    assert await store.get(OTHER_APP, run.id) is None
    assert await store.find_by_task(OTHER_APP, run.task_id) is None
    assert await store.get(APP, new_id()) is None


async def log(database: Database, query: LogQuery, app_id: str = APP) -> list[int]:
    """The sequence numbers of the runs that a query finds."""
    page = await RunStore(database).page(app_id, query)
    assert page.total == len(page.entries)
    return [entry.run.sequence_number for entry in page.entries]


async def fill(database: Database) -> None:
    """Runs 1 to 5, a minute apart."""
    await record_run(
        database,
        sequence_number=1,
        created_at=CREATED_AT,
        user="Ann",
        inputs={"q": "Größe XL", "n": "100%"},
        outputs={"text": "hello"},
    )
    await record_run(
        database,
        sequence_number=2,
        created_at=CREATED_AT + 60,
        user="bob",
        status=RunStatus.FAILED,
        inputs={"q": "snake_case"},
        outputs={"text": 'he said "No"\nand left \\o/'},
    )
    await record_run(
        database,
        sequence_number=3,
        created_at=CREATED_AT + 120,
        user="Ann",
        status=RunStatus.STOPPED,
        inputs={"q": "snakeXcase, thirty characters and some more"},
    )
    await record_run(
        database,
        sequence_number=4,
        created_at=CREATED_AT + 180,
        user="ÉMILE",
        status=RunStatus.RUNNING,
        inputs={"q": "中文输入"},
    )
    await record_run(
        database,
        sequence_number=5,
        created_at=CREATED_AT + 240,
        user="bob",
        app_id=OTHER_APP,
        inputs={"q": "Größe XL"},
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param(LogQuery(), [4, 3, 2, 1], id="all, newest first"),
        pytest.param(LogQuery(keyword=""), [4, 3, 2, 1], id="empty keyword"),
        pytest.param(LogQuery(keyword="größe"), [1], id="other case"),
        pytest.param(LogQuery(keyword="GRÖSSE"), [], id="ß is one letter"),
        pytest.param(LogQuery(keyword="rÖß"), [1], id="part of a word"),
        pytest.param(LogQuery(keyword="文输"), [4], id="Chinese"),
        pytest.param(LogQuery(keyword="HELLO"), [1], id="in the outputs"),
        pytest.param(LogQuery(keyword="émi"), [4], id="in the session id"),
        pytest.param(LogQuery(keyword="nobody wrote this"), [], id="nowhere"),
        pytest.param(LogQuery(keyword="100%"), [1], id="percent"),
        pytest.param(LogQuery(keyword="1%0"), [], id="percent is no wildcard"),
        pytest.param(LogQuery(keyword="snake_case"), [2], id="underscore is no wildcard"),
        pytest.param(LogQuery(keyword="\\o/"), [2], id="backslash"),
        pytest.param(LogQuery(keyword='said "no"'), [2], id="quotation marks"),
        pytest.param(LogQuery(keyword='"no"\nand'), [2], id="line break"),
        pytest.param(
            LogQuery(keyword="snakexcase, thirty characters AND NOTHING OF THIS"),
            [3],
            id="first thirty characters",
        ),
        pytest.param(LogQuery(keyword="\ud800"), [], id="half a character"),
        pytest.param(LogQuery(status=RunStatus.SUCCEEDED), [1], id="succeeded"),
        pytest.param(LogQuery(status=RunStatus.FAILED), [2], id="failed"),
        pytest.param(LogQuery(status=RunStatus.STOPPED), [3], id="stopped"),
        pytest.param(LogQuery(session_id="bob"), [2], id="session id"),
        pytest.param(LogQuery(session_id="ann"), [], id="session ids are exact"),
        pytest.param(LogQuery(created_after=CREATED_AT + 120), [4, 3], id="after, inclusive"),
        pytest.param(LogQuery(created_before=CREATED_AT + 60), [2, 1], id="before, inclusive"),
        pytest.param(
            LogQuery(created_after=CREATED_AT + 1, created_before=CREATED_AT + 121),
            [3, 2],
            id="between",
        ),
        pytest.param(
            LogQuery(keyword="snake", session_id="Ann", status=RunStatus.STOPPED),
            [3],
            id="all filters must hold",
        ),
        pytest.param(LogQuery(keyword="snake", session_id="ÉMILE"), [], id="not any of them"),
    ],
)
async def test_log_is_filtered(database: Database, query: LogQuery, found: list[int]) -> None:
    await fill(database)
    assert found == await log(database, query)


async def test_log_is_that_of_the_app(database: Database) -> None:
    await fill(database)
    assert [5] == await log(database, LogQuery(), OTHER_APP)


@pytest.mark.parametrize("change", [str, str.upper], ids=["as it is", "upper case"])
async def test_keyword_finds_a_run_by_its_id(database: Database, change: type[str]) -> None:
    run = await record_run(database, sequence_number=9)
    await record_run(database)
    assert [9] == await log(database, LogQuery(keyword=change(run.id)))


async def test_entry_has_an_id_of_its_own(database: Database) -> None:
    run = await record_run(database)
    [entry] = (await RunStore(database).page(APP, LogQuery())).entries
    assert (log_id_of(run.id), run.id) == (entry.id, entry.run.id)
    assert entry.id != entry.run.id


@pytest.mark.parametrize(
    ("page", "limit", "numbers", "has_more"),
    [
        pytest.param(1, 2, [5, 4], True, id="first"),
        pytest.param(2, 2, [3, 2], True, id="in the middle"),
        pytest.param(3, 2, [1], False, id="last, not full"),
        pytest.param(1, 5, [5, 4, 3, 2, 1], False, id="exactly one page"),
        pytest.param(4, 2, [], False, id="behind the last"),
    ],
)
async def test_log_comes_in_pages(
    database: Database, page: int, limit: int, numbers: list[int], has_more: bool
) -> None:
    for number in range(1, 6):
        await record_run(database, sequence_number=number)
    found = await RunStore(database).page(APP, LogQuery(page=page, limit=limit))
    assert numbers == [entry.run.sequence_number for entry in found.entries]
    assert (5, has_more) == (found.total, found.has_more)


async def test_log_of_an_app_without_runs_is_empty(database: Database) -> None:
    assert LogPage((), 0, 1, 20) == await RunStore(database).page(APP, LogQuery())


async def test_interrupted_runs_end_as_failed(database: Database) -> None:
    interrupted = await record_run(database, status=RunStatus.RUNNING)
    untouched = await record_run(database, status=RunStatus.STOPPED)
    store = RunStore(database, clock=lambda: CREATED_AT + 10)
    await lose_orders(database)
    assert 1 == await store.fail_interrupted("Interrupted.")
    assert 0 == await store.fail_interrupted("Interrupted.")
    run = await store.get(APP, interrupted.id)
    assert run is not None
    assert (RunStatus.FAILED, "Interrupted.", CREATED_AT + 10, 10.0) == (
        run.status, run.error, run.finished_at, run.elapsed,
    )  # fmt: skip
    other = await store.get(APP, untouched.id)
    assert other is not None
    assert RunStatus.STOPPED is other.status


async def test_the_end_of_an_interrupted_run_is_the_last_of_its_history(
    database: Database,
) -> None:
    run = await record_run(database, status=RunStatus.RUNNING)
    store = RunStore(database, clock=lambda: CREATED_AT + 10)
    await lose_orders(database)
    await store.fail_interrupted("Interrupted.")
    number, end = (await SqlJournal(database).history(run.id))[-1]
    assert (2 << EPOCH_SHIFT) + 1 == number
    assert (
        finished(
            RunStatus.FAILED, error="Interrupted.", elapsed=10.0, total_steps=0, at=CREATED_AT + 10
        )
        == end
    )


async def test_counting_goes_on_where_it_stopped(database: Database) -> None:
    apps = AppStore(database)
    for app_id in (APP, OTHER_APP, app_id_of("never run")):
        await apps.save_version(app_id, "content", created_at=CREATED_AT)
    for number in (1, 2, 3):
        await record_run(database, sequence_number=number, created_at=CREATED_AT + number)
    await record_run(database, app_id=OTHER_APP, sequence_number=9)
    assert {APP: 3, OTHER_APP: 9} == await RunStore(database).last_sequence_numbers()
