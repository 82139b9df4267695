"""OpenAI's protocol for speech, byte by byte."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from python_multipart import parse_form
from python_multipart.multipart import Field, File

from graphmill.config import Settings
from graphmill.errors import ModelFailed
from graphmill.ports.speech import Listener, Voice
from graphmill.service.speech.speech import Speech
from graphmill.wiring.speech import open_speech
from tests.outbound.local_server import Answer, LocalServer, Received, local_server, reply

SECRET = "sk-very-secret"
JSON = [("Content-Type", "application/json")]


@asynccontextmanager
async def provider(answer: Answer, **entry: Any) -> AsyncIterator[tuple[LocalServer, Speech]]:
    async with local_server(answer) as server:
        part = {"kind": "openai", "base_url": f"{server.url}/v1/", "api_key": SECRET}
        speech = {"text_to_speech": {**part, **entry}, "speech_to_text": part}
        async with open_speech(Settings.model_validate({"speech": speech})) as opened:
            yield server, opened


def listener_of(speech: Speech) -> Listener:
    assert speech.listener is not None
    return speech.listener


def form_of(received: Received) -> dict[str, tuple[str, bytes]]:
    """Field → file name and content."""
    parts: dict[str, tuple[str, bytes]] = {}

    def on_field(field: Field) -> None:
        parts[str(field.field_name, "utf-8")] = ("", field.value or b"")

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        name = (file.file_name or b"").decode()
        parts[str(file.field_name or b"", "utf-8")] = (name, file.file_object.read())

    headers = {"Content-Type": received.headers["content-type"].encode()}
    parse_form(headers, _Once(received.body), on_field, on_file)
    return parts


class _Once:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        return piece


@pytest.mark.parametrize(
    ("entry", "voice", "asked"),
    [
        pytest.param({}, Voice(), ("tts-1", "alloy"), id="defaults"),
        pytest.param({}, Voice("nova", "en-US"), ("tts-1", "nova"), id="of the app"),
        pytest.param(
            {"model": "kokoro", "voice": "af_sky"}, Voice(), ("kokoro", "af_sky"), id="configured"
        ),
    ],
)
async def test_text_is_sent_and_the_answer_is_the_audio(
    entry: dict[str, str], voice: Voice, asked: tuple[str, str]
) -> None:
    async with provider(reply(200, b"\xff\xf3mp3"), **entry) as (server, speech):
        assert b"\xff\xf3mp3" == await speech.speak("Hello.", voice)
    [request] = server.received
    model, name = asked
    body = {"model": model, "input": "Hello.", "voice": name, "response_format": "mp3"}
    assert ("POST", "/v1/audio/speech") == (request.method, request.target)
    assert body == json.loads(request.body)
    assert f"Bearer {SECRET}" == request.headers["authorization"]


async def test_a_recording_is_sent_as_a_form() -> None:
    async with provider(reply(200, b'{"text": "hello"}', JSON)) as (server, speech):
        text = await listener_of(speech).transcribe(
            b"\r\n--audio\x00", filename='my "voice".mp3', mime_type="audio/mp3"
        )
    assert "hello" == text
    [request] = server.received
    assert "/v1/audio/transcriptions" == request.target
    assert {
        "model": ("", b"whisper-1"),
        "file": ("my %22voice%22.mp3", b"\r\n--audio\x00"),
    } == form_of(request)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            reply(401, b'{"error": {"message": "not with sk-very-secret"}}'),
            r"answered 401: not with \*\*\*",
            id="refused",
        ),
        pytest.param(reply(200, b"hello", JSON), "cannot be read", id="no JSON"),
        pytest.param(reply(200, b'{"text": 5}', JSON), "cannot be read", id="no text"),
        pytest.param(reply(200, b"{}", JSON), "cannot be read", id="nothing"),
    ],
)
async def test_a_failure_is_told_in_a_sentence(answer: Answer, message: str) -> None:
    async with provider(answer) as (_, speech):
        with pytest.raises(ModelFailed, match=message):
            await listener_of(speech).transcribe(b"x", filename="a.mp3", mime_type="audio/mp3")


async def test_nothing_is_started_or_connected_before_something_is_spoken() -> None:
    async with provider(reply(500)) as (server, _):
        pass
    assert 0 == server.connections
