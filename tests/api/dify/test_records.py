"""Run detail, stop, rejoin (`service-api §29`, rows 116, 133-147, 193-197)."""

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest

from graphmill.jsontext import decode
from tests.api.dify.client import USER, Api, Json, error_of, events_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ended(api: Api, run_id: str, app: str = "waiting") -> Json:
    """The detail of a run when it has ended."""
    async with asyncio.timeout(10):
        while True:
            detail = (await api.get(f"/workflows/run/{run_id}", app=app)).json()
            if detail["status"] != "running":
                return dict(detail)
            await asyncio.sleep(0.02)


# --- detail ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["blocking", "streaming"])
async def test_detail_is_complete_when_the_answer_is_there(api: Api, mode: str) -> None:
    response = await api.run({"name": "Ann"}, response_mode=mode)
    if mode == "blocking":
        run_id = response.json()["workflow_run_id"]
    else:
        run_id = next(events_of(response.text))["workflow_run_id"]
    detail = (await api.get(f"/workflows/run/{run_id}")).json()
    assert [
        "id",
        "workflow_id",
        "status",
        "inputs",
        "outputs",
        "error",
        "total_steps",
        "total_tokens",
        "created_at",
        "finished_at",
        "elapsed_time",
    ] == list(detail)
    assert (run_id, "succeeded", None, 2, 0) == (
        detail["id"],
        detail["status"],
        detail["error"],
        detail["total_steps"],
        detail["total_tokens"],
    )
    assert {"name": "Ann", "bio": "none"}.items() <= detail["outputs"].items()
    assert [int, int, float] == [
        type(detail[key]) for key in ("created_at", "finished_at", "elapsed_time")
    ]
    assert {"name": "Ann", "sys.user_id": USER}.items() <= decode(detail["inputs"].encode()).items()


async def test_detail_signs_the_links_of_files_anew(api: Api) -> None:
    file_id = (await api.upload()).json()["id"]
    mapping = {"type": "document", "transfer_method": "local_file", "upload_file_id": file_id}
    run_id = (await api.run({"name": "A", "doc": mapping})).json()["workflow_run_id"]
    [first, second] = [
        (await api.get(f"/workflows/run/{run_id}")).json()["outputs"]["doc"]["url"]
        for _ in range(2)
    ]
    assert first != second
    link = httpx.URL(second).raw_path.decode()
    assert b"hello" == (await api.http.get(link)).content


async def test_run_that_is_not_there_is_not_found(api: Api) -> None:
    foreign = (await api.run({}, app="other")).json()["workflow_run_id"]
    for run_id in (str(uuid4()), "abc", foreign):
        response = await api.get(f"/workflows/run/{run_id}")
        assert (404, "not_found") == error_of(response)
        assert "Workflow run not found." == response.json()["message"]


@pytest.mark.parametrize("path", ["/workflows/run/{}", "/workflow/{}/events"])
async def test_app_without_runs_says_so(api: Api, path: str) -> None:
    response = await api.get(path.format(uuid4()), app="talk")
    assert (400, "not_workflow_app") == error_of(response)


async def test_going_run_is_running_and_without_end(live_api: Api, echo_url: str) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/5"}) as events:
        first = await anext(events)
        path = f"/workflows/run/{first['workflow_run_id']}"
        detail = (await live_api.get(path, app="waiting")).json()
        await live_api.post(
            f"/workflows/tasks/{first['task_id']}/stop", {"user": USER}, app="waiting"
        )
    assert ("running", None, {}, None) == (
        detail["status"],
        detail["finished_at"],
        detail["outputs"],
        detail["error"],
    )


# --- stop ------------------------------------------------------------------------------------


async def stopped(api: Api, path: str, *, app: str = "waiting", user: str = USER) -> httpx.Response:
    return await api.post(path, {"user": user}, app=app)


@pytest.mark.parametrize("user", [USER, "somebody-else"])
@pytest.mark.parametrize("path", ["/workflows/tasks/{task_id}/stop", "/workflows/{task_id}/stop"])
async def test_stop_ends_the_stream_and_the_record(
    live_api: Api, echo_url: str, user: str, path: str
) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/30"}) as events:
        first = await anext(events)
        response = await stopped(live_api, path.format(**first), user=user)
        async with asyncio.timeout(3):
            last = [event async for event in events][-1]
    assert (200, {"result": "success"}) == (response.status_code, response.json())
    assert ("workflow_finished", "stopped", "Stopped by user.") == (
        last["event"],
        last["data"]["status"],
        last["data"]["error"],
    )
    detail = await ended(live_api, first["workflow_run_id"])
    assert ("stopped", "Stopped by user.") == (detail["status"], detail["error"])
    again = await stopped(live_api, path.format(**first))
    assert {"result": "success"} == again.json()


async def test_run_can_be_stopped_by_its_own_id(live_api: Api, echo_url: str) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/30"}) as events:
        first = await anext(events)
        await stopped(live_api, f"/workflows/tasks/{first['workflow_run_id']}/stop")
        async with asyncio.timeout(3):
            last = [event async for event in events][-1]
    assert "stopped" == last["data"]["status"]


async def test_key_of_another_app_stops_nothing(live_api: Api, echo_url: str) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/1"}) as events:
        first = await anext(events)
        path = f"/workflows/tasks/{first['task_id']}/stop"
        response = await stopped(live_api, path, app="main")
        last = [event async for event in events][-1]
    assert {"result": "success"} == response.json()
    assert "succeeded" == last["data"]["status"]


@pytest.mark.parametrize("task_id", [str(uuid4()), "nonsense", "%00"])
async def test_stopping_what_is_not_there_is_a_success(api: Api, task_id: str) -> None:
    response = await stopped(api, f"/workflows/tasks/{task_id}/stop", app="main")
    assert (200, {"result": "success"}) == (response.status_code, response.json())


@pytest.mark.parametrize(
    ("body", "app", "code"),
    [
        ({}, "main", "invalid_param"),
        ({"user": ""}, "main", "invalid_param"),
        ({"user": "u"}, "chat", "not_workflow_app"),
        ({}, "chat", "invalid_param"),
    ],
)
async def test_stop_needs_a_user_and_a_workflow(api: Api, body: Json, app: str, code: str) -> None:
    response = await api.post("/workflows/tasks/nonsense/stop", body, app=app)
    assert (400, code) == error_of(response)


# --- leaving and rejoining -------------------------------------------------------------------


async def rejoined(api: Api, run_id: str, *, app: str = "waiting", **query: str) -> httpx.Response:
    return await api.get(f"/workflow/{run_id}/events", app=app, params=query)


async def test_run_goes_on_when_its_reader_leaves(live_api: Api, echo_url: str) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/0.5"}) as events:
        run_id = (await anext(events))["workflow_run_id"]
    assert "succeeded" == (await ended(live_api, run_id))["status"]


async def test_run_that_is_over_has_its_end_left_to_tell(api: Api) -> None:
    events = await api.events({"name": "Ann"})
    response = await rejoined(api, events[-1]["workflow_run_id"], app="main", user=USER)
    assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
    assert [events[-1]] == list(events_of(response.text))


async def test_rest_of_a_going_run_opens_with_a_ping(live_api: Api, echo_url: str) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/1"}) as events:
        first = await anext(events)
        for _ in range(3):
            await anext(events)
        response = await rejoined(live_api, first["workflow_run_id"], user=USER)
        rest = [event async for event in events]
    assert response.text.startswith("event: ping\n\n")
    assert rest == list(events_of(response.text))


async def test_snapshot_tells_what_has_happened_without_its_values(
    live_api: Api, echo_url: str
) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/1"}) as events:
        first = await anext(events)
        earlier = [await anext(events) for _ in range(3)]
        response = await rejoined(
            live_api, first["workflow_run_id"], user=USER, include_state_snapshot="True"
        )
        rest = [event async for event in events]
    again = list(events_of(response.text))
    assert first == again[0]
    assert ["node_started", "node_finished", "node_started"] == [e["event"] for e in again[1:4]]
    assert [e["data"]["id"] for e in earlier] == [e["data"]["id"] for e in again[1:4]]
    assert ({}, {}, None) == (
        again[2]["data"]["inputs"],
        again[2]["data"]["outputs"],
        again[2]["data"]["execution_metadata"],
    )
    assert rest == again[4:]


async def test_going_run_can_be_rejoined_by_its_task(live_api: Api, echo_url: str) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/0.5"}) as events:
        first = await anext(events)
        response = await rejoined(live_api, first["task_id"], user=USER)
    assert UUID(first["task_id"])
    assert "workflow_finished" == list(events_of(response.text))[-1]["event"]


async def test_only_its_user_can_rejoin_a_run(live_api: Api, echo_url: str) -> None:
    over = (await live_api.run({"name": "A"})).json()["workflow_run_id"]
    async with live_api.stream({"url": f"{echo_url}/sleep/0.5"}) as events:
        going = (await anext(events))["workflow_run_id"]
        answers = [
            await rejoined(live_api, going, user="somebody-else"),
            await rejoined(live_api, going, app="main", user=USER),
            await rejoined(live_api, over, app="main", user="somebody-else"),
            await rejoined(live_api, str(uuid4()), user=USER),
            await rejoined(live_api, "abc", user=USER),
        ]
    assert [(404, "not_found")] * 5 == [error_of(answer) for answer in answers]


async def test_rejoining_needs_a_user(api: Api) -> None:
    assert (400, "invalid_param") == error_of(await rejoined(api, str(uuid4())))
