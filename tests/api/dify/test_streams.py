"""Event streams of runs (`service-api §29`, rows 103-121)."""

from uuid import uuid4

import pytest

from tests.api.dify.client import FOLDER, USER, Api, Json, events_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORDED = FOLDER.parent.parent / "conformance" / "raw"


def named(events: list[Json], name: str) -> list[Json]:
    return [event for event in events if event["event"] == name]


async def test_stream_is_data_lines_and_line_feeds(api: Api) -> None:
    response = await api.run({"name": "日本"}, response_mode="streaming")
    assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
    assert ("no-cache", "no") == (
        response.headers["cache-control"],
        response.headers["x-accel-buffering"],
    )
    *blocks, rest = response.text.split("\n\n")
    assert "" == rest
    assert all(block.startswith('data: {"event":') and "\n" not in block for block in blocks)
    assert "\r" not in response.text
    events = list(events_of(response.text))
    assert "日本" == events[0]["data"]["inputs"]["name"]
    assert response.headers["x-workflow-run-id"] == events[0]["workflow_run_id"]


async def test_events_are_those_of_one_run_from_start_to_end(api: Api) -> None:
    events = await api.events({"name": "Ann"})
    assert 1 == len({(event["task_id"], event["workflow_run_id"]) for event in events})
    names = [event["event"] for event in events]
    assert ("workflow_started", "workflow_finished") == (names[0], names[-1])
    assert 1 == names.count("workflow_started") == names.count("workflow_finished")


async def test_start_tells_inputs_and_system_values(api: Api) -> None:
    [event] = named(await api.events({"name": "Ann"}), "workflow_started")
    data = event["data"]
    assert event["workflow_run_id"] == data["id"]
    assert "initial" == data["reason"]
    assert int is type(data["created_at"])
    assert {
        "name": "Ann",
        "sys.user_id": USER,
        "sys.files": [],
        "sys.workflow_id": data["workflow_id"],
        "sys.workflow_run_id": data["id"],
    }.items() <= data["inputs"].items()


async def test_runs_of_an_app_are_counted(api: Api) -> None:
    first, second = [(await api.events({"name": "Ann"}))[0]["data"] for _ in range(2)]
    assert first["sequence_number"] + 1 == second["sequence_number"]


async def test_every_node_that_started_finishes(api: Api) -> None:
    events = await api.events({"name": "Ann"})
    same = ("id", "node_id", "node_type", "title", "index", "predecessor_node_id")
    started = [[e["data"][key] for key in same] for e in named(events, "node_started")]
    finished = [[e["data"][key] for key in same] for e in named(events, "node_finished")]
    assert started == finished
    assert [["start", "start", "Start", 1, None], ["end", "end", "End", 2, "start"]] == [
        node[1:] for node in started
    ]


async def test_end_tells_what_a_blocking_answer_tells(api: Api) -> None:
    events = await api.events({"name": "Ann"})
    data = events[-1]["data"]
    assert await api.outputs({"name": "Ann"}) == data["outputs"]
    assert ("succeeded", None, 0, []) == (
        data["status"],
        data["error"],
        data["exceptions_count"],
        data["files"],
    )
    assert len(named(events, "node_finished")) == data["total_steps"]
    assert USER == data["created_by"]["user"]


async def test_files_of_outputs_are_listed(api: Api) -> None:
    file_id = (await api.upload()).json()["id"]
    mapping = {"transfer_method": "local_file", "upload_file_id": file_id, "type": "document"}
    events = await api.events({"name": "A", "doc": mapping, "docs": [mapping]})
    assert [file_id, file_id] == [file["related_id"] for file in events[-1]["data"]["files"]]
    assert all("file-preview" in file["url"] for file in events[-1]["data"]["files"])


async def test_failure_is_told_by_the_node_and_the_run(api: Api) -> None:
    events = await api.events({}, app="failing")
    node, run = events[-2], events[-1]
    assert ("node_finished", "failed") == (node["event"], node["data"]["status"])
    assert ("workflow_finished", "failed") == (run["event"], run["data"]["status"])
    assert node["data"]["error"] == run["data"]["error"] != ""
    assert [] == named(events, "error")


async def test_handled_failure_is_an_exception_with_its_reason(api: Api) -> None:
    events = await api.events({}, app="partial")
    [node] = [e["data"] for e in events if e["data"].get("status") == "exception"]
    assert node["outputs"]["error_message"] == node["error"]
    assert {"error_strategy": "default-value"} == node["execution_metadata"]
    assert ("partial-succeeded", 1) == (
        events[-1]["data"]["status"],
        events[-1]["data"]["exceptions_count"],
    )


async def test_retry_is_told_between_start_and_end_of_its_node(api: Api, echo_url: str) -> None:
    events = await api.events({"url": f"{echo_url}/flaky/{uuid4()}/1"}, app="retrying")
    about = [event for event in events if event["data"].get("node_id") == "try"]
    assert ["node_started", "node_retry", "node_finished"] == [e["event"] for e in about]
    retry = about[1]["data"]
    assert ("retry", 1) == (retry["status"], retry["retry_index"])
    assert retry["error"]
    assert 1 == len({event["data"]["id"] for event in about})


async def test_events_and_their_members_come_in_the_recorded_order(api: Api) -> None:
    """Members that the recording does not have may stand in between."""
    recorded = list(events_of((RECORDED / "stream-basic-headers.1.sse").read_text()))
    events = await api.events({"name": "A"})
    assert [e["event"] for e in recorded] == [e["event"] for e in events]
    for was, is_now in zip(recorded, events, strict=True):
        assert list(was) == list(is_now)
        assert list(was["data"]) == [key for key in is_now["data"] if key in was["data"]]


async def test_later_reader_is_told_the_same(live_api: Api, echo_url: str) -> None:
    async with live_api.stream({"url": f"{echo_url}/sleep/1"}) as events:
        first = await anext(events)
        query = {"user": USER, "include_state_snapshot": "true"}
        path = f"/workflow/{first['workflow_run_id']}/events"
        other = await live_api.get(path, app="waiting", params=query)
        rest = [event async for event in events]
    again = list(events_of(other.text))
    # The run went on after both had read what was there: from then on they read the same.
    assert rest[-3:] == again[-3:]
