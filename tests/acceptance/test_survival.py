"""Runs outlive the server process, however it ends: kill -9, SIGTERM, another configuration."""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.effects import Effects, counted_effects, in_a_row
from tests.outbound.local_server import Received, local_server
from tests.server_process import ServerProcess, running_server
from tests.service.test_app_calls import caller

KEY = "app-survivor"
USER = "somebody"
PATIENCE = 20.0
HAND_OVER_SECONDS = 10.0
"""From SIGTERM to the end of the process, whatever its runs are at."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

Json = dict[str, Any]


@pytest.fixture
async def effects() -> AsyncIterator[Effects]:
    async with counted_effects(seconds=0.0) as effects:
        yield effects


def config_of(folder: Path, effects: Effects, workflow: str | None = None, **app: Any) -> Json:
    path = folder / "survivor.yml"
    path.write_text(workflow or in_a_row(effects.url, "a", "b", "c"))
    url = f"{effects.url}/v1"
    return {
        "apps": [{"workflow": str(path), "api_keys": [KEY], **app}],
        "models": [{"provider": "*", "kind": "openai", "base_url": url, "api_key": "any"}],
        "http_request": {"allow": ["127.0.0.0/8"]},
    }


@asynccontextmanager
async def serving(
    config: Json, folder: Path, *, launcher: Sequence[str] = ()
) -> AsyncIterator[tuple[ServerProcess, httpx.AsyncClient]]:
    """The server, and a client of it."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with running_server(config, folder, launcher=launcher) as server:
        async with httpx.AsyncClient(
            base_url=f"{server.url}/v1", headers=headers, timeout=PATIENCE
        ) as api:
            yield server, api


def body(mode: str = "async") -> Json:
    return {"inputs": {"token": "t"}, "response_mode": mode, "user": USER}


async def accepted(api: httpx.AsyncClient) -> Json:
    answer = await api.post("/workflows/run", json=body())
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def ended(api: httpx.AsyncClient, run_id: str) -> Json:
    """Run detail, when the run is over."""
    detail = await api.get(f"/workflows/run/{run_id}", params={"wait": "15"})
    return dict(detail.json())


async def statuses(api: httpx.AsyncClient) -> list[str]:
    """Of all runs."""
    log = (await api.get("/workflows/logs")).json()
    return [entry["workflow_run"]["status"] for entry in log["data"]]


async def until_b(api: httpx.AsyncClient, effects: Effects) -> None:
    """Until the only run is at its node `b`, and the end of `a` is recorded."""
    await effects.until_called("t/b")
    entries = []
    async with asyncio.timeout(10):
        # A run that is called by another one is recorded a moment after it began.
        while not entries:
            entries = (await api.get("/workflows/logs")).json()["data"]
            await asyncio.sleep(0.05)
    [entry] = entries
    # Nothing is told to readers who count that is not recorded.
    await numbered(api, f"/workflow/{entry['workflow_run']['id']}/events", count=6)


def kill(server: ServerProcess) -> None:
    os.kill(server.pid, signal.SIGKILL)


def await_end(server: ServerProcess) -> None:
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)


# --- kill -9 ---------------------------------------------------------------------------------


async def test_killed_run_goes_on_behind_its_last_completed_node(
    tmp_path: Path, effects: Effects
) -> None:
    config = config_of(tmp_path, effects)
    effects.hold("t/b")
    async with serving(config, tmp_path) as (server, api):
        run_id = (await accepted(api))["workflow_run_id"]
        await until_b(api, effects)
        kill(server)
    effects.release()
    async with serving(config, tmp_path) as (_, api):
        detail = await ended(api, run_id)
        assert ["succeeded"] == await statuses(api)
    assert ("succeeded", {"out": "t/c"}) == (detail["status"], detail["outputs"])
    # What was under way at the kill is called again, what was completed is not.
    assert {"t/a": 1, "t/b": 2, "t/c": 1} == effects.calls


async def test_accepted_run_is_never_lost(tmp_path: Path, effects: Effects) -> None:
    config = config_of(tmp_path, effects)
    async with serving(config, tmp_path) as (server, api):
        run_id = (await accepted(api))["workflow_run_id"]
        kill(server)
    async with serving(config, tmp_path) as (_, api):
        assert "succeeded" == (await ended(api, run_id))["status"]


async def test_blocking_caller_finds_the_result_after_a_crash(
    tmp_path: Path, effects: Effects
) -> None:
    config, headers = config_of(tmp_path, effects), {"Idempotency-Key": "my-order-1"}
    effects.hold("t/b")
    async with serving(config, tmp_path) as (server, api):
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(refused(api, headers))
            await until_b(api, effects)
            kill(server)
        assert isinstance(asked.result(), httpx.TransportError)
    effects.release()
    async with serving(config, tmp_path) as (_, api):
        answer = await api.post("/workflows/run", json=body("blocking"), headers=headers)
        detail = await ended(api, answer.headers["x-workflow-run-id"])
        assert ["succeeded"] == await statuses(api)
    assert {"out": "t/c"} == answer.json()["data"]["outputs"] == detail["outputs"]
    assert {"t/a": 1, "t/b": 2, "t/c": 1} == effects.calls


async def refused(api: httpx.AsyncClient, headers: dict[str, str]) -> httpx.TransportError | None:
    """What becomes of a caller who waits while the server is killed."""
    try:
        await api.post("/workflows/run", json=body("blocking"), headers=headers)
    except httpx.TransportError as error:
        return error
    return None


FROM_THE_START = {"user": USER, "after": "0"}


@pytest.mark.parametrize(("by", "told_in"), [("workflow_run_id", "header"), ("task_id", "query")])
async def test_reader_reads_on_without_gap_or_repeat(
    tmp_path: Path, effects: Effects, by: str, told_in: str
) -> None:
    config = config_of(tmp_path, effects)
    effects.hold("t/b")
    async with serving(config, tmp_path) as (server, api):
        answer = await accepted(api)
        path = f"/workflow/{answer[by]}/events"
        read = await numbered(api, path, count=6)
        await effects.until_called("t/b")
        kill(server)
    effects.release()
    last = read[-1][0]
    query, headers = {"user": USER, "after": last}, {}
    if told_in == "header":
        query, headers = {"user": USER}, {"Last-Event-ID": last}
    async with serving(config, tmp_path) as (_, api):
        rest = await numbered(api, path, query, headers)
        whole = await numbered(api, path)
    assert whole == read + rest
    numbers = [int(number) for number, _ in whole]
    assert sorted(set(numbers)) == numbers
    told = Counter(event["event"] for _, event in whole)
    once = dict.fromkeys(("workflow_started", "text_chunk", "workflow_finished"), 1)
    assert {**once, "node_started": 5, "node_finished": 5} == told


async def numbered(
    api: httpx.AsyncClient,
    path: str,
    query: Json = FROM_THE_START,
    headers: dict[str, str] | None = None,
    *,
    count: int | None = None,
) -> list[tuple[str, Json]]:
    """The events of a run with their numbers: all, or the first `count`."""
    found: list[tuple[str, Json]] = []
    number = ""
    async with api.stream("GET", path, params=query, headers=headers) as stream:
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = value
            elif name == "data":
                found.append((number, json.loads(value)))
                if len(found) == count:
                    break
    return found


async def test_report_that_was_under_way_is_sent_again(tmp_path: Path, effects: Effects) -> None:
    told: asyncio.Queue[Received] = asyncio.Queue()

    async def silence(received: Received, *_: asyncio.StreamReader | asyncio.StreamWriter) -> None:
        told.put_nowait(received)
        await asyncio.Event().wait()

    async with local_server(silence) as receiver:
        webhook = {"url": receiver.url, "secret": "a secret"}
        config = config_of(tmp_path, effects, webhook=webhook)
        async with serving(config, tmp_path) as (server, api):
            run_id = (await accepted(api))["workflow_run_id"]
            first = await asyncio.wait_for(told.get(), PATIENCE)
            kill(server)
        async with serving(config, tmp_path) as (server, _):
            again = await asyncio.wait_for(told.get(), PATIENCE)
            kill(server)
    assert run_id == first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body


async def test_run_that_cannot_go_on_ends_with_the_reason(tmp_path: Path, effects: Effects) -> None:
    config = config_of(tmp_path, effects)
    effects.hold("t/b")
    async with serving(config, tmp_path) as (server, api):
        run_id = (await accepted(api))["workflow_run_id"]
        await effects.until_called("t/b")
        kill(server)
    async with serving({**config, "apps": []}, tmp_path):
        pass
    async with serving(config, tmp_path) as (_, api):
        detail = await ended(api, run_id)
        assert ["failed"] == await statuses(api)
    assert "failed" == detail["status"]
    assert detail["error"].endswith("The run cannot go on: its app is not served any more")
    assert 1 == effects.calls["t/b"]


# --- SIGTERM ---------------------------------------------------------------------------------


async def test_ending_server_hands_its_runs_over(tmp_path: Path, effects: Effects) -> None:
    config = config_of(tmp_path, effects)
    effects.hold("t/b")
    async with serving(config, tmp_path) as (server, api):
        run_id = (await accepted(api))["workflow_run_id"]
        path = f"/workflow/{run_id}/events"
        async with asyncio.TaskGroup() as tasks:
            counted = tasks.create_task(numbered(api, path))
            streamed = tasks.create_task(api.post("/workflows/run", json=body("streaming")))
            waited = tasks.create_task(api.post("/workflows/run", json=body("blocking")))
            await effects.until_called("t/b", times=3)
            began = time.monotonic()
            os.kill(server.pid, signal.SIGTERM)
            await asyncio.sleep(0.5)
            with pytest.raises(httpx.TransportError):
                await api.get("/info", headers={"Connection": "close"})
        await asyncio.to_thread(await_end, server)
        assert time.monotonic() - began < HAND_OVER_SECONDS
    effects.release()
    async with serving(config, tmp_path) as (_, api):
        last = counted.result()[-1][0]
        rest = await numbered(api, path, {"user": USER, "after": last})
        whole = await numbered(api, path)
        details = [
            await ended(api, run)
            for run in (
                run_id,
                *(task.result().headers["x-workflow-run-id"] for task in [streamed]),
            )
        ]
    assert whole == counted.result() + rest
    assert ["succeeded"] * len(details) == [detail["status"] for detail in details]
    assert (503, "service_unavailable") == (
        waited.result().status_code,
        waited.result().json()["code"],
    )
    assert {"t/a": 3, "t/b": 6, "t/c": 3} == effects.calls


# --- runs that call others -------------------------------------------------------------------


def calling_config(folder: Path, effects: Effects) -> Json:
    """The app `caller` has the run that `config_of` serves as a tool."""
    config = config_of(folder, effects)
    path = folder / "caller.yml"
    variable = {"variable": "token", "label": "T", "type": "text-input", "required": True}
    path.write_text(caller(variable))
    [called] = config["apps"]
    config["apps"] = [
        {**called, "api_keys": ["app-called"]},
        {"workflow": str(path), "api_keys": [KEY]},
    ]
    tools = [{"provider": "called", "kind": "workflow", "app": "survivor"}]
    return {**config, "tools": tools}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
async def test_called_run_goes_on_and_its_caller_finds_it_again(
    tmp_path: Path, effects: Effects, how: signal.Signals
) -> None:
    config = calling_config(tmp_path, effects)
    effects.hold("t/b")
    async with serving(config, tmp_path) as (server, api):
        run_id = (await accepted(api))["workflow_run_id"]
        async with httpx.AsyncClient(
            base_url=api.base_url, headers={"Authorization": "Bearer app-called"}
        ) as called:
            await until_b(called, effects)
        os.kill(server.pid, how)
        await asyncio.to_thread(await_end, server)
    effects.release()
    async with serving(config, tmp_path) as (_, api):
        detail = await ended(api, run_id)
        api.headers["Authorization"] = "Bearer app-called"
        assert ["succeeded"] == await statuses(api)
    assert ("succeeded", "t/c") == (detail["status"], detail["outputs"]["out"])
    assert {"t/a": 1, "t/b": 2, "t/c": 1} == effects.calls


# --- clocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-86_400, 86_400], ids=["back", "on"])
async def test_runs_go_on_when_the_clock_jumps(
    tmp_path: Path, effects: Effects, seconds: int
) -> None:
    config, offset = config_of(tmp_path, effects), tmp_path / "offset"
    offset.write_text("0")
    launcher = [sys.executable, str(Path(__file__).with_name("jumping_clock.py")), str(offset)]
    effects.hold("t/b")
    async with serving(config, tmp_path, launcher=launcher) as (server, api):
        run_id = (await accepted(api))["workflow_run_id"]
        path = f"/workflow/{run_id}/events"
        read = await numbered(api, path, count=6)
        offset.write_text(str(seconds))
        later = (await accepted(api))["workflow_run_id"]
        kill(server)
    effects.release()
    async with serving(config, tmp_path, launcher=launcher) as (_, api):
        details = [await ended(api, each) for each in (run_id, later)]
        rest = await numbered(api, path, {"user": USER, "after": read[-1][0]})
        assert read + rest == await numbered(api, path)
    assert ["succeeded", "succeeded"] == [detail["status"] for detail in details]
    assert all(detail["elapsed_time"] >= 0 for detail in details)
    spans = [event["data"].get("elapsed_time") for _, event in read + rest]
    assert all(span >= 0 for span in spans if span is not None)
