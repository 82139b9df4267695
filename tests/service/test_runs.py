"""Runs as callers see them."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from graphmill.engine.events import (
    NodeFinished,
    NodeStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    TextChunk,
)
from graphmill.engine.fanout import EPOCH_SHIFT
from graphmill.errors import InvalidParameter, RunNotFound, RunSuspended, TooManyRuns
from graphmill.ports.runs import NumberedEvent
from graphmill.service.runs.runs import LiveRun
from graphmill.service.services import Services
from graphmill.storage.database import FILE_NAME
from graphmill.storage.runs import LogQuery
from tests.service.world import USER, app_of, echo, opened, run, start, waiting

SLEEPY = "waiting"
REASON = "Interrupted by a restart of the server."


def write_apps(folder: Path) -> tuple[dict[str, str], ...]:
    """`echo` and `waiting`."""
    (folder / "echo.yml").write_text(echo())
    (folder / "waiting.yml").write_text(waiting())
    return {"workflow": "echo.yml"}, {"workflow": "waiting.yml"}


async def events_of(services: Services, live: LiveRun, after: int = 0) -> list[NumberedEvent]:
    batches = services.runs.follow(live, after=after)
    return [event async for batch in batches for event in batch]


async def test_run_hands_back_what_it_was_given(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        end = await run(services, {"q": "hello", "unknown": 1})
    assert (RunStatus.SUCCEEDED, {"out": "hello"}) == (end.status, end.outputs)


async def test_run_knows_who_ordered_what(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        app = app_of(services)
        live = await start(services, {"q": "hello"})
        version = app.published_version()
        user = await services.end_users.ensure(app.id, USER)
    order = live.run
    assert (app.id, version.id, version.name) == (
        order.app_id,
        order.workflow_id,
        order.version,
    )
    assert (user.id, USER, {"q": "hello"}) == (order.end_user_id, order.user, order.inputs)
    assert order.id != order.task_id


async def test_trace_id_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "graphmill")
    async with opened(tmp_path) as services:
        app = app_of(services)
        live = await services.runs.start(
            app,
            app.published_version(),
            inputs={"q": "x"},
            files=(),
            user=await services.end_users.ensure(app.id, USER),
            trace_id="trace-1",
        )
        await live.feed.finished()
    assert f"run {live.run.id} of app echo has the trace id trace-1" in caplog.messages


async def test_runs_of_an_app_are_counted_over_restarts(tmp_path: Path) -> None:
    apps = write_apps(tmp_path)
    numbers = []
    for _ in range(2):
        async with opened(tmp_path, *apps) as services:
            for _ in range(2):
                live = await start(services, {"q": "x"})
                numbers.append(live.run.sequence_number)
                await live.feed.finished()
    assert [1, 2, 3, 4] == numbers
    async with opened(tmp_path, *apps) as services:
        other = await start(services, {"url": "http://127.0.0.1:9/"}, slug=SLEEPY)
    assert 1 == other.run.sequence_number


async def test_refused_inputs_start_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        with pytest.raises(InvalidParameter, match="q is required in input form"):
            await start(services, {})
        page = await services.runs.logs(app_of(services), LogQuery())
        assert 1 == (await start(services, {"q": "x"})).run.sequence_number
    assert 0 == page.total


async def test_database_holds_the_run_when_its_end_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        live = await start(services, {"q": "hello"})
        await live.feed.finished()
        record = await services.runs.get(app_of(services), live.run.id)
    assert (RunStatus.SUCCEEDED, {"out": "hello"}) == (record.status, record.outputs)


async def test_database_holds_a_run_that_goes_on_once_it_is_committed(
    tmp_path: Path, echo_url: str
) -> None:
    async with opened(tmp_path, *write_apps(tmp_path)) as services:
        live = await start(services, {"url": f"{echo_url}/sleep/5"}, slug=SLEEPY)
        await services.runs.committed(live)
        record = await services.runs.get(app_of(services, SLEEPY), live.run.id)
    assert RunStatus.RUNNING is record.status


async def test_ended_run_is_found_by_either_id(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        live = await start(services, {"q": "hello"})
        await live.feed.finished()
        record = await services.runs.get(app_of(services), live.run.task_id)
    assert live.run.id == record.id


async def test_run_of_another_app_is_not_found(tmp_path: Path) -> None:
    async with opened(tmp_path, *write_apps(tmp_path)) as services:
        live = await start(services, {"q": "x"})
        await live.feed.finished()
        other = app_of(services, SLEEPY)
        with pytest.raises(RunNotFound):
            await services.runs.get(other, live.run.id)
        assert services.runs.find_live(other, live.run.id) is None


async def test_followers_see_everything_from_where_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        live = await start(services, {"q": "hello"})
        events = await events_of(services, live)
        rest = await events_of(services, live, after=events[1][0])
    assert isinstance(events[0][1], RunStarted)
    assert isinstance(events[-1][1], RunFinished)
    assert events[2:] == rest


# --- live runs -------------------------------------------------------------------------------


async def test_live_run_is_found_by_either_id_until_it_has_ended(
    tmp_path: Path, echo_url: str
) -> None:
    async with opened(tmp_path, *write_apps(tmp_path)) as services:
        app = app_of(services, SLEEPY)
        live = await start(services, {"url": f"{echo_url}/sleep/5"}, slug=SLEEPY)
        ids = [live.run.id, live.run.task_id]
        assert [live, live] == [services.runs.find_live(app, each) for each in ids]
        await services.runs.stop(app, live.run.id)
        await live.feed.finished()
        await asyncio.sleep(0)
        assert [None, None] == [services.runs.find_live(app, each) for each in ids]


@pytest.mark.parametrize("which", ["id", "task_id"])
async def test_stop_takes_either_id(tmp_path: Path, echo_url: str, which: str) -> None:
    async with opened(tmp_path, *write_apps(tmp_path)) as services:
        app = app_of(services, SLEEPY)
        live = await start(services, {"url": f"{echo_url}/sleep/5"}, slug=SLEEPY)
        async with asyncio.timeout(1):
            assert await services.runs.stop(app, getattr(live.run, which))
            end = await live.feed.finished()
        record = await services.runs.get(app, live.run.id)
    assert (RunStatus.STOPPED, "Stopped by user.") == (end.status, end.error)
    assert (RunStatus.STOPPED, "Stopped by user.") == (record.status, record.error)


async def test_stop_leaves_runs_of_other_apps_alone(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, *write_apps(tmp_path)) as services:
        live = await start(services, {"url": f"{echo_url}/sleep/1"}, slug=SLEEPY)
        assert not await services.runs.stop(app_of(services), live.run.task_id)
        assert RunStatus.SUCCEEDED is (await live.feed.finished()).status


@pytest.mark.parametrize("unknown", ["", "x", "7b2e8f0a-0000-4000-8000-000000000000"])
async def test_stop_of_what_is_not_there_does_nothing(tmp_path: Path, unknown: str) -> None:
    async with opened(tmp_path) as services:
        assert not await services.runs.stop(app_of(services), unknown)


# --- the ceiling -----------------------------------------------------------------------------


async def test_run_above_the_ceiling_is_refused_until_one_has_ended(
    tmp_path: Path, echo_url: str
) -> None:
    limits = {"runs_per_app": 1}
    async with opened(tmp_path, *write_apps(tmp_path), limits=limits) as services:
        app = app_of(services, SLEEPY)
        first = await start(services, {"url": f"{echo_url}/sleep/5"}, slug=SLEEPY)
        with pytest.raises(TooManyRuns, match=f"allowed for {app.id} is 1") as refusal:
            await start(services, {"url": f"{echo_url}/sleep/5"}, slug=SLEEPY)
        assert str(refusal.value).startswith("Too many requests. Please try again later.")
        assert RunStatus.SUCCEEDED is (await run(services, {"q": "other app"})).status
        await services.runs.stop(app, first.run.id)
        await first.feed.finished()
        await asyncio.sleep(0)
        second = await run(services, {"url": f"{echo_url}/sleep/0"}, slug=SLEEPY)
        assert RunStatus.SUCCEEDED is second.status


async def test_refused_inputs_hold_no_place(tmp_path: Path) -> None:
    async with opened(tmp_path, limits={"runs_per_app": 1}) as services:
        for _ in range(3):
            with pytest.raises(InvalidParameter):
                await start(services, {})
        assert RunStatus.SUCCEEDED is (await run(services, {"q": "x"})).status


async def test_cancelled_start_holds_no_place(tmp_path: Path, echo_url: str) -> None:
    document = {"variable": "doc", "type": "file", "required": True}
    (tmp_path / "echo.yml").write_text(echo(document))
    app = {"workflow": "echo.yml"}
    async with opened(tmp_path, app, limits={"runs_per_app": 1}) as services:
        slow = {"transfer_method": "remote_url", "url": f"{echo_url}/sleep/5"}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await start(services, {"doc": slow})
        quick = {"transfer_method": "remote_url", "url": f"{echo_url}/pic.png"}
        assert RunStatus.SUCCEEDED is (await run(services, {"doc": quick})).status


async def test_there_is_no_ceiling_unless_one_is_set(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        runs = [await start(services, {"q": str(number)}) for number in range(50)]
        ends = [await live.feed.finished() for live in runs]
    assert [str(number) for number in range(50)] == [end.outputs["out"] for end in ends]


# --- the end of the server -------------------------------------------------------------------


async def test_closing_suspends_runs_and_lets_their_readers_go(
    tmp_path: Path, echo_url: str
) -> None:
    async with opened(tmp_path, *write_apps(tmp_path)) as services:
        live = await start(services, {"url": f"{echo_url}/sleep/20"}, slug=SLEEPY)
        async with asyncio.timeout(3):
            await services.runs.close()
            with pytest.raises(RunSuspended, match=live.run.id):
                await live.feed.finished()
        record = await services.runs.get(app_of(services, SLEEPY), live.run.id)
    assert RunStatus.RUNNING is record.status


async def test_suspended_run_goes_on_at_the_next_start(tmp_path: Path, echo_url: str) -> None:
    apps = write_apps(tmp_path)
    async with opened(tmp_path, *apps) as services:
        live = await start(services, {"url": f"{echo_url}/sleep/1"}, slug=SLEEPY)
        before = []
        async for batch in services.runs.follow(live):
            before += batch
            if len(before) == 4:
                break
        await services.runs.close()
    async with opened(tmp_path, *apps) as services:
        again = services.runs.find_live(app_of(services, SLEEPY), live.run.task_id)
        assert again is not None
        after = await events_of(services, again, after=before[-1][0])
        record = await services.runs.get(app_of(services, SLEEPY), live.run.id)
    assert RunStatus.SUCCEEDED is record.status
    assert record.outputs["body"]
    assert {2} == {number >> EPOCH_SHIFT for number, _ in after}
    assert [TextChunk, NodeFinished, NodeStarted, NodeFinished, RunFinished] == [
        type(event) for _, event in after
    ]


async def test_run_whose_app_is_gone_ends_with_the_reason(tmp_path: Path, echo_url: str) -> None:
    echo_app, sleepy_app = write_apps(tmp_path)
    async with opened(tmp_path, echo_app, sleepy_app) as services:
        app = app_of(services, SLEEPY)
        live = await start(services, {"url": f"{echo_url}/sleep/20"}, slug=SLEEPY)
        await services.runs.close()
    async with opened(tmp_path, echo_app) as services:
        record = await services.runs.get(app, live.run.id)
    assert (RunStatus.FAILED, REASON + " The run cannot go on: its app is not served any more") == (
        record.status,
        record.error,
    )


async def test_run_goes_on_with_the_version_that_it_began_with(
    tmp_path: Path, echo_url: str
) -> None:
    apps = write_apps(tmp_path)
    async with opened(tmp_path, *apps) as services:
        live = await start(services, {"url": f"{echo_url}/sleep/1"}, slug=SLEEPY)
        await services.runs.close()
    (tmp_path / "waiting.yml").write_text(waiting("renamed"))
    async with opened(tmp_path, *apps) as services:
        again = services.runs.find_live(app_of(services, SLEEPY), live.run.id)
        assert again is not None
        end = await again.feed.finished()
    assert ["body"] == list(end.outputs)


async def test_closing_lets_runs_end_by_themselves_for_a_while(
    tmp_path: Path, echo_url: str
) -> None:
    async with opened(tmp_path, *write_apps(tmp_path)) as services:
        live = await start(services, {"url": f"{echo_url}/sleep/1"}, slug=SLEEPY)
        await services.runs.close(grace_seconds=10)
        assert RunStatus.SUCCEEDED is (await live.feed.finished()).status


async def test_run_of_which_too_little_is_known_is_failed_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        live = await start(services, {"q": "x"})
        await live.feed.finished()
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as database:
        database.execute("update runs set status = 'running', finished_at = null")
        database.commit()
    async with opened(tmp_path) as services:
        record = await services.runs.get(app_of(services), live.run.id)
    assert (RunStatus.FAILED, REASON) == (record.status, record.error)
    assert record.finished_at is not None
