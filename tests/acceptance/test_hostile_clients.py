"""Clients that send too much, too slowly or leave: the server process stays small and goes on."""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess, running_server

KEY = "app-waiting"
USER = "somebody"
MIB = 1024 * 1024

Json = dict[str, Any]

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    waiting = {
        "workflow": str(Path(__file__).parent / "workflows" / "waiting.yml"),
        "api_keys": [KEY],
    }
    config = {"apps": [waiting], "http_request": {"allow": ["127.0.0.0/8"]}}
    with running_server(config, tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as made:
        yield made


def run_body(url: str, mode: str = "streaming") -> Json:
    return {"inputs": {"url": url}, "response_mode": mode, "user": USER}


@asynccontextmanager
async def streaming_run(client: httpx.AsyncClient, url: str) -> AsyncIterator[AsyncIterator[Json]]:
    async with client.stream("POST", "/v1/workflows/run", json=run_body(url)) as response:
        assert response.status_code == 200
        yield _events(response)


async def _events(response: httpx.Response) -> AsyncIterator[Json]:
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def run_detail(client: httpx.AsyncClient, run_id: str) -> Json:
    return dict((await client.get(f"/v1/workflows/run/{run_id}")).json())


async def ended_run(client: httpx.AsyncClient, run_id: str) -> Json:
    """The detail of a run when it has ended: its events are followed until then."""
    await client.get(f"/v1/workflow/{run_id}/events", params={"user": USER})
    return await run_detail(client, run_id)


# --- too much --------------------------------------------------------------------------------


async def gibibyte_of_file(boundary: bytes) -> AsyncIterator[bytes]:
    yield (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="huge.bin"'
        b"\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    block = bytes(MIB)
    for _ in range(1024):
        yield block
    yield b"\r\n--" + boundary + b"--\r\n"


@needs_proc
async def test_upload_of_a_gibibyte_is_refused_and_never_held_in_memory(
    server: ServerProcess, client: httpx.AsyncClient
) -> None:
    before = server.peak_resident_bytes()
    answer = await client.post(
        "/v1/files/upload",
        content=gibibyte_of_file(b"frontier"),
        headers={"Content-Type": "multipart/form-data; boundary=frontier"},
    )
    assert (413, "file_too_large") == (answer.status_code, answer.json()["code"])
    assert server.peak_resident_bytes() - before < 32 * MIB
    kept = [file for file in server.data_dir.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in kept) < 20 * MIB


@needs_proc
async def test_json_body_of_100_mb_is_refused_and_never_held_in_memory(
    server: ServerProcess, client: httpx.AsyncClient
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"response_mode": "blocking", "user": "u", "inputs": {"url": "'
        for _ in range(100):
            yield b"x" * MIB
        yield b'"}}'

    before = server.peak_resident_bytes()
    answer = await client.post(
        "/v1/workflows/run", content=body(), headers={"Content-Type": "application/json"}
    )
    assert 413 == answer.status_code
    assert server.peak_resident_bytes() - before < 64 * MIB


@pytest.mark.parametrize("opening", ['{"inputs": ', "["], ids=["objects", "arrays"])
async def test_deeply_nested_json_is_a_bad_request(client: httpx.AsyncClient, opening: str) -> None:
    answer = await client.post(
        "/v1/workflows/run",
        content=opening * 100_000,
        headers={"Content-Type": "application/json"},
    )
    assert (400, "bad_request") == (answer.status_code, answer.json()["code"])


# --- too slow --------------------------------------------------------------------------------


async def test_clients_that_send_a_byte_a_second_keep_nobody_waiting(
    server: ServerProcess, client: httpx.AsyncClient
) -> None:
    request = b"POST /v1/workflows/run HTTP/1.1\r\nHost: graphmill\r\n"

    async def drip() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            for byte in request:
                writer.write(bytes([byte]))
                await asyncio.sleep(1)
        finally:
            writer.close()

    async with asyncio.TaskGroup() as tasks:
        drips = [tasks.create_task(drip()) for _ in range(100)]
        await asyncio.sleep(1.5)
        started = time.perf_counter()
        answer = await client.post(
            "/v1/workflows/run", json=run_body(f"{server.url}/health", "blocking")
        )
        seconds = time.perf_counter() - started
        for task in drips:
            task.cancel()
    assert "succeeded" == answer.json()["data"]["status"]
    assert seconds < 1


@needs_proc
async def test_500_idle_readers_of_a_run_cost_little_and_all_see_its_end(
    server: ServerProcess, client: httpx.AsyncClient, echo_url: str
) -> None:
    async def read_to_the_end(run_id: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"GET /v1/workflow/{run_id}/events?user={USER} HTTP/1.1\r\nHost: graphmill\r\n"
            f"Authorization: Bearer {KEY}\r\nConnection: close\r\n\r\n".encode()
        )
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()

    before = server.resident_bytes()
    async with streaming_run(client, f"{echo_url}/sleep/6") as events, asyncio.TaskGroup() as tasks:
        run_id = (await anext(events))["workflow_run_id"]
        readers = [tasks.create_task(read_to_the_end(run_id)) for _ in range(500)]
        await asyncio.sleep(3)
        cost = server.resident_bytes() - before
        started = time.perf_counter()
        await client.get("/health")
        seconds = time.perf_counter() - started
    assert seconds < 1
    assert cost < 500 * 64 * 1024
    assert 500 == sum('"event":"workflow_finished"' in task.result() for task in readers)


def test_connections_above_the_ceiling_are_refused_and_make_room_again(tmp_path: Path) -> None:
    few = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120)); "
    launcher = [sys.executable, "-c", few + "os.execv(sys.argv[1], sys.argv[1:])"]
    with running_server({}, tmp_path, launcher=launcher) as small:
        idle = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(90)]
        refused = httpx.get(f"{small.url}/health")
        for connection in idle:
            connection.close()
        await_room = time.monotonic() + 5
        while httpx.get(f"{small.url}/health").status_code != 200:
            assert time.monotonic() < await_room
    assert 503 == refused.status_code


# --- leaving ---------------------------------------------------------------------------------


async def test_run_goes_on_when_its_streaming_client_leaves(
    client: httpx.AsyncClient, echo_url: str
) -> None:
    async with streaming_run(client, f"{echo_url}/sleep/1") as events:
        run_id = (await anext(events))["workflow_run_id"]
    detail = await ended_run(client, run_id)
    assert ("succeeded", {"body": "slept"}) == (detail["status"], detail["outputs"])


async def test_run_goes_on_when_its_blocking_client_leaves(
    client: httpx.AsyncClient, echo_url: str
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await client.post(
            "/v1/workflows/run", json=run_body(f"{echo_url}/sleep/1", "blocking"), timeout=0.5
        )
    [newest] = (await client.get("/v1/workflows/logs", params={"limit": 1})).json()["data"]
    assert "running" == newest["workflow_run"]["status"]
    detail = await ended_run(client, newest["workflow_run"]["id"])
    assert "succeeded" == detail["status"]


# --- stopping --------------------------------------------------------------------------------


class SilentPeer:
    """Accepts a connection, never answers, and knows when it was closed."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected.set()
        await reader.read()
        self.closed.set()
        writer.close()


async def test_stop_ends_a_call_in_flight_and_shows_everywhere(
    client: httpx.AsyncClient,
) -> None:
    async with AsyncExitStack() as stack:
        peer = SilentPeer()
        listener = await stack.enter_async_context(await asyncio.start_server(peer, "127.0.0.1", 0))
        port = listener.sockets[0].getsockname()[1]
        run = streaming_run(client, f"http://127.0.0.1:{port}/")
        events = await stack.enter_async_context(run)
        first = await anext(events)
        await peer.connected.wait()

        async with asyncio.timeout(1):
            stopped = await client.post(
                f"/v1/workflows/tasks/{first['task_id']}/stop", json={"user": USER}
            )
            await peer.closed.wait()
            last = [event async for event in events][-1]

    assert {"result": "success"} == stopped.json()
    assert ("workflow_finished", "stopped", "Stopped by user.") == (
        last["event"],
        last["data"]["status"],
        last["data"]["error"],
    )
    detail = await run_detail(client, first["workflow_run_id"])
    assert ("stopped", "Stopped by user.") == (detail["status"], detail["error"])
    [newest] = (await client.get("/v1/workflows/logs", params={"limit": 1})).json()["data"]
    assert ("stopped", first["workflow_run_id"]) == (
        newest["workflow_run"]["status"],
        newest["workflow_run"]["id"],
    )
