"""Whole clients: the requests that phones and pages send, as they send them (`nextcloud-ocs §18,
§21.14`), and what their parsers expect."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr

from graphmill.server import create_app, server_config
from tests.api.ocs.client import ALICE, BOB, TP, Ocs, W, opened
from tests.api.serving import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGIN = b64encode(b"alice:alice-pw").decode()
ANDROID = {
    "Authorization": f"Basic {LOGIN}",
    "OCS-APIREQUEST": "true",
    "User-Agent": "Mozilla/5.0 (Android) Nextcloud-android/33.0.0",
}
IOS = {
    "Authorization": f"Basic {LOGIN}",
    "Accept": "application/json",
    "OCS-APIRequest": "true",
    "User-Agent": "Mozilla/5.0 (iOS) Nextcloud-iOS/7.0.0",
}
WEB = {
    "Authorization": f"Basic {LOGIN}",
    "Accept": "application/json, text/plain, */*",
    "OCS-APIRequest": "true",
}


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


class Slot(BaseModel):
    model_config = ConfigDict(strict=True)
    name: str
    description: str
    type: str


class Choice(BaseModel):
    model_config = ConfigDict(strict=True)
    name: str
    value: str


class Described(BaseModel):
    """As a worker's strict model reads a type: all maps are there (`§6.5`)."""

    name: str
    description: str
    inputShape: dict[str, Slot]
    inputShapeEnumValues: dict[str, list[Choice]]
    inputShapeDefaults: dict[str, str | int | float]
    optionalInputShape: dict[str, Slot]
    optionalInputShapeEnumValues: dict[str, list[Choice]]
    optionalInputShapeDefaults: dict[str, str | int | float]
    outputShape: dict[str, Slot]
    outputShapeEnumValues: dict[str, list[Choice]]
    optionalOutputShape: dict[str, Slot]
    optionalOutputShapeEnumValues: dict[str, list[Choice]]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def wire(ocs: Ocs) -> AsyncIterator[httpx.AsyncClient]:
    """The same server over loopback, for requests that are bytes."""
    config = server_config(create_app(ocs.services), ocs.services.settings.server)
    async with (
        served(config) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        yield http


async def sent(wire: httpx.AsyncClient, text: str) -> tuple[int, bytes]:
    """A request as bytes; lines end as HTTP wants them."""
    head, _, body = text.partition("\n\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.base_url.port)
    lines = [*head.split("\n"), "Connection: close", f"Content-Length: {len(body.encode())}"]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body.encode())
    answer = await reader.read()
    writer.close()
    status, _, content = answer.partition(b"\r\n\r\n")
    return int(status.split()[1]), content


def offered(types: dict[str, Any]) -> list[str]:
    """What phones show: one text in, one text out (`§18.3`)."""
    return [
        type_id
        for type_id, each in types.items()
        if [["Text"], ["Text"]]
        == [[slot["type"] for slot in each[s].values()] for s in ("inputShape", "outputShape")]
    ]


async def test_c04_android(ocs: Ocs, wire: httpx.AsyncClient) -> None:
    capabilities = await wire.get("/ocs/v2.php/cloud/capabilities?format=json", headers=ANDROID)
    meta, data = capabilities.json()["ocs"]["meta"], capabilities.json()["ocs"]["data"]
    assert ("OK", "") == (meta["message"], data["version"]["edition"])
    tag = {**ANDROID, "If-None-Match": capabilities.headers["etag"]}
    again = await wire.get("/ocs/v2.php/cloud/capabilities?format=json", headers=tag)
    assert 304 == again.status_code
    types = await wire.get("/ocs/v2.php/taskprocessing/tasktypes?format=json", headers=ANDROID)
    assert "core:text2text" in offered(types.json()["ocs"]["data"]["types"])
    order = {
        "input": {"input": "from a phone"},
        "type": "core:text2text:topics",
        "appId": "assistant",
        "customId": "",
    }
    schedule = await wire.post("/ocs/v2.php/taskprocessing/schedule", json=order, headers=ANDROID)
    assert 200 == schedule.status_code
    claimed = (await ocs.next("worker1:topics", "core:text2text:topics")).task["id"]
    await ocs.post(f"{TP}/tasks_provider/{claimed}/progress", {"progress": 0.4}, worker=W)
    path = "/ocs/v2.php/taskprocessing/tasks?taskType=core:text2text:topics&format=json"
    listed = (await wire.get(path, headers=ANDROID)).json()["ocs"]["data"]["tasks"]
    tasks = [PhoneTask.model_validate(task) for task in listed]
    assert claimed in [task.id for task in tasks if task.appId == "assistant"]
    gone = await wire.delete(f"/ocs/v2.php/taskprocessing/task/{claimed}", headers=ANDROID)
    assert 200 == gone.status_code


async def test_android_translates(wire: httpx.AsyncClient) -> None:
    values = {
        "origin_language": "en",
        "target_language": "de",
        "input": "hello",
        "model": "",
        "max_tokens": 0.0,
    }
    order = {
        "input": values,
        "type": "core:text2text:translate",
        "appId": "assistant",
        "customId": "",
    }
    schedule = await wire.post("/ocs/v2.php/taskprocessing/schedule", json=order, headers=ANDROID)
    assert 200 == schedule.status_code


async def test_c05_ios(wire: httpx.AsyncClient) -> None:
    headers = "\n".join(f"{name}: {value}" for name, value in IOS.items())
    body = "input%5Binput%5D=hello&type=core%3Atext2text&appId=assistant&customId="
    status, content = await sent(
        wire,
        "POST //ocs/v2.php/taskprocessing/schedule HTTP/1.1\nHost: server\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=utf-8\n{headers}\n\n{body}",
    )
    assert 200 == status
    scheduled = httpx.Response(200, content=content).json()["ocs"]
    assert 200 <= scheduled["meta"]["statuscode"] <= 299
    task = PhoneTask.model_validate(scheduled["data"]["task"])
    status, content = await sent(
        wire,
        "GET //ocs/v2.php/taskprocessing/tasks?taskType=core:text2text HTTP/1.1\n"
        f"Host: server\n{headers}\n\n",
    )
    listed = httpx.Response(200, content=content).json()["ocs"]["data"]["tasks"]
    assert task.id in [PhoneTask.model_validate(each).id for each in listed]
    status, _ = await sent(
        wire,
        f"DELETE //ocs/v2.php/taskprocessing/task/{task.id} HTTP/1.1\nHost: s\n{headers}\n\n",
    )
    assert 200 == status


async def test_ios_on_the_old_api(wire: httpx.AsyncClient) -> None:
    old = f"{wire.base_url}/ocs/v2.php/textprocessing"
    types = await wire.get(f"{old}/tasktypes", headers=IOS)
    ids = [each["id"] for each in types.json()["ocs"]["data"]["types"]]
    order = {"input": "hi", "type": ids[0], "appId": "assistant", "identifier": ""}
    schedule = await wire.post(f"{old}/schedule", data=order, headers=IOS)
    assert 200 <= schedule.json()["ocs"]["meta"]["statuscode"] <= 299


async def test_c06_page_polls_for_three_minutes(tmp_path: Path, echo_url: str) -> None:
    """With the limits that Nextcloud has, which do not count this."""
    async with opened(tmp_path, echo_url, rate_limit={}) as ocs:
        order = {
            "input": {"input": "x"},
            "type": "core:text2text:topics",
            "appId": "assistant",
            "customId": "",
            "preferStreaming": True,
        }
        path = "/ocs/v2.php/taskprocessing"
        answer = await ocs.http.post(f"{path}/schedule", json=order, headers=WEB)
        task = answer.json()["ocs"]["data"]["task"]
        for _ in range(90):
            polled = await ocs.http.get(f"{path}/task/{task['id']}", headers=WEB)
            assert 200 == polled.status_code
        cancelled = await ocs.http.post(f"{path}/tasks/{task['id']}/cancel", headers=WEB)
        assert "STATUS_CANCELLED" == cancelled.json()["ocs"]["data"]["task"]["status"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "POST",
            "schedule",
            '{"input":{"input":"the text to summarize"},"type":"core:text2text:summary",'
            '"appId":"mail"}',
        ),
        (
            "POST",
            "schedule",
            '{"input":{"origin_language":"en","input":"hello","target_language":"de"},'
            '"type":"core:text2text:translate","appId":"text","customId":"document-123"}',
        ),
        ("GET", "tasks?taskType=core:text2text:summary&customId=", ""),
        ("GET", "tasks/app/text?customId=document-123", ""),
    ],
)
async def test_c07_lines_of_the_migration_guide(
    wire: httpx.AsyncClient, method: str, path: str, body: str
) -> None:
    status, content = await sent(
        wire,
        f"{method} /ocs/v2.php/taskprocessing/{path} HTTP/1.1\nHost: server\n"
        f"User-Agent: curl/8.5.0\nAccept: */*\nAuthorization: Basic {LOGIN}\n"
        f"ocs-apirequest: true\nContent-Type: application/json\n\n{body}",
    )
    assert 200 == status
    assert content.startswith(b'<?xml version="1.0"?>\n<ocs>')
    assert b"<statuscode>200</statuscode>" in content


async def test_c07_transcription_names_a_file(ocs: Ocs) -> None:
    body = f'{{"input":{{"input":{await ocs.upload()}}},"type":"core:audio2text","appId":"spreed"}}'
    answer = await ocs.call(
        "POST",
        f"{TP}/schedule",
        content=body,
        headers={"Content-Type": "application/json"},
        response_format=None,
    )
    assert (200, True) == (answer.status, b"<statuscode>200<" in answer.response.content)


async def test_c08_strict_models_read_every_type(ocs: Ocs) -> None:
    types = (await ocs.get(f"{TP}/tasktypes")).data["types"]
    assert types
    for described in types.values():
        Described.model_validate(described)


async def test_c10_many_at_once_each_with_their_own(ocs: Ocs) -> None:
    owned = {
        auth: [int((await ocs.order("core:text2text", {"input": "x"}, auth=auth)).task["id"])]
        for auth in (ALICE, BOB)
    }

    async def look(auth: tuple[str, str], task_id: int) -> int:
        return (await ocs.get(f"{TP}/task/{task_id}", auth=auth)).status

    own = [look(auth, ids[0]) for auth, ids in owned.items() for _ in range(100)]
    assert {200} == set(await asyncio.gather(*own))
    others = [look(BOB, owned[ALICE][0]), look(ALICE, owned[BOB][0])]
    assert [404, 404] == await asyncio.gather(*others)
