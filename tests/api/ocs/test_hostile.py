"""Whatever is sent: no endpoint fails, and each answer is whole."""

import json
import random
from typing import Any
from xml.etree import ElementTree

import pytest

from graphmill.api.ocs.routes import ENDPOINTS
from tests.api.ocs.client import W_ALICE, Answer, Ocs, W
from tests.effort import EFFORT

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARAMETERS = [
    "input",
    "type",
    "appId",
    "customId",
    "identifier",
    "numberOfImages",
    "progress",
    "output",
    "errorMessage",
    "userFacingErrorMessage",
    "webhookUri",
    "webhookMethod",
    "includeWatermark",
    "preferStreaming",
    "providerIds",
    "taskTypeIds",
    "taskType",
    "numberOfTasks",
    "provider",
    "customTaskType",
    "name",
    "level",
    "message",
    "error",
    "format",
]
SLOTS = ["input", "numberOfImages", "name", "style", "target_language", "origin_language", "speech"]
TYPES = [
    "core:text2text",
    "core:text2image",
    "core:audio2text",
    "core:text2speech",
    "core:text2text:topics",
    "core:text2text:translate",
    "app:greet",
    "OCP\\TextProcessing\\FreePromptTaskType",
]
IDS = ("1", "2", "3", "abc", "-1", "9" * 30, "%00", "é")


class Stranger:
    """Makes requests up; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        chance = self.chance
        match chance.randrange(4 if depth < 3 else 2):
            case 0:
                return chance.choice([None, True, -1, 0, 10**25, 0.5, 1e999, 1e300])
            case 1:
                return chance.choice(["", "x", "\ud800\x00é", "1e5", "false", "core:text2text"])
            case 2:
                return [self.value(depth + 1) for _ in range(chance.randrange(3))]
            case _:
                names = chance.sample(SLOTS, chance.randrange(3))
                return {name: self.value(depth + 1) for name in names}

    def body(self) -> dict[str, Any]:
        chance = self.chance
        body = {name: self.value() for name in chance.sample(PARAMETERS, chance.randrange(6))}
        if chance.random() < 0.6:
            body |= {"type": chance.choice(TYPES), "appId": "t"}
        if chance.random() < 0.4:
            body["input"] = {name: self.value() for name in chance.sample(SLOTS, 4)}
        return body

    def request(self) -> tuple[str, str, dict[str, Any]]:
        chance = self.chance
        methods, path, _ = chance.choice([each for each in ENDPOINTS if "apppass" not in each[1]])
        for name in ("task_id", "file_id", "index", "app_id"):
            path = path.replace(f"{{{name}}}", chance.choice(IDS))
        body = self.body()
        match chance.randrange(3):
            case 0:
                fields = {
                    f"{k}[{chance.choice(['', 'a', '0'])}]": ascii(v) for k, v in body.items()
                }
                sent: dict[str, Any] = {"data": fields}
            case 1:
                part = chance.choice(["file", "data", "other"])
                sent = {"files": {part: ("a\x00/b.png", b"x")}}
            case _:
                headers = {"Content-Type": "application/json"}
                sent = {"content": json.dumps(body), "headers": headers}
        sent["response_format"] = chance.choice(["json", "xml", None])
        sent["worker"] = chance.choice([None, W, W_ALICE])
        sent["version"] = chance.choice([1, 2])
        return chance.choice(methods.split()), path, sent


def check(answer: Answer, request: object) -> None:
    """Neither a failure of ours nor a broken envelope."""
    assert answer.status < 500, request
    content_type = answer.response.headers.get("content-type", "")
    if "json" in content_type:
        body = answer.response.json()
        assert body.get("ocs", {}).get("meta", {}).get("statuscode", 0) not in (500, 996), request
    elif "xml" in content_type:
        code = ElementTree.fromstring(answer.response.content).findtext("meta/statuscode")
        assert code not in ("500", "996"), request


@pytest.mark.parametrize("seed", range(3 * EFFORT))
async def test_no_request_makes_the_server_fail(ocs: Ocs, seed: int) -> None:
    for task_type in ("core:text2text", "core:text2text:topics", "core:text2speech"):
        await ocs.sched(task_type)
    stranger = Stranger(seed)
    for _ in range(250):
        method, path, sent = stranger.request()
        check(await ocs.call(method, path, **sent), (method, path, sent))
