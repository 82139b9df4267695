"""Speech in both directions and in event streams (`service-api §11.13, §19`; §29, rows
187-192)."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import miniaudio
import pytest

from graphmill.server import create_app, server_config
from graphmill.wiring.server import build
from tests.api.dify.client import USER, Api, Json, error_of, events_of, settings
from tests.api.serving import served
from tests.outbound.local_server import Answer, LocalServer, Received, local_server, reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Here is the first sentence. And this is the second one. "
MP3 = b"\xff\xf3" + bytes(70_000)
JSON = [("Content-Type", "application/json")]
DONE = reply(200, b"All of it has been said now.", [("Content-Type", "text/plain")])


def seconds_of(mp3: bytes) -> float:
    return miniaudio.mp3_get_info(mp3).duration


def held(event: asyncio.Event, answer: Answer) -> Answer:
    """`answer`, once `event` is set."""

    async def wait(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await event.wait()
        await answer(received, reader, writer)

    return wait


async def silence(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """No answer, until the client closes the connection."""
    await reader.read()


def audio_of(events: list[Json]) -> bytes:
    return b"".join(base64.b64decode(e["audio"]) for e in events if e["event"] == "tts_message")


def names_of(events: list[Json]) -> list[str]:
    return [event["event"] for event in events]


async def record(
    api: Api, filename: str, content: bytes, mime_type: str, app: str
) -> httpx.Response:
    return await api.http.post(
        "/v1/audio-to-text",
        files={"file": (filename, content, mime_type)},
        data={"user": USER},
        headers={"Authorization": f"Bearer app-{app}"},
    )


@asynccontextmanager
async def server_with(provider: Answer, data_dir: Path) -> AsyncIterator[tuple[Api, LocalServer]]:
    """A server whose speech comes from `provider`."""
    async with local_server(provider) as voice:
        entry = {"kind": "openai", "base_url": voice.url, "api_key": "any"}
        speech = {"text_to_speech": entry, "speech_to_text": entry}
        async with (
            build(settings(data_dir, speech=speech)) as services,
            served(server_config(create_app(services), services.settings.server)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
        ):
            yield Api(http), voice


# --- text to audio -------------------------------------------------------------------------------


async def test_a_text_is_answered_with_mp3(api: Api) -> None:
    answer = await api.post("/text-to-audio", {"text": TEXT, "streaming": True}, app="features")
    assert (200, "audio/mpeg") == (answer.status_code, answer.headers["content-type"])
    assert 2.0 < seconds_of(answer.content) < 8.0


async def test_who_names_a_voice_is_spoken_to_by_any_app(api: Api) -> None:
    answer = await api.post("/text-to-audio", {"text": "Hi.", "voice": "en-gb"}, app="mute")
    assert 200 == answer.status_code


async def test_a_message_is_spoken_rather_than_the_text(api: Api) -> None:
    question = {"query": "q", "inputs": {}, "user": USER}
    said = (await api.post("/chat-messages", question, app="talking")).json()
    order = {"message_id": said["message_id"], "text": TEXT * 10, "user": USER}
    answer = await api.post("/text-to-audio", order, app="talking")
    assert 0.3 < seconds_of(answer.content) < 2.0
    foreign = await api.post("/text-to-audio", {**order, "user": "another"}, app="talking")
    assert (404, "not_found") == error_of(foreign)


@pytest.mark.parametrize(
    ("app", "order", "expected", "message"),
    [
        pytest.param("features", {}, (400, "invalid_param"), "Text is required", id="nothing"),
        pytest.param(
            "features", {"text": ""}, (400, "invalid_param"), "Text is required", id="empty text"
        ),
        pytest.param(
            "features", {"text": "***"}, (400, "invalid_param"), "Text is required", id="no sound"
        ),
        pytest.param(
            "features", {"text": "x" * 20_001}, (400, "invalid_param"), "20000", id="too long"
        ),
        pytest.param("features", {"text": 5}, (400, "invalid_param"), "text", id="a number"),
        pytest.param(
            "mute", {"text": "hi"}, (400, "invalid_param"), "TTS is not enabled", id="switched off"
        ),
        pytest.param(
            "unpublished",
            {"text": "hi"},
            (400, "invalid_param"),
            "TTS is not enabled",
            id="not published",
        ),
        pytest.param(
            "talking",
            {"message_id": str(uuid4())},
            (404, "not_found"),
            "Message Not Exists.",
            id="unknown message",
        ),
        pytest.param(
            "talking", {"message_id": "x"}, (404, "not_found"), "Message Not Exists.", id="no id"
        ),
    ],
)
async def test_what_cannot_be_spoken_is_refused(
    api: Api, app: str, order: Json, expected: tuple[int, str], message: str
) -> None:
    answer = await api.post("/text-to-audio", order, app=app)
    assert expected == error_of(answer)
    assert message in answer.json()["message"]


async def test_the_provider_says_why_it_does_not_speak(tmp_path: Path) -> None:
    refusal = reply(400, b'{"error": {"message": "no such voice"}}')
    async with server_with(refusal, tmp_path) as (api, _):
        answer = await api.post("/text-to-audio", {"text": "hi"}, app="features")
    assert (400, "completion_request_error") == error_of(answer)
    assert "no such voice" in answer.json()["message"]


# --- audio to text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mime_type", ["audio/mp3", "audio/mpeg", "audio/webm;codecs=opus", "audio/x-wav"]
)
async def test_a_recording_is_written_down(tmp_path: Path, mime_type: str) -> None:
    heard = reply(200, b'{"text": "hello from audio"}', JSON)
    async with server_with(heard, tmp_path) as (api, provider):
        answer = await record(api, "a.mp3", b"recorded", mime_type, "features")
    assert (200, {"text": "hello from audio"}) == (answer.status_code, answer.json())
    [request] = provider.received
    assert b"recorded" in request.body


@pytest.mark.parametrize(
    ("app", "part", "expected"),
    [
        pytest.param(
            "mute",
            ("a.mp3", b"x", "audio/mp3"),
            (400, "speech_to_text_disabled"),
            id="switched off",
        ),
        pytest.param(
            "unpublished",
            ("a.mp3", b"x", "audio/mp3"),
            (400, "speech_to_text_disabled"),
            id="not published",
        ),
        pytest.param(
            "features",
            ("a.txt", b"x", "text/plain"),
            (415, "unsupported_audio_type"),
            id="no audio",
        ),
        pytest.param(
            "features",
            ("a.mp3", bytes((30 << 20) + 1), "audio/mp3"),
            (413, "audio_too_large"),
            id="a byte too large",
        ),
        pytest.param(
            "features",
            ("a.mp3", bytes(31 << 20), "audio/mp3"),
            (413, "audio_too_large"),
            id="announced too large",
        ),
        pytest.param(
            "features",
            ("a.mp3", b"x", "audio/mp3"),
            (400, "provider_not_support_speech_to_text"),
            id="nobody listens",
        ),
    ],
)
async def test_what_cannot_be_written_down_is_refused(
    api: Api, app: str, part: tuple[str, bytes, str], expected: tuple[int, str]
) -> None:
    assert expected == error_of(await record(api, *part, app))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"files": {"other": ("a.mp3", b"x", "audio/mp3")}}, id="another field"),
        pytest.param({"data": {"user": USER}}, id="no form"),
        pytest.param({"json": {}}, id="JSON"),
    ],
)
async def test_without_a_file_there_is_no_audio(api: Api, body: dict[str, Any]) -> None:
    headers = {"Authorization": "Bearer app-features"}
    answer = await api.http.post("/v1/audio-to-text", headers=headers, **body)
    assert (400, "no_audio_uploaded") == error_of(answer)


# --- streams -------------------------------------------------------------------------------------


async def test_sentences_are_spoken_while_the_run_goes_on(live_api: Api) -> None:
    may_end = asyncio.Event()
    async with local_server(held(may_end, DONE)) as peer:
        inputs = {"text": TEXT, "url": peer.url}
        async with live_api.stream(inputs, app="spoken") as stream:
            events = []
            async for event in stream:
                events.append(event)
                if names_of(events).count("tts_message") == 2:
                    may_end.set()
    names = names_of(events)
    assert ["tts_message", "tts_message_end", "workflow_finished"] == names[-3:]
    assert 3 == names.count("tts_message")
    assert 3.0 < seconds_of(audio_of(events)) < 8.0
    started, ended = events[0], events[-2]
    assert {
        "event": "tts_message_end",
        "conversation_id": "",
        "message_id": started["workflow_run_id"],
        "created_at": started["data"]["created_at"],
        "task_id": started["task_id"],
        "workflow_run_id": started["workflow_run_id"],
        "audio": "",
    } == ended


async def test_a_turn_is_spoken_before_its_run_ends(api: Api) -> None:
    question = {"query": "q", "inputs": {}, "user": USER, "response_mode": "streaming"}
    answer = await api.post("/chat-messages", question, app="talking")
    events = list(events_of(answer.text))
    assert ["tts_message_end", "workflow_finished", "message_end"] == names_of(events)[-3:]
    [spoken] = [event for event in events if event["event"] == "tts_message"]
    assert events[0]["message_id"] == spoken["message_id"]
    assert events[0]["conversation_id"] == spoken["conversation_id"]
    assert 0.3 < seconds_of(audio_of(events)) < 2.0


@pytest.mark.parametrize("app", ["features", "main"], ids=["speaks on request", "never speaks"])
async def test_other_apps_stream_no_speech(api: Api, app: str) -> None:
    names = names_of(await api.events({"name": "Ann", "q": "x"}, app=app))
    assert "workflow_finished" in names
    assert not [name for name in names if name.startswith("tts")]


async def test_long_audio_is_cut_for_clients_that_read_lines(tmp_path: Path) -> None:
    async with local_server(DONE) as peer, server_with(reply(200, MP3), tmp_path) as (api, voice):
        events = await api.events({"text": TEXT, "url": peer.url}, app="spoken")
    pieces = [event["audio"] for event in events if event["event"] == "tts_message"]
    assert 3 * len(voice.received) == len(pieces)
    assert all(len(piece) <= 32 * 1024 for piece in pieces)
    assert MP3 * len(voice.received) == audio_of(events)


async def test_a_voice_that_fails_costs_the_run_nothing(tmp_path: Path) -> None:
    hoarse = reply(400, b'{"error": {"message": "hoarse"}}')
    async with local_server(DONE) as peer, server_with(hoarse, tmp_path) as (api, voice):
        events = await api.events({"text": TEXT, "url": peer.url}, app="spoken")
    assert ["tts_message_end", "workflow_finished"] == names_of(events)[-2:]
    assert b"" == audio_of(events)
    assert "succeeded" == events[-1]["data"]["status"]
    assert 1 == len(voice.received)


async def test_a_slow_voice_keeps_no_event_waiting(tmp_path: Path) -> None:
    may_speak = asyncio.Event()
    async with (
        local_server(DONE) as peer,
        server_with(held(may_speak, reply(200, MP3)), tmp_path) as (api, _),
        api.stream({"text": TEXT, "url": peer.url}, app="spoken") as stream,
    ):
        events = []
        async for event in stream:
            events.append(event)
            if event["event"] == "node_finished" and event["data"]["node_id"] == "end":
                detail = await settled(api, event["workflow_run_id"])
                may_speak.set()
    assert "succeeded" == detail["status"]
    names = names_of(events)
    assert "node_finished" == names[names.index("tts_message") - 1]
    assert MP3 * 3 == audio_of(events)


async def settled(api: Api, run_id: str) -> Json:
    """The record of a run that has ended."""
    async with asyncio.timeout(5):
        while True:
            detail = (await api.get(f"/workflows/run/{run_id}", app="spoken")).json()
            if detail["status"] != "running":
                return dict(detail)
            await asyncio.sleep(0.01)


async def test_nobody_speaks_to_a_client_that_has_left(tmp_path: Path) -> None:
    async with local_server(silence) as peer, server_with(silence, tmp_path) as (api, voice):
        async with api.stream({"text": TEXT, "url": peer.url}, app="spoken"):
            await voice.asked.wait()
        async with asyncio.timeout(5):
            await voice.left.wait()


async def test_who_joins_later_hears_nothing(live_api: Api) -> None:
    may_end = asyncio.Event()
    async with (
        local_server(held(may_end, DONE)) as peer,
        live_api.stream({"text": TEXT, "url": peer.url}, app="spoken") as stream,
    ):
        run_id = (await anext(stream))["workflow_run_id"]
        query = {"user": USER, "include_state_snapshot": "true"}
        headers = {"Authorization": "Bearer app-spoken"}
        async with live_api.http.stream(
            "GET", f"/v1/workflow/{run_id}/events", params=query, headers=headers
        ) as joined:
            lines = joined.aiter_lines()
            assert "event: ping" == await anext(lines)
            may_end.set()
            rest = [line async for line in lines]
    assert any("workflow_finished" in line for line in rest)
    assert not any("tts" in line for line in rest)
