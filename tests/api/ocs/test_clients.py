"""Scripts and programs as clients (`nextcloud-ocs §17, §21.14`); phones and pages have a file of
their own, `nc-py-api` a folder."""

import asyncio
from base64 import b64encode

import pytest
from pydantic import BaseModel, ConfigDict

from tests.api.ocs.client import ALICE, BOB, TP, Ocs
from tests.api.ocs.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

CURL = f"""\
User-Agent: curl/8.5.0
Accept: */*
Authorization: Basic {b64encode(b"alice:alice-pw").decode()}
ocs-apirequest: true
Content-Type: application/json"""


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
    wire: Wire, method: str, path: str, body: str
) -> None:
    answer = await wire.send(f"{method} /ocs/v2.php/taskprocessing/{path}", CURL, body)
    assert 200 == answer.status_code
    assert answer.content.startswith(b'<?xml version="1.0"?>\n<ocs>')
    assert b"<statuscode>200</statuscode>" in answer.content


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
