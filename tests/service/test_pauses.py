"""Runs that wait for people: pause, answers, containers, tools (`workflow-dsl §16, §19.11`)."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from graphmill.config.retention import RetentionSettings
from graphmill.engine.events import (
    Event,
    FormClosed,
    NodeFinished,
    NodePaused,
    NodeStarted,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStatus,
    TextChunk,
)
from graphmill.errors import FormExpired, ToolFailed
from graphmill.files.local import LocalFiles
from graphmill.ports.tools import Invocation
from graphmill.service.runs.app_calls import AppCalls
from graphmill.service.services import Services
from graphmill.service.tasks.tasks import Order
from graphmill.storage.ocs_tasks import TaskApi, TaskStatus
from graphmill.storage.prune import DAY, Pruner
from graphmill.storage.runs import LogQuery
from graphmill.storage.tables import forms
from tests.dsl.files import edges, node, workflow_text
from tests.forms import approval, asking, end, start
from tests.nodes.containers.drawing import iteration, loop
from tests.service.world import app_of, opened
from tests.service.world import start as start_run


async def nothing(reference: Any) -> Any:
    raise AssertionError("no form here asks for files")


async def pause_of(services: Services, slug: str = "hi", **inputs: Any) -> tuple[str, RunPaused]:
    """A run that has paused."""
    live = await start_run(services, inputs or {"topic": "tea"}, slug=slug)
    paused = await live.feed.finished()
    assert isinstance(paused, RunPaused), paused
    return live.run.id, paused


async def fill_in(services: Services, reason: Any, action: str = "ok", note: str = "fine") -> None:
    kept = await services.forms.get(reason["form_token"])
    await services.forms.submit(kept, action, {"note": note}, nothing)


async def told(services: Services, run_id: str, slug: str = "hi") -> list[Event]:
    """All that has happened, when the run has ended or paused again."""
    live = services.runs.find_live(app_of(services, slug), run_id)
    if live is not None:
        await live.feed.finished()
    record = await services.runs.get(app_of(services, slug), run_id)
    return [event for _, event in await services.runs.history(record.id)]


def lines(events: Sequence[Event]) -> list[str]:
    """What these tests look at, a line each."""
    found = []
    for event in events:
        match event:
            case NodeStarted(execution):
                found.append(f"{execution.node_id} started")
            case NodeFinished(execution):
                found.append(f"{execution.node_id} {event.status}")
            case NodePaused(execution):
                found.append(f"{execution.node_id} paused")
            case FormClosed():
                found.append(f"{event.node_id} {event.action_id or 'timed out'}")
            case TextChunk() if event.text:
                found.append(repr(event.text))
            case RunPaused() | RunResumed():
                found.append("run paused" if isinstance(event, RunPaused) else "run resumed")
            case RunFinished():
                found.append(f"run {event.status}")
            case _:
                pass
    return found


def answering() -> str:
    """The graph of cases H1 to H3."""
    nodes = [
        start(),
        asking(user_actions=[{"id": "yes", "title": "Yes"}, {"id": "no", "title": "No"}]),
        node("a", "answer", title="A", answer="Y {{#h.note#}}"),
        node("b", "answer", title="B", answer="N"),
    ]
    return workflow_text(nodes, edges("start>h", "h:yes>a", "h:no>b"), mode="advanced-chat")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {"hi": approval(), "ha": answering()}
    for name, text in texts.items():
        (tmp_path / f"{name}.yml").write_text(text)
    return tmp_path


async def test_h1_nothing_is_said_before_the_answer(folder: Path) -> None:
    async with opened(folder, {"workflow": "ha.yml"}) as services:
        run_id, _ = await pause_of(services, "ha")
        events = await told(services, run_id, "ha")

    assert ["start started", "start succeeded", "h started", "h paused", "run paused"] == lines(
        events
    )


async def test_h2_the_run_goes_on_along_the_action(folder: Path) -> None:
    async with opened(folder, {"workflow": "ha.yml"}) as services:
        run_id, paused = await pause_of(services, "ha")
        await fill_in(services, paused.reasons[0], "yes", "ok")
        events = await told(services, run_id, "ha")

    behind = lines(events)[5:]
    assert [
        "run resumed", "h yes", "'Y '", "'ok'", "h succeeded", "a started", "a succeeded",
        "run succeeded",
    ] == behind  # fmt: skip
    end = events[-1]
    assert isinstance(end, RunFinished)
    assert ("Y ok", 4) == (end.outputs["answer"], end.total_steps)


async def test_h3_a_timeout_without_an_edge_just_ends_the_run(folder: Path) -> None:
    async with opened(folder, {"workflow": "ha.yml"}) as services:
        run_id, paused = await pause_of(services, "ha")
        await expire(services, paused.reasons[0])
        events = await told(services, run_id, "ha")

    assert ["run resumed", "h timed out", "h succeeded", "run succeeded"] == lines(events)[5:]
    end = events[-1]
    assert isinstance(end, RunFinished)
    assert {} == {name: value for name, value in end.outputs.items() if name != "files"}


async def expire(services: Services, reason: Any) -> None:
    """Let the time of a form be over, and wait until its run has heard of it."""
    await services.forms._store._database.write(
        update(forms).where(forms.c.id == reason["form_id"]).values(expires_at=1.0)
    )
    with pytest.raises(FormExpired):
        await services.forms.get(reason["form_token"])
    await services.forms._store.close_overdue(time.time())
    await services.forms._tell_runs()


async def test_a_form_that_was_not_filled_in_leaves_by_the_exit_for_that(folder: Path) -> None:
    nodes = [start(), asking(), end("late", note="h.__rendered_content")]
    text = workflow_text(nodes, edges("start>h", "h:__timeout__>late"))
    (folder / "late.yml").write_text(text)
    async with opened(folder, {"workflow": "late.yml"}) as services:
        run_id, paused = await pause_of(services, "late")
        await expire(services, paused.reasons[0])
        [*_, last] = await told(services, run_id, "late")

    assert isinstance(last, RunFinished)
    assert {"note": "Approve tea? "} == last.outputs


def in_rounds(kind: str, *, parallel: bool = False) -> str:
    """Asks in each round of a container that has three."""
    inner = asking("h", form_content="{{#start.topic#}}", parent_id="c")
    script = node(
        "t", "template-transform", title="T", parent_id="c", template="{{ n }}",
        variables=[{"variable": "n", "value_selector": ["h", "note"]}],
    )  # fmt: skip
    items = node(
        "items", "code", title="Items", code_language="python3",
        code="def main():\n    return {'l': ['a', 'b', 'c']}",
        variables=[], outputs={"l": {"type": "array[string]"}},
    )  # fmt: skip
    if kind == "iteration":
        container = iteration("c", "items.l", "t.output", is_parallel=parallel)
        out = {"out": "c.output"}
    else:
        container = loop("c", 3)
        out = {"out": "t.output", "rounds": "c.loop_round"}
    nodes = [start(), items, *container, inner, script, end(**out)]
    return workflow_text(nodes, edges("start>items", "items>c", "s_c>h", "h:ok>t", "c>end"))


@pytest.mark.parametrize(
    ("kind", "parallel", "waiting", "out"),
    [
        ("iteration", False, [1, 1, 1], {"out": ["0", "1", "2"]}),
        ("iteration", True, [3, 2, 1], {"out": ["0", "1", "2"]}),
        ("loop", False, [1, 1, 1], {"out": "2", "rounds": 3}),
    ],
    ids=["iteration", "parallel iteration", "loop"],
)
async def test_each_round_of_a_container_asks_for_itself(
    folder: Path, kind: str, parallel: bool, waiting: list[int], out: dict[str, Any]
) -> None:
    (folder / "rounds.yml").write_text(in_rounds(kind, parallel=parallel))
    async with opened(folder, {"workflow": "rounds.yml"}) as services:
        run_id, paused = await pause_of(services, "rounds")
        found = []
        for number in range(3):
            found.append(len(paused.reasons))
            await fill_in(services, paused.reasons[0], note=str(number))
            [*_, last] = await told(services, run_id, "rounds")
            if isinstance(last, RunPaused):
                paused = last

    assert waiting == found
    assert isinstance(last, RunFinished), last
    assert (RunStatus.SUCCEEDED, None) == (last.status, last.error)
    assert out == last.outputs


async def test_an_app_that_waits_for_a_person_is_no_tool(folder: Path) -> None:
    async with opened(folder, {"workflow": "hi.yml"}) as services:
        app = app_of(services, "hi")
        user = await services.end_users.ensure(app.id, "caller")
        live = await services.runs.start(
            app, app.published_version(), inputs={"topic": "x"}, files=(), user=user
        )
        calls = AppCalls(services.end_users)
        calls.open(services.catalog, services.runs)
        with pytest.raises(ToolFailed, match="waits for a person, which a tool cannot"):
            await calls.call("hi", {"topic": "tea"}, Invocation(live.run, "key"))
        await live.feed.finished()
        page = await services.runs.logs(app, LogQuery(status=RunStatus.STOPPED))

    assert 1 == page.total


async def test_a_new_version_does_not_disturb_who_waits(folder: Path) -> None:
    async with opened(folder, {"workflow": "hi.yml"}) as services:
        run_id, paused = await pause_of(services)
    (folder / "hi.yml").write_text(approval(form_content="New", inputs=[]))
    async with opened(folder, {"workflow": "hi.yml"}) as services:
        await fill_in(services, paused.reasons[0])
        [*_, last] = await told(services, run_id)

    assert isinstance(last, RunFinished)
    assert "Approve tea? fine" == last.outputs["whole"]


async def test_a_run_whose_app_is_gone_ends_and_says_so(folder: Path) -> None:
    async with opened(folder, {"workflow": "hi.yml"}) as services:
        run_id, paused = await pause_of(services)
        app = app_of(services, "hi")
    async with opened(folder, {"workflow": "ha.yml"}) as services:
        await fill_in(services, paused.reasons[0])
        record = await services.runs.get(app, run_id)

    error = "The run was paused. The run cannot go on: its app is not served any more"
    assert (RunStatus.FAILED, error) == (record.status, record.error)


async def test_a_form_is_forgotten_with_its_run(folder: Path) -> None:
    async with opened(folder, {"workflow": "hi.yml"}) as services:
        [waits, ended] = [await pause_of(services) for _ in range(2)]
        await fill_in(services, ended[1].reasons[0])
        await told(services, ended[0])
        database = services.forms._store._database
        retention = RetentionSettings(runs_days=1)
        later = time.time() + 2 * DAY
        pruner = Pruner(database, LocalFiles(folder), retention, clock=lambda: later)
        assert 1 == (await pruner.prune()).runs
        left = await database.fetch_all(select(forms.c.run_id))

    assert [(waits[0],)] == left


async def test_submissions_and_stops_at_once_leave_one_end(folder: Path) -> None:
    """Whatever comes first: the run ends, once."""
    async with opened(folder, {"workflow": "hi.yml"}) as services:
        for number in range(10):
            run_id, paused = await pause_of(services)
            app = app_of(services, "hi")
            acts = [fill_in(services, paused.reasons[0]), services.runs.stop(app, run_id)]
            await asyncio.gather(*(acts if number % 2 else reversed(acts)), return_exceptions=True)
            events = await told(services, run_id)
            ends = [event for event in events if isinstance(event, RunFinished)]
            assert 1 == len(ends)
            assert events[-1] is ends[0]


async def test_a_task_cannot_wait_for_a_person(folder: Path) -> None:
    nodes = [start("input"), asking(form_content="?"), end(output="h.note")]
    (folder / "asks.yml").write_text(workflow_text(nodes, edges("start>h", "h:ok>end")))
    types = {"core:text2text": {"workflow": "asks"}}
    async with opened(folder, {"workflow": "asks.yml"}, ocs={"task_types": types}) as services:
        tasks = services.ocs.tasks
        order = Order(TaskApi.TASK, "core:text2text", "test", {"input": "x"}, None)
        task = await tasks.schedule(order)
        ended = await tasks.wait(task, seconds=10)
        page = await services.runs.logs(app_of(services, "asks"), LogQuery())

    assert TaskStatus.FAILED is ended.status
    sentence = "The workflow waits for a person to fill in a form, which a task cannot."
    assert sentence == ended.user_facing_error
    assert [RunStatus.STOPPED] == [entry.run.status for entry in page.entries]
