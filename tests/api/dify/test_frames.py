"""Events as frames, and what becomes of a stream whose run cannot be stored."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from graphmill.api.dify.events import RunFrames
from graphmill.api.dify.streams import Streams
from graphmill.api.dify.turn_events import teller
from graphmill.api.dify.wire import Wire
from graphmill.api.sse import PIECE_BYTES, EventStream
from graphmill.engine.events import RunStarted, TextChunk, VariableUpdated
from graphmill.engine.fanout import Feed
from graphmill.engine.run import Run
from graphmill.errors import StoreUnreachable
from graphmill.jsontext import encode
from graphmill.ports.runs import NumberedEvent
from graphmill.ports.speech import Voice
from graphmill.service.apps.speech_features import SpeechFeatures
from graphmill.service.runs.runs import LiveRun
from graphmill.variables.files import File
from tests.api.dify.client import events_of

RUN = Run(
    id="run",
    task_id="task",
    app_id="app",
    workflow_id="workflow",
    version="version",
    sequence_number=1,
    end_user_id="end-user",
    user="abc-123",
    inputs={},
    created_at=1760000000.5,
)
CHUNKS: list[NumberedEvent] = [
    (number, TextChunk(("llm", "text"), f"{number} ")) for number in range(1, 5)
]


def test_readers_who_keep_up_share_one_encoding() -> None:
    encoded: list[object] = []

    def counting(content: object) -> bytes:
        encoded.append(content)
        return encode(content)

    frames = RunFrames(teller(RUN), counting)
    first, again, other = [
        b"".join(frames.pieces([*batch])) for batch in (CHUNKS, CHUNKS, CHUNKS[1:])
    ]
    assert first == again
    assert first.endswith(other)
    assert len(CHUNKS) + len(CHUNKS[1:]) == len(encoded)


def test_large_events_are_encoded_once_for_all_who_write_them() -> None:
    frames = RunFrames(teller(RUN), encode)
    large: list[NumberedEvent] = [(9, TextChunk(("llm", "text"), "x" * PIECE_BYTES))]
    batch = [*CHUNKS, *large, *CHUNKS]
    pieces = frames.pieces(batch)
    small, one = next(pieces), next(pieces)
    [_, other] = [piece for piece in frames.pieces([CHUNKS[0], *large]) if piece]
    assert one is other
    assert 4 == small.count(b"data: ")
    assert len(CHUNKS) == len(batch)


def test_numbers_are_in_the_frames_of_those_who_count() -> None:
    frames = RunFrames(teller(RUN), encode)
    plain = b"".join(frames.pieces([*CHUNKS]))
    numbered = b"".join(frames.pieces([*CHUNKS], are_numbered=True))
    assert [b"id: %d" % number for number, _ in CHUNKS] == [
        line for line in numbered.split(b"\n") if line.startswith(b"id: ")
    ]
    assert b"id: " not in plain


def test_changed_variables_are_not_told() -> None:
    frames = RunFrames(teller(RUN), encode)
    assert b"" == frames.encode([VariableUpdated(("conversation", "x"), 1)])


def test_times_are_whole_seconds() -> None:
    [event] = events_of(
        RunFrames(teller(RUN), encode).encode([RunStarted({}, 1760000000.9)]).decode()
    )
    assert 1760000000 == event["data"]["created_at"]


def test_file_is_shown_with_its_link() -> None:
    wire = Wire(lambda file: f"http://server/files/{file.related_id}")
    generated = File("image", "tool_file", filename="a.png", related_id="id")
    shown = json.loads(wire.encode({"file": generated}))["file"]
    assert ("http://server/files/id", None, "id") == (
        shown["url"],
        shown["remote_url"],
        shown["reference"],
    )


def test_what_is_no_value_cannot_be_shown() -> None:
    with pytest.raises(TypeError, match="set is no JSON value"):
        Wire(lambda _: None).encode({"x": {1}})


class Unstorable:
    """Runs of a server whose database is gone."""

    async def committed(self, live: LiveRun) -> None:
        raise StoreUnreachable(f"{live.run.id} cannot be stored")

    async def follow(self, live: LiveRun, *, after: int = 0) -> AsyncIterator[list[NumberedEvent]]:
        raise AssertionError("nothing may be told that is not stored")
        yield []

    async def follow_on(
        self, run: Run, *, after: int, stays: bool
    ) -> AsyncIterator[list[NumberedEvent]]:
        raise StoreUnreachable(f"{run.id} cannot be stored")
        yield []


class NoConversations:
    async def answer_of(self, run_id: str) -> None:
        raise AssertionError("a run of a workflow is no turn")


class Silence:
    def narration(self, voice: Voice) -> None:
        raise AssertionError("nothing is spoken unless the app says so")


async def written(stream: EventStream) -> str:
    """What a client reads that stays until the end."""
    pieces: list[bytes] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    async def send(message: Message) -> None:
        pieces.append(message.get("body", b""))

    await stream({}, receive, send)
    return b"".join(pieces).decode()


@pytest.mark.parametrize("rejoined", [False, True], ids=["own-stream", "rejoined"])
async def test_run_that_cannot_be_stored_ends_its_stream_with_an_error(rejoined: bool) -> None:
    live = LiveRun(RUN, Feed(RUN.id))
    streams = Streams(Unstorable(), NoConversations(), Silence(), Wire(lambda _: None))
    if rejoined:
        stream = EventStream(streams.rest(RUN, now=0, snapshot=False, stays=False))
    else:
        stream = streams.answer(live, SpeechFeatures())
    text = await written(stream)
    assert [
        {
            "event": "error",
            "workflow_run_id": "run",
            "task_id": "task",
            "code": "internal_server_error",
            "status": 500,
            "message": "Internal Server Error, please contact support.",
        }
    ] == list(events_of(text))
