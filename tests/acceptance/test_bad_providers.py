"""Providers that fail, dawdle and lie, behind a whole server: each run ends with a sentence, and no
other run notices."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.dsl.files import edges, node, workflow_text
from tests.models.stand_ins import WHOLE_REPLY, delta, events, in_turn, streaming
from tests.models.test_endpoint import refusal, silence
from tests.outbound.local_server import Answer, Received, local_server
from tests.server_process import running_server

KEY = "app-model"
TOKEN: Final = "x" * 10_000_000
ENDED_WITHIN: Final = 40.0
"""Seconds, all together."""


@dataclass(frozen=True, slots=True)
class Case:
    answer: Answer
    text: str = ""
    """What is streamed of it."""
    error: str = ""
    """Part of the run's error; none means that it succeeds."""


def counting(tokens: object) -> Answer:
    """A good reply that says it cost so much."""
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}
    return streaming(events(delta("Hello", "stop"), {"choices": [], "usage": usage}, b"[DONE]"))


CASES: Final = {
    "answers": Case(streaming(WHOLE_REPLY), "Hello"),
    "hangs": Case(silence, error="sent nothing for 1 seconds"),
    "hangs in the middle": Case(
        streaming(events(delta("He")), pause=30), "He", "sent nothing for 1 seconds"
    ),
    "closes in the middle": Case(
        streaming(events(delta("He")), ends=False), "He", "broke off in the middle of its answer"
    ),
    "sends broken JSON": Case(
        streaming(events(delta("He")), events(b'{"choices": [{'), pause=0.2),
        "He",
        "that cannot be read",
    ),
    "is busy once": Case(in_turn(refusal(429), streaming(WHOLE_REPLY)), "Hello"),
    "is busy for good": Case(
        refusal(429, "slow down"), error="The provider answered 429: slow down"
    ),
    "says 3 MB at once": Case(
        streaming(events(delta(TOKEN[:3_000_000]), delta("", "stop"))), TOKEN[:3_000_000]
    ),
    "says 10 MB at once": Case(
        streaming(events(delta(TOKEN), delta("", "stop"))), error="an event is larger than 4 MB"
    ),
    "counts in words": Case(counting("three"), "Hello"),
    "counts beyond all measure": Case(counting(10**30), "Hello"),
}
"""By what the model is asked."""


async def model(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    asked = json.loads(received.body)["messages"][-1]["content"]
    await CASES[asked].answer(received, reader, writer)


def app() -> str:
    question = {"variable": "q", "label": "Q", "type": "text-input", "max_length": 64}
    llm = node(
        "llm",
        "llm",
        title="Model",
        model={"provider": "openai", "name": "gpt-4o-mini", "mode": "chat"},
        prompt_template=[{"role": "user", "text": "{{#start.q#}}"}],
        context={"enabled": False},
    )
    outputs = [{"variable": "text", "value_selector": ["llm", "text"]}]
    return workflow_text(
        [
            node("start", "start", title="Start", variables=[question]),
            llm,
            node("end", "end", title="End", outputs=outputs),
        ],
        edges("start>llm", "llm>end"),
    )


async def told(client: httpx.AsyncClient, asked: str) -> tuple[str, str, str]:
    """Status, error and text of a run, as they were streamed."""
    body = {"inputs": {"q": asked}, "response_mode": "streaming", "user": "me"}
    text = ""
    async with client.stream("POST", "/v1/workflows/run", json=body) as stream:
        async for line in stream.aiter_lines():
            if not line.startswith("data: "):
                continue
            event = json.loads(line.removeprefix("data: "))
            if event["event"] == "text_chunk":
                text += event["data"]["text"]
            elif event["event"] == "workflow_finished":
                return event["data"]["status"], event["data"]["error"] or "", text
    raise AssertionError(f"the stream of the run that {asked} has no end")


async def test_a_bad_provider_fails_its_own_run_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.yml"
    path.write_text(app())
    async with local_server(model) as outside:
        provider = {
            "provider": "*",
            "kind": "openai",
            "base_url": f"{outside.url}/v1",
            "retries": 1,
            "timeout_seconds": {"read": 1},
        }
        config = {"apps": [{"workflow": str(path), "api_keys": [KEY]}], "models": [provider]}
        headers = {"Authorization": f"Bearer {KEY}"}
        with running_server(config, tmp_path) as server:
            async with (
                httpx.AsyncClient(base_url=server.url, headers=headers, timeout=None) as client,
                asyncio.timeout(ENDED_WITHIN),
            ):
                found = await asyncio.gather(*(told(client, asked) for asked in CASES))
    for (asked, case), (status, error, text) in zip(CASES.items(), found, strict=True):
        assert ("failed" if case.error else "succeeded") == status, asked
        assert case.error in error
        assert bool(case.error) == bool(error)
        assert (len(case.text), case.text[:9]) == (len(text), text[:9]), asked
