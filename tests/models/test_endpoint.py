"""Providers that fail, dawdle and lie."""

import asyncio
import json
import time
from contextlib import aclosing
from email.utils import formatdate
from typing import Any

import pytest

from graphmill.errors import ModelFailed
from graphmill.models import endpoint, frames
from tests.models.stand_ins import (
    MODEL,
    SECRET,
    WHOLE_REPLY,
    asking,
    delta,
    events,
    in_turn,
    models_of,
    provider,
    streaming,
    text_of,
)
from tests.outbound.local_server import Answer, Received, reply

JSON = [("Content-Type", "application/json")]
AT_ONCE = [*JSON, ("Retry-After", "0")]


def refusal(status: int, message: str = "no", headers: list[tuple[str, str]] = AT_ONCE) -> Answer:
    return reply(status, json.dumps({"error": {"message": message}}).encode(), headers)


async def silence(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_FIRST_PAUSE", 0.01)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(refusal(429), id="too many requests"),
        pytest.param(refusal(503), id="unavailable"),
        pytest.param(refusal(500, headers=JSON), id="without Retry-After"),
        pytest.param(
            refusal(503, headers=[*JSON, ("Retry-After", formatdate(0, usegmt=True))]), id="date"
        ),
        pytest.param(streaming(ends=False), id="closed before the first token"),
        pytest.param(streaming(b": nothing\n\n"), id="ended before the first token"),
    ],
)
async def test_what_may_pass_is_tried_again(first: Answer) -> None:
    async with provider(in_turn(first, streaming(WHOLE_REPLY))) as stand_in:
        assert "Hello" == text_of(await stand_in.reply())
        assert 2 == len(stand_in.server.received)


@pytest.mark.parametrize(
    ("answer", "tries", "message"),
    [
        pytest.param(
            refusal(400, "model refused on request"),
            1,
            "The provider answered 400: model refused on request",
            id="the caller's fault",
        ),
        pytest.param(refusal(429, "slow down"), 3, "answered 429: slow down", id="for good"),
        pytest.param(
            refusal(429, "come back tomorrow", [*JSON, ("Retry-After", "86400")]),
            1,
            "come back tomorrow",
            id="asks for a long time",
        ),
        pytest.param(reply(401, b'{"detail": "who?"}'), 1, "401: who?", id="another form"),
        pytest.param(reply(404, b"<h1>Lost</h1>"), 1, "404: <h1>Lost</h1>", id="no JSON"),
        pytest.param(reply(404), 1, "404: nothing more", id="nothing"),
        pytest.param(reply(302, b"", [("Location", "/elsewhere")]), 1, "302", id="redirect"),
        pytest.param(
            reply(200, b"<h1>Hi</h1>", [("Content-Type", "text/html")]),
            1,
            "does not stream: its answer is text/html, '<h1>Hi</h1>'",
            id="wrong content type",
        ),
        pytest.param(reply(200, b"Hi"), 1, "of no declared type", id="no content type"),
        pytest.param(reply(200, b"{", JSON), 1, "cannot be read", id="broken JSON, not streamed"),
        pytest.param(
            reply(200, b"{}", JSON), 3, "in the middle of a reply", id="nothing, not streamed"
        ),
        pytest.param(streaming(events(b"{")), 1, "cannot be read", id="broken JSON"),
        pytest.param(streaming(events([1])), 1, "cannot be read", id="no object"),
        pytest.param(
            streaming(events({"choices": [{"delta": {"content": 5}}]})),
            1,
            "cannot be read",
            id="no text",
        ),
        pytest.param(
            streaming(events({"choices": 7})), 1, "cannot be read", id="another structure"
        ),
        pytest.param(
            streaming(events({"error": {"message": "out of memory"}})),
            1,
            "out of memory",
            id="error in the stream",
        ),
        pytest.param(
            streaming(events(delta("He")), ends=False), 1, "broke off", id="closed in the middle"
        ),
        pytest.param(
            streaming(events(delta("He"))), 1, "in the middle of a reply", id="ended in the middle"
        ),
    ],
)
async def test_a_failure_is_told_in_a_sentence(answer: Answer, tries: int, message: str) -> None:
    async with provider(answer) as stand_in:
        with pytest.raises(ModelFailed) as failure:
            await stand_in.reply()
        assert message in str(failure.value)
        assert tries == len(stand_in.server.received)


async def test_nothing_is_said_twice() -> None:
    """What was handed out cannot be taken back, so the call is not repeated."""
    answer = in_turn(streaming(events(delta("He")), ends=False), streaming(WHOLE_REPLY))
    async with provider(answer) as stand_in:
        heard = []
        with pytest.raises(ModelFailed):
            heard.extend([piece.text async for piece in stand_in.models.chat(asking())])
        assert 1 == len(stand_in.server.received)


async def test_retries_can_be_switched_off() -> None:
    async with provider(refusal(503), retries=0) as stand_in:
        with pytest.raises(ModelFailed):
            await stand_in.reply()
        assert 1 == len(stand_in.server.received)


async def test_a_provider_that_is_not_there_is_named() -> None:
    async with (
        models_of(
            [{"provider": "*", "kind": "openai", "base_url": "http://127.0.0.1:9"}]
        ) as models,
        aclosing(models.chat(asking())) as pieces,
    ):
        with pytest.raises(ModelFailed, match=r"Cannot connect to http://127\.0\.0\.1:9"):
            await anext(pieces)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps({"error": {"message": f"bad key {SECRET}"}}).encode(), id="JSON"),
        pytest.param(f"you sent {SECRET}".encode(), id="text"),
    ],
)
async def test_the_key_is_never_shown(body: bytes) -> None:
    async with provider(reply(401, body)) as stand_in:
        with pytest.raises(ModelFailed) as failure:
            await stand_in.reply()
    assert "***" in str(failure.value)
    assert SECRET not in str(failure.value)


async def test_a_key_that_is_none_leaves_messages_alone() -> None:
    async with provider(refusal(404, "ollama has no such model"), api_key="ollama") as stand_in:
        with pytest.raises(ModelFailed, match="ollama has no such model"):
            await stand_in.reply()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(silence, id="hangs before it answers"),
        pytest.param(streaming(b": x\n\n", pause=30), id="hangs before the first token"),
        pytest.param(streaming(events(delta("He")), pause=30), id="hangs in the middle"),
    ],
)
async def test_silence_has_a_limit(answer: Answer) -> None:
    async with provider(answer, retries=0, timeout_seconds={"read": 0.1}) as stand_in:
        with pytest.raises(ModelFailed, match=r"sent nothing for 0\.1 seconds"):
            await stand_in.reply()


async def test_a_drip_has_a_limit() -> None:
    drip = streaming(*[b":\n"] * 100, pause=0.02)
    async with provider(drip, retries=0, timeout_seconds={"total": 0.1}) as stand_in:
        with pytest.raises(ModelFailed, match=r"was not ready with its answer after 0\.1 seconds"):
            await stand_in.reply()
        await asyncio.wait_for(stand_in.server.left.wait(), 1)


async def test_an_endless_event_is_not_kept() -> None:
    token = json.dumps(delta("x" * (10 << 20))).encode()
    answer = streaming(b"data: ", *[token[at : at + 65536] for at in range(0, len(token), 65536)])
    async with provider(answer) as stand_in:
        with pytest.raises(ModelFailed, match="an event is larger than 4 MB"):
            await stand_in.reply()
        await asyncio.wait_for(stand_in.server.left.wait(), 1)


async def test_an_endless_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LARGEST_ANSWER", 1 << 20)
    async with provider(streaming(*[b":" * 65536 + b"\n"] * 32)) as stand_in:
        with pytest.raises(ModelFailed, match="sent more than 1 MB"):
            await stand_in.reply()


async def test_who_stops_reading_closes_the_stream_at_once() -> None:
    async with provider(streaming(events(delta("He")), pause=30)) as stand_in:
        async with aclosing(stand_in.models.chat(asking())) as pieces:
            await anext(pieces)
        await asyncio.wait_for(stand_in.server.left.wait(), 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(silence, id="waiting for the answer"),
        pytest.param(streaming(events(delta("He")), pause=30), id="in the middle"),
    ],
)
async def test_a_cancelled_caller_closes_the_stream_at_once(answer: Answer) -> None:
    async with provider(answer) as stand_in, asyncio.TaskGroup() as group:
        task = group.create_task(stand_in.reply())
        await stand_in.server.asked.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait_for(stand_in.server.left.wait(), 1)


async def test_a_connection_is_used_again() -> None:
    async with provider(streaming(WHOLE_REPLY)) as stand_in:
        for _ in range(3):
            await stand_in.reply()
        assert (3, 1) == (len(stand_in.server.received), stand_in.server.connections)


async def test_a_stream_that_goes_on_after_its_end_holds_nobody_up() -> None:
    async with provider(streaming(WHOLE_REPLY, b": more\n\n", pause=30)) as stand_in:
        begun = time.monotonic()
        assert "Hello" == text_of(await stand_in.reply())
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("items", "message"),
    [
        pytest.param([{"index": 0}], "cannot be read: KeyError", id="no vector"),
        pytest.param([{"index": 0, "embedding": [None]}], "cannot be read: TypeError", id="null"),
        pytest.param([{"index": 0, "embedding": "abc"}], "cannot be read: ValueError", id="text"),
        pytest.param([], "gave 0 vectors for 1 texts", id="too few"),
        pytest.param(
            [{"index": index, "embedding": [1.0]} for index in range(2)],
            "gave 2 vectors for 1 texts",
            id="too many",
        ),
    ],
)
async def test_an_answer_that_is_no_embedding_is_told(items: list[object], message: str) -> None:
    async with provider(reply(200, json.dumps({"data": items}).encode())) as stand_in:
        with pytest.raises(ModelFailed, match=message):
            await stand_in.models.embed(MODEL, ["a"])


async def test_embeddings_are_asked_for_again_too() -> None:
    good: dict[str, Any] = {"data": [{"index": 0, "embedding": [1.0]}]}
    answer = in_turn(refusal(503), reply(200, json.dumps(good).encode()))
    async with provider(answer) as stand_in:
        vectors, _ = await stand_in.models.embed(MODEL, ["a"])
    assert [[1.0]] == vectors


async def test_requests_go_through_the_proxy() -> None:
    """A proxy is asked for the whole address of the provider."""
    base_url = "http://models.invalid/v1"
    async with provider(streaming(WHOLE_REPLY)) as proxy:
        entry = {
            "provider": "*", "kind": "openai", "base_url": base_url, "proxy": proxy.server.url
        }  # fmt: skip
        async with models_of([entry]) as models:
            assert "Hello" == text_of([piece async for piece in models.chat(asking())])
        assert f"{base_url}/chat/completions" == proxy.server.received[0].target


def test_frames_keep_no_more_than_one_event() -> None:
    cut = frames.Frames()
    for _ in range(100):
        assert [b"x" * 65535] == cut.feed(b"data:" + b"x" * 65535 + b"\n")
