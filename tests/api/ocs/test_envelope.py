"""Envelope and formats (`nextcloud-ocs §21.2`)."""

from xml.etree import ElementTree

import pytest

from tests.api.ocs.client import NOBODY, TP, Ocs

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = {"input": {"input": "hello"}, "type": "core:text2text", "appId": "test"}


def xml(text: bytes) -> ElementTree.Element:
    # The parser of the standard library knows namespaces.
    return ElementTree.fromstring(text)


async def test_e01_success_in_json(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/tasktypes")
    assert "application/json; charset=utf-8" == answer.response.headers["content-type"]
    assert {"status": "ok", "statuscode": 200, "message": "OK"} == answer.meta
    assert isinstance(answer.data["types"], dict)


async def test_e02_xml_is_the_default(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/tasktypes", response_format=None)
    assert answer.response.headers["content-type"].startswith("application/xml")
    root = xml(answer.response.content)
    assert "ocs" == root.tag
    found = [root.findtext(f"meta/{name}") for name in ("status", "statuscode", "message")]
    assert ["ok", "200", "OK"] == found


@pytest.mark.parametrize(
    ("wanted", "accept", "is_json"),
    [
        pytest.param(None, "application/json", True, id="E03"),
        pytest.param(None, "application/json, text/plain, */*", True, id="E04"),
        pytest.param(None, "*/*", False, id="E05"),
        pytest.param(
            None, "text/html,application/xhtml+xml,application/xml;q=0.9", False, id="E06"
        ),
        pytest.param("xml", "application/json", False, id="E07"),
        pytest.param("json", "application/xml", True, id="E08"),
        pytest.param("csv", "application/json", False, id="unknown format"),
        pytest.param(None, "application/json;q=0.9", False, id="parameters are not looked at"),
    ],
)
async def test_format_is_chosen_by_parameter_then_by_accept(
    ocs: Ocs, wanted: str | None, accept: str, is_json: bool
) -> None:
    answer = await ocs.get(f"{TP}/tasktypes", response_format=wanted, headers={"Accept": accept})
    found = answer.response.headers["content-type"].startswith("application/json")
    assert is_json == found


async def test_e09_format_may_stand_in_the_body(ocs: Ocs) -> None:
    answer = await ocs.post(f"{TP}/schedule", {**ORDER, "format": "json"}, response_format=None)
    assert "STATUS_SCHEDULED" == answer.task["status"]


async def test_e10_version_1_calls_success_100(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/tasktypes", version=1)
    expected = {"status": "ok", "statuscode": 100, "totalitems": "", "itemsperpage": ""}
    assert expected == {name: answer.meta[name] for name in expected}


@pytest.mark.parametrize(
    ("version", "path", "status", "code"),
    [
        pytest.param(1, f"{TP}/task/{NOBODY}", 200, 404, id="E11"),
        pytest.param(2, f"{TP}/task/{NOBODY}", 404, 404, id="E12"),
        pytest.param(2, f"{TP}/task/abc", 404, 404, id="E21"),
        pytest.param(2, f"{TP}/task/99999999999999999999", 404, 404, id="beyond all integers"),
    ],
)
async def test_missing_task_is_told_in_the_envelope(
    ocs: Ocs, version: int, path: str, status: int, code: int
) -> None:
    answer = await ocs.get(path, version=version)
    assert (status, code, "failure") == (answer.status, answer.code, answer.meta["status"])
    assert "Task not found" == answer.message == answer.meta["message"]


@pytest.mark.parametrize(
    ("version", "status"), [pytest.param(2, 404, id="E13"), pytest.param(1, 200, id="E14")]
)
async def test_unknown_route_is_998(ocs: Ocs, version: int, status: int) -> None:
    answer = await ocs.get("/no/such/route", version=version)
    assert (status, 998, "failure") == (answer.status, answer.code, answer.meta["status"])
    assert "Invalid query" in answer.meta["message"]
    assert [] == answer.data


async def test_e15_wrong_method_has_no_body(ocs: Ocs) -> None:
    answer = await ocs.call("PUT", f"{TP}/schedule")
    assert (405, b"") == (answer.status, answer.response.content)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("//ocs//v2.php/taskprocessing/tasktypes", id="E16"),
        pytest.param("/index.php/ocs/v2.php/taskprocessing/tasktypes", id="E17"),
        pytest.param("/ocs/v2.php/taskprocessing/tasktypes/", id="slash at the end"),
    ],
)
async def test_path_is_understood_without_a_redirect(ocs: Ocs, path: str) -> None:
    response = await ocs.http.get(
        f"http://server{path}?format=json",
        headers={"OCS-APIRequest": "true"},
        auth=("alice", "alice-pw"),
    )
    assert 200 == response.json()["ocs"]["meta"]["statuscode"]


async def test_e18_task_in_xml(ocs: Ocs) -> None:
    task_id = await ocs.waiting_topics()
    answer = await ocs.get(f"{TP}/task/{task_id}", response_format="xml")
    task = xml(answer.response.content).find("data/task")
    assert task is not None
    output = task.find("output")
    assert output is not None
    assert (None, 0) == (output.text, len(output))
    expected = [str(task_id), "1", ""]
    assert expected == [task.findtext(n) for n in ("id", "includeWatermark", "preferStreaming")]


async def test_e19_entries_of_a_list_are_elements(ocs: Ocs) -> None:
    for _ in range(2):
        await ocs.sched("core:text2text", {"input": "listed"}, appId="xml")
    answer = await ocs.get(f"{TP}/tasks/app/xml", response_format="xml")
    tasks = xml(answer.response.content).find("data/tasks")
    assert tasks is not None
    assert ["element", "element"] == [child.tag for child in tasks]


async def test_e20_task_types_are_sound_xml(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/tasktypes", response_format="xml")
    types = xml(answer.response.content).find("data/types")
    assert types is not None
    assert "core:text2text" in [child.get("key") for child in types]


async def test_e22_nothing_is_cached(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/tasktypes")
    assert "no-store" in answer.response.headers["cache-control"]


async def test_e23_empty_list_is_a_list(ocs: Ocs) -> None:
    assert [] == (await ocs.get(f"{TP}/tasks", params={"taskType": "none:none"})).data["tasks"]


async def test_e24_maps_are_objects_also_empty_ones(ocs: Ocs) -> None:
    types = (await ocs.get(f"{TP}/tasktypes")).data["types"]
    for described in types.values():
        maps = {key: value for key, value in described.items() if "hape" in key}
        assert 10 == len(maps)
        assert all(isinstance(value, dict) for value in maps.values())
