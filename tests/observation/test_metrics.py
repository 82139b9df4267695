"""`/metrics` of a real server, as Prometheus reads it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.observation.stand_ins import KEY, World, config, world
from tests.server_process import ServerProcess, running_server

TOKEN = "for prometheus"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Watched:
    """A server whose metrics are on."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self.world = world
        self.client = client

    @property
    def page(self) -> str:
        return f"{self.world.outside.url}/page"

    @property
    def broken(self) -> str:
        return f"{self.world.outside.url}/broken"

    def body(self, url: str, mode: str = "blocking") -> dict[str, Any]:
        return {"inputs": {"url": url}, "response_mode": mode, "user": "u"}

    async def run(self, url: str) -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        body = self.body(url)
        response = await self.client.post("/v1/workflows/run", json=body, headers=headers)
        response.raise_for_status()

    async def samples(self) -> Samples:
        response = await self.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert "text/plain; version=0.0.4; charset=utf-8" == response.headers["content-type"]
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }

    async def until(self, **gauges: float) -> None:
        """Read until these values are seen."""
        app = frozenset({("app", "watched")})
        async with asyncio.timeout(5):
            seen: dict[str, float | None] = {}
            while gauges != seen:
                samples = await self.samples()
                seen = {name: samples.get((name, app)) for name in gauges}


@asynccontextmanager
async def watched(folder: Path, **sections: Any) -> AsyncIterator[Watched]:
    async with world() as outside:
        sections = {"metrics": {"token": TOKEN}, **sections}
        process = running_server(config(folder, outside, **sections), folder)
        with ExitStack() as stack:
            server: ServerProcess = await asyncio.to_thread(stack.enter_context, process)
            async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
                yield Watched(outside, client)


async def test_runs_nodes_models_and_requests_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    async with watched(tmp_path) as server:
        await server.run(server.page)
        await server.run(server.page)
        await server.run(server.broken)
        samples = await server.samples()
    expected = {
        ("graphmill_run_duration_seconds_count", ("app", "watched"), ("status", "succeeded")): 2,
        ("graphmill_run_duration_seconds_count", ("app", "watched"), ("status", "failed")): 1,
        ("graphmill_node_duration_seconds_count", ("type", "llm"), ("status", "succeeded")): 2,
        (
            "graphmill_node_duration_seconds_count",
            ("type", "http-request"),
            ("status", "failed"),
        ): 1,
        ("graphmill_node_retries_total", ("type", "http-request")): 1,
        (
            "graphmill_http_request_duration_seconds_count",
            ("method", "POST"),
            ("route", "/v1/workflows/run"),
            ("status", "200"),
        ): 3,
        (
            "graphmill_model_call_duration_seconds_count",
            ("model", "gpt-4o-mini"),
            ("status", "succeeded"),
        ): 2,
        ("graphmill_model_tokens_total", ("model", "gpt-4o-mini"), ("direction", "input")): 6,
        ("graphmill_model_tokens_total", ("model", "gpt-4o-mini"), ("direction", "output")): 4,
    }
    assert expected == {
        (name, *labels): samples.get((name, frozenset(labels))) for name, *labels in expected
    }


async def test_what_goes_on_is_seen(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with watched(tmp_path) as server:
        body = server.body(f"{server.world.outside.url}/never", "streaming")
        url = "/v1/workflows/run"
        async with server.client.stream("POST", url, json=body, headers=headers) as stream:
            lines = stream.aiter_lines()
            begun = json.loads((await anext(lines)).removeprefix("data: "))
            await server.until(graphmill_runs=1, graphmill_event_streams=1)
        # The reader has gone, and the run goes on.
        await server.until(graphmill_runs=1, graphmill_event_streams=0)
        stop = f"/v1/workflows/tasks/{begun['task_id']}/stop"
        await server.client.post(stop, json={"user": "u"}, headers=headers)
        await server.until(graphmill_runs=0, graphmill_event_streams=0)


async def test_no_caller_can_make_a_label(tmp_path: Path) -> None:
    async with watched(tmp_path) as server:
        for method, path in [
            ("GET", "/made-up"),
            ("PROPFIND", "/made-up/too"),
            ("GET", "/v1/made-up"),
            ("GET", "/ocs/v2.php/made-up"),
            ("GET", "/login/v2/made-up"),
            ("GET", "/ocs/v2.php/taskprocessing/task/made-up"),
            ("GET", "/v1/workflows/run/made-up"),
            ("PUT", "/v1/workflows/run"),
        ]:
            await server.client.request(method, path)
        samples = await server.samples()
    seen = {
        (fields["method"], fields["route"])
        for name, labels in samples
        if name == "graphmill_http_request_duration_seconds_count" and (fields := dict(labels))
    } - {("GET", "/health")}
    assert {
        ("GET", "unknown"),
        ("unknown", "unknown"),
        ("GET", "/ocs/v2.php/taskprocessing/task/{task_id}"),
        ("GET", "/v1/workflows/run/{run_id}"),
        ("PUT", "/v1/workflows/run"),
    } == seen


async def test_only_who_shows_the_token_reads_it(tmp_path: Path) -> None:
    shown = [None, f"Bearer {KEY}", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer \xe9"]
    async with watched(tmp_path) as server:
        for text in shown:
            headers = {} if text is None else {"Authorization": text.encode("latin-1")}
            response = await server.client.get("/metrics", headers=headers)
            assert (401, b"") == (response.status_code, response.content)
        names = {name for name, _ in await server.samples()}
    assert {
        "graphmill_build_info",
        "graphmill_database_writes_waiting",
        "graphmill_sandbox_calls",
        "graphmill_tasks",
        "process_open_fds",
        "process_resident_memory_bytes",
    } <= names
