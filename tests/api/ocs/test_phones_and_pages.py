"""The requests of Android, iOS and Nextcloud's pages, byte for byte, and what their parsers expect
of the answers (`nextcloud-ocs §18.3, §18.4, §18.5`)."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, StrictInt, StrictStr

from tests.api.ocs.client import TP, Ocs, W, opened, until
from tests.api.ocs.wire import Wire, on_loopback

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOPICS = "core:text2text:topics"
NEW, OLD = "/ocs/v2.php/taskprocessing", "/ocs/v2.php/textprocessing"
LOGIN = b64encode(b"alice:alice-pw").decode()
ANDROID = f"""\
Authorization: Basic {LOGIN}
User-Agent: Mozilla/5.0 (Android) Nextcloud-android/33.0.0
OCS-APIREQUEST: true
Connection: Keep-Alive
Accept-Encoding: gzip"""
GSON = f"{ANDROID}\nContent-Type: application/json; charset=utf-8"
"""What comes with a body of Android."""
IOS = f"""\
Accept: application/json
Accept-Encoding: gzip, deflate, br
Accept-Language: en;q=1.0
Authorization: Basic {LOGIN}
Content-Type: application/x-www-form-urlencoded
OCS-APIRequest: true
User-Agent: Mozilla/5.0 (iOS) Nextcloud-iOS/7.0.0
Connection: keep-alive"""
"""The type of a body also comes where there is none."""
PAGE = f"""\
Accept: application/json, text/plain, */*
X-Requested-With: XMLHttpRequest
OCS-APIRequest: true
Authorization: Basic {LOGIN}
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
Connection: keep-alive"""
AXIOS = f"{PAGE}\nContent-Type: application/json"
"""What comes with a body of a page."""
LINK = f"""\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
Authorization: Basic {LOGIN}
Connection: keep-alive"""
"""A plain link."""


class Slot(BaseModel):
    name: StrictStr
    description: StrictStr
    type: StrictStr


class Choice(BaseModel):
    name: StrictStr
    value: StrictStr


class PhoneType(BaseModel):
    """No map may be a list."""

    name: StrictStr
    description: StrictStr
    inputShape: dict[str, Slot]
    outputShape: dict[str, Slot]
    inputShapeEnumValues: dict[str, list[Choice]]
    optionalInputShapeDefaults: dict[str, Any]


class Text(BaseModel):
    """A map of slots in which phones look for one text."""

    input: StrictStr | None = None
    output: StrictStr | None = None


class PhoneTask(BaseModel):
    """As Gson and Codable decode a task: integers are integers, or everything is thrown away."""

    id: StrictInt
    type: StrictStr | None
    status: StrictStr | None
    userId: StrictStr | None
    appId: StrictStr | None
    input: Text | None
    output: Text | None
    lastUpdated: StrictInt | None
    completionExpectedAt: StrictInt | None
    progress: StrictInt | None
    scheduledAt: StrictInt | None
    endedAt: StrictInt | None


class OldTask(BaseModel):
    """Of TextProcessing."""

    id: StrictInt
    type: StrictStr
    status: StrictInt
    userId: StrictStr
    appId: StrictStr
    input: StrictStr
    output: StrictStr | None
    identifier: StrictStr
    completionExpectedAt: StrictInt | None


def data_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    ocs = answer.json()["ocs"]
    # iOS reads this one where Android reads the status of HTTP.
    assert 200 <= ocs["meta"]["statuscode"] <= 299
    return ocs["data"]


def offered(answer: httpx.Response) -> list[str]:
    """What phones show: one text in, one text out."""
    types = {
        type_id: PhoneType.model_validate(each)
        for type_id, each in data_of(answer)["types"].items()
    }
    return [
        type_id
        for type_id, each in types.items()
        if [["Text"], ["Text"]]
        == [[slot.type for slot in shape.values()] for shape in (each.inputShape, each.outputShape)]
    ]


def listed(answer: httpx.Response) -> dict[int, PhoneTask]:
    tasks = [PhoneTask.model_validate(task) for task in data_of(answer)["tasks"]]
    return {task.id: task for task in tasks if task.appId == "assistant"}


async def half_done(ocs: Ocs) -> int:
    """The waiting topics task, which a worker has just reported on."""
    claimed = (await ocs.next("worker1:topics", TOPICS)).task["id"]
    await ocs.post(f"{TP}/tasks_provider/{claimed}/progress", {"progress": 0.4}, worker=W)
    return int(claimed)


async def test_c04_android(ocs: Ocs, wire: Wire) -> None:
    await ocs.drain()
    target = "GET /ocs/v2.php/cloud/capabilities?format=json"
    first = await wire.send(target, ANDROID)
    meta, version = first.json()["ocs"]["meta"], data_of(first)["version"]
    assert ("OK", "", True) == (meta["message"], version["edition"], version["major"] >= 30)
    again = await wire.send(target, f"{ANDROID}\nIf-None-Match: {first.headers['etag']}")
    assert (304, b"") == (again.status_code, again.content)
    types = await wire.send(f"GET {NEW}/tasktypes?format=json", ANDROID)
    assert {"core:text2text", TOPICS} <= set(offered(types))
    body = (
        '{"input":{"input":"from a phone"},"type":"core:text2text:topics",'
        '"customId":"","appId":"assistant"}'
    )
    assert 200 == (await wire.send(f"POST {NEW}/schedule", GSON, body)).status_code
    task_id = await half_done(ocs)
    list_of_type = f"GET {NEW}/tasks?taskType={TOPICS}&format=json"
    task = listed(await wire.send(list_of_type, ANDROID))[task_id]
    assert ("STATUS_RUNNING", None, "from a phone") == (
        task.status,
        task.progress,
        task.input and task.input.input,
    )
    assert 200 == (await wire.send(f"DELETE {NEW}/task/{task_id}", ANDROID)).status_code
    assert task_id not in listed(await wire.send(list_of_type, ANDROID))


async def test_android_translates(ocs: Ocs, wire: Wire) -> None:
    types = data_of(await wire.send(f"GET {NEW}/tasktypes?format=json", ANDROID))["types"]
    translate = PhoneType.model_validate(types["core:text2text:translate"])
    assert "Translate" == translate.name
    languages = translate.inputShapeEnumValues
    assert {"origin_language", "target_language"} == languages.keys()
    body = (
        '{"input":{"origin_language":"en","max_tokens":0.0,"model":"","target_language":"de",'
        '"input":"hello"},"type":"core:text2text:translate","customId":"","appId":"assistant"}'
    )
    assert 200 == (await wire.send(f"POST {NEW}/schedule", GSON, body)).status_code
    target = f"GET {NEW}/tasks?taskType=core:text2text:translate&format=json"

    async def translated() -> bool | None:
        [task] = listed(await wire.send(target, ANDROID)).values()
        return (task.output is not None and task.output.output == "de:hello") or None

    await until(translated)


async def test_android_on_the_old_api(wire: Wire) -> None:
    types = data_of(await wire.send(f"GET {OLD}/tasktypes?format=json", ANDROID))["types"]
    type_id = types[0]["id"]
    assert r"OCP\TextProcessing\FreePromptTaskType" == type_id
    body = (
        '{"input":"old","identifier":"",'
        r'"type":"OCP\\TextProcessing\\FreePromptTaskType","appId":"assistant"}'
    )
    assert 200 == (await wire.send(f"POST {OLD}/schedule", GSON, body)).status_code
    answer = await wire.send(f"GET {OLD}/tasks/app/assistant?format=json", ANDROID)
    tasks = [OldTask.model_validate(task) for task in data_of(answer)["tasks"]]
    assert (3, "old") == (tasks[-1].status, tasks[-1].output)
    assert 200 == (await wire.send(f"DELETE {OLD}/task/{tasks[-1].id}", ANDROID)).status_code


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "appId=assistant&customId=&input%5Binput%5D=hello&type=core%3Atext2text%3Atopics",
            id="sorted",
        ),
        pytest.param(
            "input[input]=hello&type=core%3Atext2text%3Atopics&appId=assistant&customId=",
            id="bare brackets",
        ),
    ],
)
async def test_c05_ios(ocs: Ocs, wire: Wire, body: str) -> None:
    await ocs.drain()
    capabilities = await wire.send("GET //ocs/v1.php/cloud/capabilities", IOS)
    version_1 = capabilities.json()["ocs"]
    assert (200, 100) == (capabilities.status_code, version_1["meta"]["statuscode"])
    assert all(isinstance(each, dict) for each in version_1["data"]["capabilities"].values())
    types = await wire.send(f"GET /{NEW}/tasktypes", IOS)
    assert {"core:text2text", TOPICS} <= set(offered(types))
    scheduled = data_of(await wire.send(f"POST /{NEW}/schedule", IOS, body))["task"]
    task = PhoneTask.model_validate(scheduled)
    assert ("STATUS_SCHEDULED", "assistant", None) == (task.status, task.appId, task.output)
    assert task.id == await half_done(ocs)
    list_of_type = f"GET /{NEW}/tasks?taskType={TOPICS}"
    assert listed(await wire.send(list_of_type, IOS))[task.id].progress is None
    assert 200 == (await wire.send(f"DELETE /{NEW}/task/{task.id}", IOS)).status_code
    gone = await wire.send(f"DELETE /{NEW}/task/{task.id}", IOS)
    assert (404, "Task not found") == (gone.status_code, gone.json()["ocs"]["data"]["message"])


async def test_ios_on_the_old_api(wire: Wire) -> None:
    types = data_of(await wire.send(f"GET /{OLD}/tasktypes", IOS))["types"]
    assert r"OCP\TextProcessing\FreePromptTaskType" == types[0]["id"]
    body = "appId=assistant&identifier=&input=hi&type=OCP%5CTextProcessing%5CFreePromptTaskType"
    scheduled = data_of(await wire.send(f"POST /{OLD}/schedule", IOS, body))["task"]
    task = OldTask.model_validate(scheduled)
    answer = await wire.send(f"GET /{OLD}/tasks/app/assistant", IOS)
    tasks = [OldTask.model_validate(each) for each in data_of(answer)["tasks"]]
    assert task.id in [each.id for each in tasks]
    assert task == OldTask.model_validate(
        data_of(await wire.send(f"DELETE /{OLD}/task/{task.id}", IOS))["task"]
    )


async def test_c06_page_polls_for_three_minutes(tmp_path: Path, echo_url: str) -> None:
    """With the limits that Nextcloud has, which do not count this."""
    body = (
        '{"input":{"input":"x"},"type":"core:text2text:topics","appId":"assistant",'
        '"customId":"","preferStreaming":true}'
    )
    async with (
        opened(tmp_path, echo_url, rate_limit={}) as ocs,
        on_loopback(ocs) as wire,
    ):
        task = data_of(await wire.send(f"POST {NEW}/schedule", AXIOS, body))["task"]
        assert ("STATUS_SCHEDULED", True) == (task["status"], task["preferStreaming"])
        await half_done(ocs)
        target = f"GET {NEW}/task/{task['id']}"
        polled = [data_of(await wire.send(target, PAGE))["task"] for _ in range(90)]
        assert {("STATUS_RUNNING", 0.4)} == {(p["status"], p["progress"]) for p in polled}
        assert {"scheduledAt", "startedAt", "completionExpectedAt", "output"} <= task.keys()
        cancel = f"POST {NEW}/tasks/{task['id']}/cancel"
        cancelled = data_of(await wire.send(cancel, AXIOS, "{}"))["task"]
        assert "STATUS_CANCELLED" == cancelled["status"]
        assert data_of(await wire.send(f"DELETE {NEW}/task/{task['id']}", PAGE)) is None
        assert 404 == (await wire.send(target, PAGE)).status_code


async def test_page_links_to_a_picture(ocs: Ocs, wire: Wire) -> None:
    """Without the header of OCS, which no link sends."""
    body = (
        '{"input":{"input":"cat","numberOfImages":1},"type":"core:text2image",'
        '"appId":"assistant","customId":"","preferStreaming":true}'
    )
    task = data_of(await wire.send(f"POST {NEW}/schedule", AXIOS, body))["task"]
    [image] = (await ocs.wait(task["id"]))["output"]["images"]
    shown = await wire.send(f"GET {NEW}/tasks/{task['id']}/file/{image}", LINK)
    assert (200, "image/png") == (shown.status_code, shown.headers["content-type"])


async def test_editor_finds_the_task_of_its_file(ocs: Ocs, wire: Wire) -> None:
    body = (
        '{"input":{"input":"a page"},"type":"core:text2text:summary","appId":"text",'
        '"customId":"text-file:1450"}'
    )
    task = data_of(await wire.send(f"POST {NEW}/schedule", AXIOS, body))["task"]
    await ocs.wait(task["id"])
    target = f"GET {NEW}/tasks/app/text?customId=text-file:1450"
    [found] = data_of(await wire.send(target, PAGE))["tasks"]
    assert ({"output": "a page"}, "text-file:1450") == (found["output"], found["customId"])
    assert data_of(await wire.send(f"DELETE {NEW}/task/{task['id']}", PAGE)) is None
    assert [] == data_of(await wire.send(target, PAGE))["tasks"]
