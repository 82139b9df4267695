"""Webhooks (`nextcloud-ocs §21.11`), and calls to workers (`§12.3, §12.4`)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.api.ocs.client import REGISTRATION, TP, Ocs, W, opened
from tests.api.ocs.sink import Sink, opened_sink
from tests.api.ocs.workers import provider

BOOM = "core:text2text:formalization"
TOPICS = "core:text2text:topics"


@pytest_asyncio.fixture
async def sink() -> AsyncIterator[Sink]:
    async with opened_sink() as sink:
        yield sink


@pytest_asyncio.fixture
async def server(tmp_path: Path, echo_url: str) -> AsyncIterator[Ocs]:
    async with opened(tmp_path, echo_url) as client:
        yield client


def hook(sink: Sink, method: str) -> dict[str, str]:
    return {"webhookUri": f"{sink.url}/hook?a=1", "webhookMethod": method}


@pytest.mark.parametrize(
    ("task_type", "method", "status"),
    [
        pytest.param("core:text2text", "POST", "STATUS_SUCCESSFUL", id="H01"),
        pytest.param(BOOM, "PUT", "STATUS_FAILED", id="H02"),
        pytest.param("core:text2text", "GET", "STATUS_SUCCESSFUL", id="GET"),
    ],
)
async def test_end_of_a_task_is_told_once(
    server: Ocs, sink: Sink, task_type: str, method: str, status: str
) -> None:
    task_id = await server.sched(task_type, **hook(sink, f"HTTP:{method}"))
    task = await server.wait(task_id)
    [call] = await sink.first()
    assert (method, "/hook?a=1", "application/json") == (*call[:2], call[2]["content-type"])
    assert {"task": task} == call[3]
    assert (task_id, status) == (task["id"], task["status"])


async def test_h03_h04_cancelling_is_told_and_progress_is_not(server: Ocs, sink: Sink) -> None:
    task_id = await server.sched(TOPICS, **hook(sink, "HTTP:POST"))
    await server.post(f"{TP}/tasks_provider/{task_id}/progress", {"progress": 0.5}, worker=W)
    await server.post(f"{TP}/tasks/{task_id}/cancel")
    await server.post(f"{TP}/tasks/{task_id}/cancel")
    [call] = await sink.first()
    assert "STATUS_CANCELLED" == call[3]["task"]["status"]


async def test_h05_sink_that_fails_is_not_asked_again(server: Ocs, sink: Sink) -> None:
    sink.status = 500
    first = await server.sched(**hook(sink, "HTTP:POST"))
    await server.wait(first)
    await sink.first()
    second = await server.sched(**hook(sink, "HTTP:POST"))
    await server.wait(second)
    calls = await sink.first(2)
    assert [first, second] == [call[3]["task"]["id"] for call in calls]


async def test_redirects_are_not_followed(server: Ocs, sink: Sink, echo_url: str) -> None:
    sink.status = 302
    await server.wait(await server.sched(**hook(sink, "HTTP:POST")))
    assert 1 == len(await sink.first())


@pytest.mark.parametrize(
    ("more", "status"),
    [
        pytest.param({"webhookUri": "http://a/", "webhookMethod": "HTTP:PATCH"}, 200, id="H06"),
        pytest.param({"webhookUri": "http://a/"}, 400, id="H07"),
        pytest.param({"webhookMethod": "HTTP:POST"}, 400, id="method alone"),
        pytest.param({"webhookUri": "x" * 4001, "webhookMethod": "HTTP:GET"}, 400, id="long"),
    ],
)
async def test_webhooks_that_cannot_be(server: Ocs, more: dict[str, str], status: int) -> None:
    answer = await server.order("core:text2text", {"input": "x"}, more=more)
    assert status == answer.status


async def test_private_addresses_are_called_only_where_allowed(
    tmp_path: Path, echo_url: str, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, echo_url, webhook_allow_private=[]) as ocs:
        task = await ocs.wait(await ocs.sched(**hook(sink, "HTTP:POST")))
        assert "STATUS_SUCCESSFUL" == task["status"]
    assert [] == sink.calls
    assert "ocs.webhook_allow_private" in caplog.text


async def test_h08_nobody_is_shown_the_webhook(server: Ocs, sink: Sink) -> None:
    answer = await server.order(TOPICS, {"input": "x"}, more=hook(sink, "HTTP:POST"))
    assert "webhook" not in answer.response.text


def ex_app(sink: Sink, **more: Any) -> list[dict[str, Any]]:
    worker = {"id": "worker1", "version": "1.0.0", "secret": "w1-secret", "url": sink.url}
    return [{**worker, **more}]


async def test_worker_is_brought_up(tmp_path: Path, echo_url: str, sink: Sink) -> None:
    async with opened(tmp_path, echo_url, ex_apps=ex_app(sink)) as ocs:
        calls = await sink.first(2)
        assert [("GET", "/heartbeat"), ("POST", "/init")] == [call[:2] for call in calls]
        assert W["AUTHORIZATION-APP-API"] == calls[0][2]["authorization-app-api"]
        status = {"progress": 100, "error": ""}
        await ocs.call("PUT", "/apps/app_api/ex-app/status", version=1, worker=W, json=status)
        assert ("PUT", "/enabled?enabled=1") == (await sink.first(3))[2][:2]


@pytest.mark.parametrize(
    ("name", "query"),
    [("worker1:topics", "worker1:topics"), ("my topics&x=1#", "my%20topics%26x%3D1%23")],
)
async def test_worker_is_woken_up_for_the_first_task(
    tmp_path: Path, echo_url: str, sink: Sink, name: str, query: str
) -> None:
    bound = {TOPICS: {"provider": name}}
    async with opened(tmp_path, echo_url, ex_apps=ex_app(sink), task_types=bound) as ocs:
        await ocs.post(REGISTRATION, {"provider": provider(name, TOPICS)}, version=1, worker=W)
        await sink.first(2)
        await ocs.sched(TOPICS)
        call = (await sink.first(3))[2]
        assert ("POST", f"/trigger?providerId={query}") == call[:2]


async def test_webhook_may_be_a_worker(tmp_path: Path, echo_url: str, sink: Sink) -> None:
    async with opened(tmp_path, echo_url, ex_apps=ex_app(sink)) as ocs:
        await sink.first(2)
        to = {"webhookUri": "/done", "webhookMethod": "AppAPI:worker1:POST"}
        task = await ocs.wait(await ocs.sched(**to))
        method, path, headers, body = (await sink.first(3))[2]
        assert ("POST", "/done", {"task": task}) == (method, path, body)
        assert W["AUTHORIZATION-APP-API"] == headers["authorization-app-api"]


@pytest.mark.parametrize(
    "uri", ["/enabled?enabled=0", "//enabled?enabled=0", "/a/../%65nabled/", "/init", "/trigger#x"]
)
async def test_webhook_is_no_way_to_switch_a_worker_off(
    tmp_path: Path, echo_url: str, sink: Sink, uri: str
) -> None:
    """The calls by which the server governs a worker carry the worker's secret, as webhooks do."""
    async with opened(tmp_path, echo_url, ex_apps=ex_app(sink)) as ocs:
        await sink.first(2)
        await ocs.wait(await ocs.sched(webhookUri=uri, webhookMethod="AppAPI:worker1:PUT"))
        last = await ocs.sched(webhookUri="/done", webhookMethod="AppAPI:worker1:PUT")
        await ocs.wait(last)
        assert "/done" == (await sink.first(3))[2][1]
