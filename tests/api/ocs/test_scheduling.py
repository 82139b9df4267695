"""Scheduling (`nextcloud-ocs §21.7`)."""

import time
from typing import Any

import pytest

from tests.api.ocs.client import NOBODY, REGISTRATION, TP, Ocs, W
from tests.api.ocs.workers import provider

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEDULE = f"{TP}/schedule"
ORDER = {"input": {"input": "hello"}, "type": "core:text2text", "appId": "test"}
HEADLINE = "core:text2text:headline"
WRONG_TEXT = 'Failed to validate input key "input": Non-text item provided for Text slot'


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ORDER.items() if name not in names}


async def test_s01_s02_s03_new_task(ocs: Ocs) -> None:
    answer = await ocs.post(SCHEDULE, {**ORDER, "customId": "c-1"})
    task = answer.task
    assert isinstance(task["id"], int)
    assert task["id"] > 0
    assert abs(task["scheduledAt"] - time.time()) < 5
    expected = {
        "status": "STATUS_SCHEDULED",
        "output": None,
        "type": "core:text2text",
        "appId": "test",
        "userId": "alice",
        "customId": "c-1",
        "input": {"input": "hello"},
        "startedAt": None,
        "endedAt": None,
        "progress": None,
        "allowCleanup": True,
        "includeWatermark": True,
        "preferStreaming": False,
        "userFacingErrorMessage": None,
    }
    assert expected == {name: task[name] for name in expected}
    assert 18 == len(task)
    assert task == {name: answer.data[name] for name in task}
    assert "" == (await ocs.post(SCHEDULE, ORDER)).task["customId"]


async def test_s04_task_succeeds(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/task/{(await ocs.wait(await ocs.sched()))['id']}")
    task = answer.task
    assert ("STATUS_SUCCESSFUL", {"output": "hello"}) == (task["status"], task["output"])
    assert '"progress":1,' in answer.response.text
    assert task["endedAt"] >= task["startedAt"] >= task["scheduledAt"]


async def test_s05_ids_ascend(ocs: Ocs) -> None:
    first, second = await ocs.sched(), await ocs.sched()
    assert first < second < 2**31


@pytest.mark.parametrize(
    ("task_type", "version", "status", "code", "message"),
    [
        pytest.param(HEADLINE, 2, 412, 412, "The given provider is not available", id="S06"),
        pytest.param("core:nonexistent", 2, 412, 412, "not available", id="S07"),
        pytest.param("nonsense", 2, 400, 400, "Requested task type does not exist", id="S08"),
        pytest.param("", 2, 400, 400, "Requested task type does not exist", id="S09"),
        pytest.param(HEADLINE, 1, 200, 412, "The given provider is not available", id="S43"),
    ],
)
async def test_types_that_are_not_there(
    ocs: Ocs, task_type: str, version: int, status: int, code: int, message: str
) -> None:
    answer = await ocs.order(task_type, {"input": "x"}, version=version)
    assert (status, code) == (answer.status, answer.code)
    assert message in answer.message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({}, 'Missing key: "input"', id="S10"),
        pytest.param([], 'Missing key: "input"', id="empty list"),
        pytest.param({"input": None}, 'Missing key: "input"', id="S11"),
        pytest.param({"input": 5}, WRONG_TEXT, id="S12"),
        pytest.param({"input": ["a"]}, WRONG_TEXT, id="S13"),
        pytest.param("hello", 'Parameter "input" must be an object', id="S14"),
        pytest.param({"input": "x" * 512_001}, "Text is too long", id="S19"),
        pytest.param({"input": "é" * 256_001}, "Text is too long", id="S20"),
    ],
)
async def test_input_that_does_not_fit(ocs: Ocs, values: Any, message: str) -> None:
    answer = await ocs.order("core:text2text", values)
    assert (400, 400) == (answer.status, answer.code)
    assert answer.message.endswith(message)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"json": without("input")}, id="S15"),
        pytest.param({"json": without("appId")}, id="S16"),
        pytest.param({"json": without("type")}, id="no type"),
        pytest.param({"json": {**ORDER, "appId": ""}}, id="empty appId"),
        pytest.param({"json": {**ORDER, "type": ["core:text2text"]}}, id="type is a list"),
        pytest.param({"json": {**ORDER, "customId": "x" * 256}}, id="S46"),
        pytest.param({"json": {**ORDER, "appId": "x" * 256}}, id="long appId"),
        pytest.param({"json": [1]}, id="a list"),
        pytest.param(
            {"content": b"{not json", "headers": {"Content-Type": "application/json"}}, id="S17"
        ),
        pytest.param(
            {
                "content": b'{"input":' + b"[" * 500 + b"]" * 500 + b"}",
                "headers": {"Content-Type": "application/json"},
            },
            id="too deep",
        ),
        pytest.param(
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            id="form without boundary",
        ),
    ],
)
async def test_request_that_cannot_be_understood(ocs: Ocs, body: Any) -> None:
    answer = await ocs.call("POST", SCHEDULE, **body)
    assert 400 == answer.status
    assert answer.message


async def test_s18_longest_text(ocs: Ocs) -> None:
    task_id = await ocs.sched("core:text2text", {"input": "x" * 512_000})
    assert 512_000 == len((await ocs.wait(task_id))["output"]["output"])


@pytest.mark.parametrize(
    ("task_type", "values", "kept"),
    [
        pytest.param("core:text2text", {"input": "x", "bogus": 1}, {"input": "x"}, id="S21"),
        pytest.param(
            "core:text2text:translate",
            {"input": "hi", "target_language": "de"},
            {"input": "hi", "target_language": "de", "origin_language": "detect_language"},
            id="S23",
        ),
        pytest.param(
            "core:text2text:translate",
            {
                "input": "hi",
                "target_language": "de",
                "origin_language": "en",
                "model": "",
                "max_tokens": 0.0,
            },
            {"input": "hi", "target_language": "de", "origin_language": "en"},
            id="S26",
        ),
        pytest.param(
            "core:text2image",
            {"input": "cat", "numberOfImages": "2"},
            {"input": "cat", "numberOfImages": "2"},
            id="S28",
        ),
    ],
)
async def test_unknown_slots_go_and_defaults_come(
    ocs: Ocs, task_type: str, values: Any, kept: Any
) -> None:
    assert kept == (await ocs.order(task_type, values)).task["input"]


async def test_s22_translation(ocs: Ocs) -> None:
    values = {"origin_language": "en", "input": "hello", "target_language": "de"}
    more = {"appId": "text", "customId": "document-123"}
    task = await ocs.wait(await ocs.sched("core:text2text:translate", values, **more))
    assert {"output": "de:hello"} == task["output"]


@pytest.mark.parametrize(
    ("task_type", "values", "messages"),
    [
        pytest.param(
            "core:text2text:translate",
            {"input": "x", "target_language": "xx"},
            ['Wrong value given for Enum slot. Got "xx"', '"en", "de"'],
            id="S24",
        ),
        pytest.param(
            "core:text2text:translate",
            {"input": "x", "target_language": 1},
            ["Non-text item provided for Enum slot"],
            id="S25",
        ),
        pytest.param(
            "core:text2image",
            {"input": "x", "numberOfImages": "two"},
            ["Non-numeric item provided for Number slot"],
            id="S29",
        ),
        pytest.param(
            "core:text2image",
            {"input": "x", "numberOfImages": True},
            ["Non-numeric item provided for Number slot"],
            id="S30",
        ),
        pytest.param("core:audio2text", {"input": NOBODY}, ["Could not find file"], id="S33"),
        pytest.param(
            "core:audio2text",
            {"input": "song.mp3"},
            ["Non-audio item provided for Audio slot"],
            id="S35",
        ),
        pytest.param(
            "core:audio2text",
            {"input": "\N{ARABIC-INDIC DIGIT THREE}"},
            ["Non-audio item provided for Audio slot"],
            id="digits that PHP does not read",
        ),
        pytest.param("app:greet", {"name": "Ann", "style": "rude"}, ["Got \"rude\""], id="S37"),
        pytest.param("app:greet", {"style": "formal"}, ['Missing key: "name"'], id="S38"),
        pytest.param("app:greet", {"name": "x" * 21}, ["less than 20 characters"], id="length"),
    ],
)  # fmt: skip
async def test_values_that_do_not_fit(
    ocs: Ocs, task_type: str, values: Any, messages: list[str]
) -> None:
    answer = await ocs.order(task_type, values)
    assert (400, 400) == (answer.status, answer.code)
    assert all(message in answer.message for message in messages)


async def test_s27_pictures(ocs: Ocs) -> None:
    values = {"input": "cat", "numberOfImages": 2}
    task = await ocs.wait(await ocs.sched("core:text2image", values))
    images = task["output"]["images"]
    assert [int, int] == [type(each) for each in images]
    assert 2 == len(set(images))


async def test_s31_s32_file_as_number_or_text(ocs: Ocs) -> None:
    file_id = await ocs.upload()
    task = (await ocs.order("core:audio2text", {"input": file_id})).task
    assert file_id == task["input"]["input"]
    assert task["scheduledAt"] + 30 == task["completionExpectedAt"]
    assert 200 == (await ocs.order("core:audio2text", {"input": str(file_id)})).status


async def test_s34_file_of_somebody_else(ocs: Ocs) -> None:
    file_id = await ocs.upload(auth=("bob", "bob-pw"))
    answer = await ocs.order("core:audio2text", {"input": file_id})
    assert (401, 401) == (answer.status, answer.code)
    expected = "User does not have access to the files mentioned in the task input"
    assert expected == answer.message


async def test_each_file_of_a_list_is_looked_at(ocs: Ocs) -> None:
    task_type = "core:image2text:ocr"
    given = provider("worker1:ocr", task_type)
    assert 100 == (await ocs.post(REGISTRATION, {"provider": given}, version=1, worker=W)).code
    own, foreign = await ocs.upload(), await ocs.upload(auth=("bob", "bob-pw"))
    statuses = [
        (await ocs.order(task_type, {"input": ids})).status
        for ids in ([own, own], [own, NOBODY], [own, foreign], [own, f"{foreign}.0"], [own, [own]])
    ]
    assert [200, 400, 401, 401, 400] == statuses


async def test_s36_type_of_a_workflow(ocs: Ocs) -> None:
    answer = await ocs.order("app:greet", {"name": "Ann"})
    assert {"name": "Ann", "style": "casual"} == answer.task["input"]
    task = await ocs.wait(answer.task["id"])
    assert {"greeting": "Hi Ann (casual)"} == task["output"]


FORM = {"input[input]": "hi", "type": "core:text2text", "appId": "assistant", "customId": ""}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"data": FORM}, id="S39"),
        pytest.param({"files": {name: (None, text) for name, text in FORM.items()}}, id="S40"),
        pytest.param({"params": FORM}, id="S47"),
        pytest.param(
            {
                "content": b'{"input":{"input":"hi"},"type":"core:text2text","appId":"t"}',
                "headers": {"Content-Type": "application/json; charset=utf-8"},
            },
            id="S41",
        ),
        pytest.param(
            {
                "content": b'{"input":{"input":"hi"},"type":"core:text2text","appId":"t"}',
                "headers": {"Content-Type": "application/vnd.x+json"},
            },
            id="other JSON",
        ),
    ],
)
async def test_parameters_come_in_every_form(ocs: Ocs, body: Any) -> None:
    answer = await ocs.call("POST", SCHEDULE, **body)
    assert {"input": "hi"} == answer.task["input"]


async def test_s42_version_1(ocs: Ocs) -> None:
    answer = await ocs.post(SCHEDULE, ORDER, version=1)
    assert (100, "STATUS_SCHEDULED") == (answer.code, answer.task["status"])


async def test_s44_wishes_are_kept(ocs: Ocs) -> None:
    wishes = {"includeWatermark": False, "preferStreaming": True}
    task = (await ocs.post(SCHEDULE, {**ORDER, **wishes})).task
    assert wishes == {name: task[name] for name in wishes}


async def test_s45_failure_is_told_in_a_sentence(ocs: Ocs) -> None:
    task = await ocs.wait(await ocs.sched("core:text2text:formalization"))
    assert ("STATUS_FAILED", None) == (task["status"], task["output"])
    assert "127.0.0.1" in task["userFacingErrorMessage"]
    assert "Traceback" not in task["userFacingErrorMessage"]
    assert "\n" not in task["userFacingErrorMessage"]


async def test_s48_xml(ocs: Ocs) -> None:
    answer = await ocs.post(SCHEDULE, ORDER, response_format=None)
    assert "<status>STATUS_SCHEDULED</status>" in answer.response.text
