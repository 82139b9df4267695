"""Too many, too much, too deep, too slow (`service-api §26`, rows 211-214)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from graphmill.api import bodies
from graphmill.server import create_app, server_config
from graphmill.wiring.server import build
from tests.api.dify.client import USER, Api, error_of, settings
from tests.api.serving import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def busy_api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A server that lets each app have one run at a time."""
    only_one = settings(tmp_path_factory.mktemp("busy"), limits={"runs_per_app": 1})
    async with (
        build(only_one) as services,
        served(server_config(create_app(services), only_one.server)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
    ):
        yield Api(http)


# --- runs at a time --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["blocking", "streaming"])
async def test_run_above_the_ceiling_is_refused(busy_api: Api, echo_url: str, mode: str) -> None:
    inputs = {"url": f"{echo_url}/sleep/1"}
    async with busy_api.stream(inputs) as events:
        await anext(events)
        refused = await busy_api.run(inputs, app="waiting", response_mode=mode)
        other = await busy_api.run({"name": "A"})
        async for _ in events:
            pass
    assert (429, "too_many_requests") == error_of(refused)
    assert "1" == refused.headers["retry-after"]
    assert refused.json()["message"].startswith("Too many requests. Please try again later.")
    assert 200 == other.status_code


async def test_slot_is_free_again_when_the_run_has_ended(busy_api: Api, echo_url: str) -> None:
    async with busy_api.stream({"url": f"{echo_url}/sleep/0.2"}) as events:
        await anext(events)
    inputs = {"url": f"{echo_url}/empty"}
    for _ in range(100):
        response = await busy_api.run(inputs, app="waiting")
        if response.status_code != 429:
            break
        await asyncio.sleep(0.05)
    assert 200 == response.status_code


async def test_refused_run_holds_no_slot(busy_api: Api) -> None:
    for _ in range(2):
        assert (400, "invalid_param") == error_of(await busy_api.run({}))
    assert 200 == (await busy_api.run({"name": "A"})).status_code


@asynccontextmanager
async def limited(folder: Path, **limits: int) -> AsyncIterator[Api]:
    """A server of its own, with these limits."""
    asked = settings(folder, limits=limits)
    async with (
        build(asked) as services,
        served(server_config(create_app(services), asked.server)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
    ):
        yield Api(http)


async def test_all_apps_share_the_ceiling_of_the_server(tmp_path: Path, echo_url: str) -> None:
    inputs = {"url": f"{echo_url}/sleep/1"}
    async with limited(tmp_path, runs=1) as api, api.stream(inputs) as events:
        await anext(events)
        assert (429, "too_many_requests") == error_of(await api.run({"name": "A"}))


async def test_event_stream_above_the_ceiling_is_refused_before_anything_runs(
    tmp_path: Path, echo_url: str
) -> None:
    async with limited(tmp_path, readers=1) as api:
        async with api.stream({"url": f"{echo_url}/sleep/1"}) as events:
            run_id = (await anext(events))["workflow_run_id"]
            refused = [
                await api.run({"name": "A"}, response_mode="streaming"),
                await api.get(f"/workflow/{run_id}/events?user={USER}", app="waiting"),
            ]
            blocking = await api.run({"name": "A"})
        assert [(429, "too_many_requests")] * 2 == [error_of(each) for each in refused]
        assert 200 == blocking.status_code
        logs = (await api.get("/workflows/logs")).json()
        assert 1 == logs["total"]


async def test_streams_that_end_in_any_way_make_room(tmp_path: Path, echo_url: str) -> None:
    async with limited(tmp_path, readers_per_app=1) as api:
        assert await api.events({"name": "A"})
        assert (400, "invalid_param") == error_of(await api.run({}, response_mode="streaming"))
        assert "error" == (await api.events({}, app="broken"))[0]["event"]
        async with api.stream({"url": f"{echo_url}/sleep/1"}) as events:
            await anext(events)
        assert await api.events({"name": "A"})
        for _ in range(100):
            left = await api.run(
                {"url": f"{echo_url}/empty"}, app="waiting", response_mode="streaming"
            )
            if left.status_code == 200:
                break
            await asyncio.sleep(0.02)
        assert 200 == left.status_code


async def test_key_that_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with limited(tmp_path, requests_per_minute=3) as api:
        answers = [await api.get("/info") for _ in range(3)]
        spelled = {"Authorization": "BEARER   app-main"}
        refused = await api.http.get("/v1/info", headers=spelled)
        other = await api.get("/info", app="other")
    assert [200] * 3 == [answer.status_code for answer in answers]
    assert (429, "too_many_requests") == error_of(refused)
    assert 50 < int(refused.headers["retry-after"]) <= 60
    assert 200 == other.status_code


async def test_all_keys_together_have_a_ceiling_too(tmp_path: Path) -> None:
    async with limited(tmp_path, requests_per_minute=2, all_requests_per_minute=3) as api:
        answers = [await api.get("/info", app=app) for app in ("main",) * 3 + ("other",) * 2]
    # What is refused to one key takes nothing away from the others.
    assert [200, 200, 429, 200, 429] == [answer.status_code for answer in answers]
    assert "maximum is 2 " in answers[2].json()["message"]
    assert "maximum is 3 " in answers[4].json()["message"]
    assert 50 < int(answers[4].headers["retry-after"]) <= 60


async def test_size_of_bodies_is_configured(tmp_path: Path) -> None:
    async with limited(tmp_path, body_mb=1) as api:
        assert 200 == (await api.run({"name": "A", "cfg": {"x": "y" * 1000}})).status_code
        too_large = await api.run({"name": "A" * MIB})
        ocs = await api.http.post("/login/v2/poll", data={"token": "x" * MIB})
    assert (413, "request_entity_too_large") == error_of(too_large)
    assert 413 == ocs.status_code


# --- bodies ----------------------------------------------------------------------------------


def headers(**more: str) -> dict[str, str]:
    return {"Authorization": "Bearer app-main", "Content-Type": "application/json", **more}


async def opened(
    api: Api, path: str, *, length: int = 100, **more: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a POST has begun, its body still to come."""
    url = api.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = [f"POST {path} HTTP/1.1", "Host: server", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers(**more).items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    return reader, writer


async def endless(size: int) -> AsyncIterator[bytes]:
    yield b'{"user": "u", "inputs": {"name": "'
    for _ in range(size // MIB):
        yield b"x" * MIB
    yield b'"}}'


@pytest.mark.parametrize("is_announced", [True, False], ids=["with-length", "chunked"])
async def test_json_above_the_limit_is_refused(live_api: Api, is_announced: bool) -> None:
    content = b"".join([piece async for piece in endless(20 * MIB)])
    response = await live_api.http.post(
        "/v1/workflows/run",
        content=content if is_announced else endless(20 * MIB),
        headers=headers(),
    )
    assert (413, "request_entity_too_large") == error_of(response)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/v1/workflows/run", "application/json"),
        ("/v1/files/upload", "multipart/form-data; boundary=x"),
    ],
)
async def test_announced_length_is_refused_before_the_body_comes(
    live_api: Api, path: str, content_type: str
) -> None:
    more = {"Content-Type": content_type}
    reader, writer = await opened(live_api, path, length=1 << 30, **more)
    async with asyncio.timeout(3):
        status = await reader.readline()
    writer.close()
    assert b"HTTP/1.1 413 " in status


async def test_upload_that_never_ends_is_refused(live_api: Api) -> None:
    async def form() -> AsyncIterator[bytes]:
        yield (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
            b"Content-Type: text/plain\r\n\r\n"
        )
        for _ in range(64):
            yield bytes(MIB)

    response = await live_api.http.post(
        "/v1/files/upload",
        content=form(),
        headers=headers(**{"Content-Type": "multipart/form-data; boundary=x"}),
    )
    assert (413, "file_too_large") == error_of(response)


@pytest.mark.parametrize(
    ("depth", "error"),
    [(90, None), (200, (400, "bad_request")), (100_000, (400, "bad_request"))],
)
@pytest.mark.parametrize("brackets", ["[]", "{}"], ids=["arrays", "objects"])
async def test_json_may_be_nested_so_deep(
    api: Api, depth: int, error: tuple[int, str] | None, brackets: str
) -> None:
    opening = brackets[0] if brackets == "[]" else '{"a":'
    value = opening * depth + "1" + brackets[1] * depth
    content = '{"user": "u", "inputs": {"name": "A", "cfg": {"x": ' + value + "}}}"
    response = await api.http.post("/v1/workflows/run", content=content, headers=headers())
    if error is None:
        assert json.loads(value) == response.json()["data"]["outputs"]["cfg"]["x"]
    else:
        assert error == error_of(response)


async def test_wide_json_is_not_deep(api: Api) -> None:
    wide = {"name": "A", "cfg": {"x": [[] for _ in range(1000)]}}
    assert 200 == (await api.run(wide)).status_code


async def test_integers_of_any_length_come_back(api: Api) -> None:
    content = (
        b'{"user": "u", "inputs": {"name": "A", "cfg": {"n": 123456789012345678901234567890}}}'
    )
    response = await api.http.post("/v1/workflows/run", content=content, headers=headers())
    assert b'"n":123456789012345678901234567890}' in response.content


async def test_half_a_character_comes_back(api: Api) -> None:
    content = b'{"user": "\\ud83d", "inputs": {"name": "\\ud83d"}, "response_mode": "streaming"}'
    response = await api.http.post("/v1/workflows/run", content=content, headers=headers())
    assert 200 == response.status_code
    assert b'"name":"\\ud83d"' in response.content


# --- pace ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/v1/workflows/run", "application/json"),
        ("/v1/files/upload", "multipart/form-data; boundary=x"),
    ],
)
async def test_body_that_comes_too_slowly_is_given_up(
    live_api: Api, path: str, content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.3)
    reader, writer = await opened(live_api, path, **{"Content-Type": content_type})

    async def drip() -> None:
        for byte in b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"':
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    async with asyncio.timeout(3), asyncio.TaskGroup() as tasks:
        dripping = tasks.create_task(drip())
        reply = await reader.readuntil(b"\r\n\r\n")
        dripping.cancel()
    writer.close()
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close\r\n" in reply


async def test_client_that_leaves_within_its_body_disturbs_nobody(live_api: Api) -> None:
    _, writer = await opened(live_api, "/v1/workflows/run")
    writer.write(b'{"user":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert 200 == (await live_api.run({"name": "A"}, user=USER)).status_code
