"""Runs and readers that come and go: nothing of them stays (`benchmarks/soak.py` does the same on
a large scale)."""

import asyncio
import json
import sys
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.test_code import app as code_app
from tests.sandbox.test_fork_server import children_of
from tests.server_process import ServerProcess, free_port, running_server, running_stand_ins

SAMPLE = Path(__file__).parent.parent.parent / "workflows" / "summary.yml"
TOKEN = "for the soak"
GONE_WITHIN = 10.0
"""Seconds after the last request."""
MOST_GROWTH = 4 << 20
"""Bytes."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is in /proc")


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a server holds."""

    runs: float
    streams: float
    tasks: float
    descriptors: int
    children: int

    @property
    def is_quiet(self) -> bool:
        return self.runs == self.streams == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("soak")
    code = folder / "code.yml"
    code.write_text(code_app())
    model = free_port()
    provider = {"provider": "*", "kind": "openai", "base_url": f"http://127.0.0.1:{model}/v1"}
    config = {
        "apps": [
            {"workflow": str(SAMPLE), "api_keys": ["app-text"]},
            {"workflow": str(code), "api_keys": ["app-code"]},
        ],
        "models": [{**provider, "api_key": "any"}],
        "metrics": {"token": TOKEN},
    }
    with running_stand_ins(model=model), running_server(config, folder) as running:
        yield running


def holdings(server: ServerProcess) -> Holdings:
    page = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    gauges = {
        family.name: sum(sample.value for sample in family.samples)
        for family in text_string_to_metric_families(page)
    }
    return Holdings(
        gauges["graphmill_runs"],
        gauges["graphmill_event_streams"],
        gauges["graphmill_asyncio_tasks"],
        len(list(Path(f"/proc/{server.pid}/fd").iterdir())),
        len(children_of(server.pid)),
    )


def quiet_holdings(server: ServerProcess, *, expected: Holdings | None = None) -> Holdings:
    """What is held when nothing goes on any more; with `expected`, when that is reached."""
    deadline = time.monotonic() + GONE_WITHIN
    while True:
        held = holdings(server)
        is_done = held == expected if expected is not None else held.is_quiet
        if is_done or time.monotonic() > deadline:
            return held
        time.sleep(0.1)


async def run(client: httpx.AsyncClient, key: str, inputs: dict[str, str], ending: str) -> None:
    """One streaming run. `ending`: the status that it is to have; or `left`, then the client leaves
    after the first event; or `stopped`, then it stops the run there."""
    headers = {"Authorization": f"Bearer {key}"}
    body = {"inputs": inputs, "response_mode": "streaming", "user": "me"}
    status = None
    async with client.stream("POST", "/v1/workflows/run", json=body, headers=headers) as stream:
        async for line in stream.aiter_lines():
            if not line.startswith("data: "):
                continue
            event: dict[str, Any] = json.loads(line.removeprefix("data: "))
            if event["event"] == "workflow_finished":
                status = event["data"]["status"]
            elif event["event"] == "workflow_started" and ending == "left":
                return
            elif event["event"] == "workflow_started" and ending == "stopped":
                path = f"/v1/workflows/tasks/{event['task_id']}/stop"
                await client.post(path, json={"user": "me"}, headers=headers)
    assert ending == status


async def wave(server: ServerProcess) -> None:
    """Many clients at once."""
    words = {"text": "<<DELAY:0.03>><<REPLY:one two three four five six seven eight>>"}
    slow_words = {"text": "<<DELAY:1>><<REPLY:one two three four five>>"}
    async with httpx.AsyncClient(
        base_url=server.url, limits=httpx.Limits(max_connections=100), timeout=30
    ) as client:
        kinds: list[tuple[int, str, dict[str, str], str]] = [
            (20, "app-text", words, "succeeded"),
            (20, "app-text", words, "left"),
            (10, "app-text", slow_words, "stopped"),
            (10, "app-text", {"text": "<<FAIL>>"}, "failed"),
            (5, "app-code", {"order": "a"}, "succeeded"),
            (5, "app-code", {"order": "sleep"}, "stopped"),
        ]
        runs: list[Coroutine[Any, Any, None]] = [
            run(client, key, inputs, ending)
            for count, key, inputs, ending in kinds
            for _ in range(count)
        ]
        await asyncio.gather(*runs)


async def test_nothing_stays_of_runs_and_readers(server: ServerProcess) -> None:
    await wave(server)
    before, memory = quiet_holdings(server), server.resident_bytes()
    for _ in range(3):
        await wave(server)
    assert before == quiet_holdings(server, expected=before)
    assert server.resident_bytes() - memory < MOST_GROWTH
