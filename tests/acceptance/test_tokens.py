"""Many models streaming at once, over HTTP (`benchmarks/tokens.py` measures how fast)."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server_process import ServerProcess, free_port, running_server, running_stand_ins

SAMPLE = Path(__file__).parent.parent.parent / "workflows" / "summary.yml"
RUNS = 50
TOKENS = 60
MOST_GROWTH = 4 << 20
"""Bytes that as many runs again may add to the server; each brings 60 tokens and a prompt."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    model = free_port()
    provider = {"provider": "*", "kind": "openai", "base_url": f"http://127.0.0.1:{model}/v1"}
    config = {
        "apps": [{"workflow": str(SAMPLE), "api_keys": ["app-summary"]}],
        "models": [{**provider, "api_key": "any"}],
    }
    with (
        running_stand_ins(model=model),
        running_server(config, tmp_path_factory.mktemp("tokens")) as running,
    ):
        yield running


async def chunks_of(client: httpx.AsyncClient, reply: str) -> list[str]:
    body = {
        "inputs": {"text": f"<<DELAY:0.02>><<REPLY:{reply}>>"},
        "response_mode": "streaming",
        "user": "me",
    }
    async with client.stream("POST", "/v1/workflows/run", json=body) as stream:
        events = [
            json.loads(line.removeprefix("data: "))
            async for line in stream.aiter_lines()
            if line.startswith("data: ")
        ]
    return [event["data"]["text"] for event in events if event["event"] == "text_chunk"]


async def wave(server: ServerProcess) -> None:
    """`RUNS` runs at once, each with words of its own: every word comes, in order, on its own."""
    replies = [" ".join(f"run{run}-{number}" for number in range(TOKENS)) for run in range(RUNS)]
    headers = {"Authorization": "Bearer app-summary"}
    limits = httpx.Limits(max_connections=RUNS)
    async with httpx.AsyncClient(
        base_url=server.url, headers=headers, limits=limits, timeout=60
    ) as client:
        found = await asyncio.gather(*(chunks_of(client, reply) for reply in replies))
    assert replies == ["".join(chunks) for chunks in found]
    # Words that arrive together are shown together; most do not.
    assert min(len(chunks) for chunks in found) > TOKENS / 2


async def test_tokens_of_many_runs_come_in_order_and_leave_nothing_behind(
    server: ServerProcess,
) -> None:
    await wave(server)
    before = server.resident_bytes()
    await wave(server)
    assert server.resident_bytes() - before < MOST_GROWTH
