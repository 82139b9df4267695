"""Image tools: the model of the configuration draws, as many pictures as are asked for."""

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from graphmill.config import Settings, load_settings
from graphmill.errors import ConfigInvalid, ToolFailed
from graphmill.ports.tools import BlobMessage
from tests.outbound.local_server import Answer, LocalServer, Received, local_server, reply
from tests.tools.opened import call, opened

PNG = b"\x89PNG\r\n\x1a\n...."
JSON = [("Content-Type", "application/json")]
TOOL = {"provider": "dalle", "kind": "images", "model": {"provider": "openai", "name": "painter"}}
DRAWN = reply(200, json.dumps({"data": [{"b64_json": b64encode(PNG).decode()}]}).encode(), JSON)


def painter(server: LocalServer) -> dict[str, Any]:
    return {"provider": "openai", "kind": "openai", "base_url": f"{server.url}/v1", "retries": 0}


async def drawn(server: LocalServer, **arguments: Any) -> list[BlobMessage]:
    async with opened(TOOL, models=[painter(server)]) as tools:
        messages = await call(tools, "dalle3", {"prompt": "a cat", **arguments}, provider="dalle")
    return [message for message in messages if isinstance(message, BlobMessage)]


async def test_a_prompt_becomes_a_picture() -> None:
    async with local_server(DRAWN) as server:
        assert [BlobMessage(PNG, "image/png")] == await drawn(server, size="512x512")
    [request] = server.received
    assert {"model": "painter", "prompt": "a cat", "size": "512x512"}.items() <= json.loads(
        request.body
    ).items()


async def test_each_picture_is_a_call_and_none_waits_for_another() -> None:
    arrived = 0
    all_there = asyncio.Event()

    async def together(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal arrived
        arrived += 1
        if arrived == 3:
            all_there.set()
        await all_there.wait()
        await DRAWN(received, reader, writer)

    async with local_server(together) as server:
        assert 3 == len(await drawn(server, n="3"))


@pytest.mark.parametrize("count", [0, 13])
async def test_the_number_of_pictures_has_limits(count: int) -> None:
    async with local_server(DRAWN) as server:
        with pytest.raises(ToolFailed, match="between 1 and 12"):
            await drawn(server, n=count)
    assert [] == server.received


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            reply(400, b'{"error": {"message": "not that"}}'), "400: not that", id="refused"
        ),
        pytest.param(reply(200, b'{"data": []}', JSON), "cannot be read", id="no picture"),
        pytest.param(
            reply(200, b'{"data": [{"b64_json": "?"}]}', JSON), "cannot be read", id="no Base64"
        ),
    ],
)
async def test_a_failure_is_told_in_a_sentence(answer: Answer, message: str) -> None:
    async with local_server(answer) as server:
        with pytest.raises(ToolFailed, match=message):
            await drawn(server, n=2)


def test_an_entry_names_its_model() -> None:
    with pytest.raises(ValidationError, match="kind images needs model"):
        Settings.model_validate({"tools": [{"provider": "x", "kind": "images"}]})


@pytest.mark.parametrize(
    "models",
    [
        pytest.param([], id="none"),
        pytest.param([{"provider": "*", "kind": "demo"}], id="one that cannot draw"),
    ],
)
def test_the_model_must_be_one_that_draws(tmp_path: Any, models: list[Any]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"tools": [TOOL], "models": models}))
    with pytest.raises(ConfigInvalid, match="'painter' of 'openai' needs an entry of kind openai"):
        load_settings(path, environ={})
