"""The built-in audio tools: spoken by the built-in voice, heard by a stand-in of a service."""

from pathlib import Path
from typing import Any

import pytest

from graphmill.errors import ToolFailed, ToolNotFound
from graphmill.ports.tools import BlobMessage, TextMessage
from graphmill.speech import espeak
from graphmill.variables.files import File
from tests.nodes.http_stand_ins import FilesInMemory
from tests.outbound.local_server import LocalServer, local_server, reply
from tests.speech.listening import heard, sound_of
from tests.tools.opened import call, find, opened

SPOKEN = File("audio", "local_file", "memo.mp3", ".mp3", "audio/mpeg", 5, "f-1")
ANSWER = reply(200, b'{"text": "buy milk"}', [("Content-Type", "application/json")])


def listening(server: LocalServer) -> dict[str, Any]:
    return {"speech_to_text": {"base_url": f"{server.url}/v1", "api_key": "k"}}


@pytest.mark.parametrize("provider", ["audio", "langgenius/audio/audio"])
async def test_a_text_becomes_a_recording(provider: str) -> None:
    async with opened() as tools:
        said, spoken = await call(
            tools, "tts", {"text": "The weather is good today."}, provider=provider
        )
    assert TextMessage("Audio generated successfully") == said
    assert isinstance(spoken, BlobMessage)
    assert "audio/mpeg" == spoken.mime_type
    assert {"weather", "today"} & heard(spoken.content)


async def test_the_voice_may_be_a_language() -> None:
    async with opened() as tools:
        durations = set()
        for voice in ("", "de", "fr"):
            arguments = {"text": "1999 1999 1999", "voice": voice}
            _, spoken = await call(tools, "tts", arguments, provider="audio")
            assert isinstance(spoken, BlobMessage)
            durations.add(sound_of(spoken.content).duration)
    assert 3 == len(durations)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("***", "Text is required", id="without a word"),
        pytest.param("a" * 20_001, "up to 20000 characters", id="too long"),
    ],
)
async def test_what_cannot_be_spoken_fails(text: str, message: str) -> None:
    async with opened() as tools:
        with pytest.raises(ToolFailed, match=message):
            await call(tools, "tts", {"text": text}, provider="audio")


async def test_a_recording_becomes_a_text() -> None:
    async with local_server(ANSWER) as server:
        files = FilesInMemory({"f-1": b"\xff\xfbmp3"})
        async with opened(files=files, speech=listening(server)) as tools:
            said = await call(tools, "asr", {"audio_file": [SPOKEN]}, provider="audio")
    assert [TextMessage("buy milk")] == list(said)
    [request] = server.received
    assert b"\xff\xfbmp3" in request.body
    assert b'filename="memo.mp3"' in request.body


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("memo.mp3", "not a valid audio file", id="a name"),
        pytest.param(SPOKEN, "no such file", id="gone"),
    ],
)
async def test_what_cannot_be_listened_to_fails(value: Any, message: str) -> None:
    async with local_server(ANSWER) as server, opened(speech=listening(server)) as tools:
        with pytest.raises(ToolFailed, match=message):
            await call(tools, "asr", {"audio_file": value}, provider="audio")
    assert [] == server.received


async def test_a_recording_may_be_as_large_as_an_upload() -> None:
    sizes = {"uploads_mb": {"audio": 1}}
    files = FilesInMemory({"f-1": bytes((1 << 20) + 1)})
    async with (
        local_server(ANSWER) as server,
        opened(files=files, speech=listening(server), limits=sizes) as tools,
    ):
        with pytest.raises(ToolFailed, match="too large"):
            await call(tools, "asr", {"audio_file": SPOKEN}, provider="audio")


async def test_without_a_service_nobody_listens() -> None:
    async with opened() as tools:
        with pytest.raises(ToolNotFound, match=r"set speech\.speech_to_text"):
            await find(tools, "asr", provider="audio")


async def test_without_the_extra_nobody_speaks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(espeak, "_PACKAGES", {"not_there": "not-there"})
    async with opened() as tools:
        with pytest.raises(ToolNotFound, match=r"needs not-there\. Install graphmill\[speech\]"):
            await find(tools, "tts", provider="audio")
