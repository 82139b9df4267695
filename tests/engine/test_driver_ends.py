"""How runs end that do not end by themselves: stopped, expired, interrupted, cancelled, unrecorded;
and what they leave to others meanwhile."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from graphmill.engine import driver, fanout
from graphmill.engine.context import NodeContext
from graphmill.engine.driver import Driver, RunLimits
from graphmill.engine.events import RunFinished, RunStatus
from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.engine.retry import RetryPolicy
from tests.engine.driving import MemoryJournal, Stage, run
from tests.engine.sketch import BOOM, LLM, C, E, Scripted, node, sketch, waiting

END_WITHIN = 1.0
"""Seconds in which a stopped run must have ended."""


def sleeper(node_id: str = "w") -> Scripted:
    return waiting(node_id, lambda: asyncio.sleep(60))


def deaf(node_id: str, released: asyncio.Event) -> Scripted:
    """A node that ignores its cancellation until it is released."""

    async def work() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    return waiting(node_id, work)


async def naps() -> None:
    await asyncio.sleep(0.05)


STOP: Callable[[Driver], None] = Driver.stop


def interrupt(driver: Driver) -> None:
    driver.interrupt("The machine is on fire.")


ENDINGS = [
    pytest.param(STOP, RunStatus.STOPPED, "Stopped by user.", id="stop"),
    pytest.param(interrupt, RunStatus.FAILED, "The machine is on fire.", id="interrupt"),
]


@pytest.mark.parametrize(("ending", "status", "error"), ENDINGS)
async def test_a_waiting_run_ends_at_once(
    ending: Callable[[Driver], None], status: RunStatus, error: str
) -> None:
    stage = Stage(sketch("start>w w>e", sleeper(), E("e")))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        ending(stage.driver)
        told = await stage.told()

    assert (status, error) == (told.status, told.end.error)
    assert ["w started", f"run {status}"] == told.lines[-2:]
    assert 2 == told.end.total_steps


@pytest.mark.parametrize(("ending", "status", "error"), ENDINGS)
async def test_a_run_that_is_ended_before_it_is_driven_starts_no_node(
    ending: Callable[[Driver], None], status: RunStatus, error: str
) -> None:
    stage = Stage(sketch("start>a", C("a")))
    ending(stage.driver)
    await stage.driver.drive()

    told = await stage.told()
    assert ["run started", f"run {status}"] == told.lines
    assert (error, 0) == (told.end.error, told.end.total_steps)


async def test_a_run_that_has_ended_stays_as_it_is() -> None:
    stage = Stage(sketch("start>a", C("a")))
    await stage.driver.drive()
    before = await stage.told()
    stage.driver.stop()

    assert before == await stage.told()
    assert RunStatus.SUCCEEDED == before.status


async def test_the_first_verdict_counts() -> None:
    stage = Stage(sketch("start>w", sleeper()))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        stage.driver.stop()
        interrupt(stage.driver)

    assert RunStatus.STOPPED == (await stage.told()).status


async def test_nodes_of_a_stopped_run_are_cancelled() -> None:
    seen = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    stage = Stage(sketch("start>w", waiting("w", work)))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        stage.driver.stop()

    assert ["cancelled"] == seen


async def test_a_node_that_refuses_cancellation_for_a_while_does_not_delay_the_end() -> None:
    released = asyncio.Event()
    stage = Stage(sketch("start>w", deaf("w", released)))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        drive = tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        stage.driver.stop()
        told = await stage.told()
        assert not drive.done(), "the driver waits for its nodes"
        released.set()

    assert "run stopped" == told.lines[-1]
    assert told == await stage.told(), "what the node did after the end is not told"


async def test_a_node_that_ignores_its_cancellation_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(driver, "FAREWELL_SECONDS", 0.02)
    released = asyncio.Event()
    stage = Stage(sketch("start>w", deaf("w", released)))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        stage.driver.stop()

    assert ["node w of run run goes on after its cancellation"] == caplog.messages
    released.set()
    await asyncio.sleep(0)


async def test_text_that_comes_after_the_end_is_not_told() -> None:
    streamed = asyncio.Event()

    async def talk(context: NodeContext) -> Outcome:
        try:
            await asyncio.sleep(60)
        finally:
            await context.progress.text(("w", "text"), "late")
            streamed.set()
        return Succeeded({})

    stage = Stage(sketch("start>w w>e", node("w", talk, waits=True), E("e", t="w.text")))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        stage.driver.stop()

    assert streamed.is_set()
    assert "run stopped" == (await stage.told()).lines[-1]


async def test_a_completion_that_came_before_the_stop_is_told() -> None:
    stage = Stage(sketch("start>w w>a", waiting("w", lambda: asyncio.sleep(0)), C("a")))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        await asyncio.sleep(0)
        stage.driver.stop()

    assert ["w started", "w succeeded", "run stopped"] == (await stage.told()).lines[-3:]


async def test_a_stopped_run_does_not_retry() -> None:
    script = BOOM("c", retry=RetryPolicy(max_retries=5, interval=60))
    stage = Stage(sketch("start>c", script))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("c started")
        await asyncio.sleep(0.01)
        stage.driver.stop()

    assert ["c started", "run stopped"] == (await stage.told()).lines[-2:]


async def test_the_deadline_interrupts_waiting_nodes() -> None:
    told = await run(sketch("start>w", sleeper()), limits=RunLimits(seconds=0.05))

    assert RunStatus.FAILED == told.status
    assert told.end.error is not None
    assert told.end.error.startswith("Maximum execution time exceeded: 0.0")
    assert told.end.error.endswith("s > 0.05s")
    assert told.end.elapsed < END_WITHIN


async def test_a_node_that_is_cancelled_from_within_has_failed() -> None:
    """A library may let a CancelledError of its own escape; the run must not wait for ever."""

    async def work() -> None:
        raise asyncio.CancelledError

    told = await run(sketch("start>w", waiting("w", work)))

    assert "The node was cancelled." == told.end.error
    assert RunStatus.FAILED == told.status


# --- the journal ------------------------------------------------------------------------------


async def test_the_end_is_shown_when_it_is_recorded_and_not_before() -> None:
    stage = Stage(sketch("start>a", C("a")))
    stage.journal.open.clear()
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("a succeeded")
        await asyncio.sleep(0.01)
        assert not stage.feed.is_finished
        stage.journal.open.set()
        await stage.feed.finished()

    assert [number for number, _ in stage.journal.rows["run"]] == [
        (1 << 32) + number for number in range(1, 7)
    ]


async def test_a_run_that_cannot_be_recorded_ends_as_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(sketch("start>e", E("e", x="start.x")), {"x": "v"})
    stage.journal.broken = True
    await stage.driver.drive()

    told = await stage.told()
    assert RunStatus.FAILED == told.status
    assert "The run could not be recorded; the server's log has the details." == told.end.error
    assert [
        "the end of run run could not be recorded: the database does not answer. See whether it "
        "works, and whether another program holds the database."
    ] == caplog.messages


async def test_what_readers_were_told_is_offered_to_a_journal_that_comes_back() -> None:
    class Recovering(MemoryJournal):
        async def committed(self, log: Any) -> None:
            try:
                await super().committed(log)
            finally:
                self.broken = False

    stage = Stage(sketch(""), journal=Recovering())
    stage.journal.broken = True
    await stage.driver.drive()

    (last,) = (event for _, event in stage.journal.rows["run"])
    assert isinstance(last, RunFinished)
    assert RunStatus.FAILED == last.status


async def test_a_run_waits_for_a_journal_that_falls_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "BACKLOG", 20)
    monkeypatch.setattr(fanout, "WINDOW", 10)
    stage = Stage(sketch("start>l l>e", LLM("l", ["x"] * 500), E("e", t="l.text")))
    stage.journal.open.clear()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await asyncio.sleep(0.05)
        assert 21 == stage.feed.count, "it stopped at the first event above the backlog"
        stage.journal.open.set()

    told = await stage.told()
    assert "x" * 500 == told.text
    assert RunStatus.SUCCEEDED == told.status
    assert len(stage.feed._events) <= 10 + 21, "window and backlog are all that stays in memory"


async def test_a_journal_that_fails_in_between_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "BACKLOG", 20)
    stage = Stage(sketch("start>l l>e", LLM("l", ["x"] * 500), E("e", t="l.text")))
    stage.journal.broken = True
    async with asyncio.timeout(5):
        await stage.driver.drive()

    assert RunStatus.FAILED == (await stage.told()).status


def living(kind: type) -> int:
    return sum(type(each) is kind for each in gc.get_objects())


@pytest.mark.parametrize("is_stopped", [False, True], ids=["ends by itself", "is stopped"])
async def test_a_run_is_gone_without_the_garbage_collector(is_stopped: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        before = living(Driver)
        stage = Stage(sketch("start>l l>w w>e", LLM("l", ["x"]), waiting("w", naps), E("e")))
        async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
            tasks.create_task(stage.driver.drive())
            await stage.until("w started")
            if is_stopped:
                stage.driver.stop()
        assert before + 1 == living(Driver)
        del stage
        assert before == living(Driver)
    finally:
        gc.enable()


# --- faults and shutdown --------------------------------------------------------------------------


async def test_a_fault_of_ours_ends_the_run_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(sketch("start>n", node("n", lambda context: "no outcome")))
    await stage.driver.drive()

    told = await stage.told()
    assert RunStatus.FAILED == told.status
    assert told.end.error is not None
    assert "internal error" in told.end.error
    assert ["run run broke off"] == caplog.messages
    assert logging.ERROR == caplog.records[0].levelno


async def test_a_cancelled_driver_ends_its_run_and_its_nodes() -> None:
    seen = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("gone")

    stage = Stage(sketch("start>w", waiting("w", work)))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        drive = tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        drive.cancel()
        told = await stage.told()

    assert drive.cancelled()
    assert ["gone"] == seen
    assert "The server stopped while the run was going on." == told.end.error
    assert told.end == stage.journal.rows["run"][-1][1]


async def test_the_last_write_survives_a_cancellation() -> None:
    stage = Stage(sketch(""))
    stage.journal.open.clear()
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        drive = tasks.create_task(stage.driver.drive())
        await stage.until("start succeeded")
        drive.cancel()
        await asyncio.sleep(0.01)
        assert not stage.feed.is_finished
        stage.journal.open.set()
        finished = await stage.feed.finished()

    assert RunStatus.SUCCEEDED == finished.status


async def test_a_cancelled_driver_does_not_wait_for_ever_for_its_last_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "LAST_WRITE_SECONDS", 0.02)
    stage = Stage(sketch("start>w", sleeper()))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        drive = tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        stage.journal.open.clear()
        drive.cancel()
        finished = await stage.feed.finished()

    assert "The run could not be recorded; the server's log has the details." == finished.error


async def test_a_driver_that_is_cancelled_twice_still_tells_its_readers() -> None:
    stage = Stage(sketch("start>w", sleeper()))
    async with asyncio.timeout(END_WITHIN), asyncio.TaskGroup() as tasks:
        drive = tasks.create_task(stage.driver.drive())
        await stage.until("w started")
        stage.journal.open.clear()
        drive.cancel()
        await asyncio.sleep(0.01)
        drive.cancel()
        finished = await stage.feed.finished()

    assert RunStatus.FAILED == finished.status


# --- others on the same loop ------------------------------------------------------------------


async def test_a_long_chain_of_inline_nodes_lets_others_go_on() -> None:
    def busy(context: NodeContext) -> Outcome:
        ends_at = time.perf_counter() + 0.001
        while time.perf_counter() < ends_at:
            pass
        return Succeeded({})

    length = 200
    edges = "start>n0 " + " ".join(f"n{number}>n{number + 1}" for number in range(length - 1))
    plan = sketch(edges, *(node(f"n{number}", busy) for number in range(length)))
    turns = 0
    async with asyncio.TaskGroup() as tasks:
        drive = tasks.create_task(run(plan))
        while not drive.done():
            turns += 1
            await asyncio.sleep(0)

    assert turns > 20, "200 ms of work are at least 20 turns of 5 ms, and a busy machine's share"


async def test_a_thousand_nodes_may_wait_at_once() -> None:
    names = [f"w{number}" for number in range(1000)]
    scripts = [waiting(name, lambda: asyncio.sleep(0.01)) for name in names]
    edges = " ".join(f"start>{name} {name}>e" for name in names)
    told = await run(sketch(edges, *scripts, E("e")), limits=RunLimits(steps=2000))

    assert RunStatus.SUCCEEDED == told.status
    assert told.end.elapsed < END_WITHIN
