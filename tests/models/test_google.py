"""Google's protocol: what is sent, and what is made of the answers."""

import json
from typing import Any

import pytest

from graphmill.errors import ModelFailed, ModelRefused
from graphmill.ports.models import FilePart, Message, Role, ToolCall, ToolSchema
from graphmill.variables.files import File
from tests.models.stand_ins import MODEL, SECRET, asking, events, provider, streaming, text_of
from tests.outbound.local_server import reply

KIND = {"kind": "google"}
SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}}}
PICTURE = FilePart(File("image", "local_file", "a.png", ".png", "image/png", 4, "id-1"))


def piece(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **more}]}


USED = {"promptTokenCount": 8, "candidatesTokenCount": 5, "thoughtsTokenCount": 15}
REPLY = events(
    piece({"text": "Hm", "thought": True}),
    piece({"text": "Yes"}),
    {**piece({"text": "."}, finishReason="STOP"), "usageMetadata": USED},
)


async def test_a_reply_is_text_and_thoughts() -> None:
    async with provider(streaming(REPLY), **KIND) as stand_in:
        pieces = await stand_in.reply()
    last = pieces[-1]
    assert last.usage is not None
    assert "<think>\nHm\n</think>Yes." == text_of(pieces)
    assert ("stop", 8, 20) == (
        last.finish_reason,
        last.usage.prompt_tokens,
        last.usage.completion_tokens,
    )


async def test_tool_calls_get_an_id() -> None:
    call = {"functionCall": {"name": "find", "args": {"q": 1}}}
    async with provider(streaming(events(piece(call, finishReason="STOP"))), **KIND) as stand_in:
        last = (await stand_in.reply())[-1]
    [made] = last.tool_calls
    assert made.id
    assert ("find", '{"q":1}', "tool_calls") == (made.name, made.arguments, last.finish_reason)


async def test_the_request_is_the_protocols() -> None:
    request = asking(
        messages=(
            Message(Role.SYSTEM, "Be brief."),
            Message(Role.USER, ("Look", PICTURE)),
            Message(Role.ASSISTANT, "", (ToolCall("c1", "find", '{"q": 1}'),)),
            Message(Role.TOOL, "found", tool_call_id="c1"),
        ),
        parameters={"temperature": 0.7, "max_tokens": 9, "stop": ["END"], "logprobs": True},
        tools=(ToolSchema("find", "Finds.", SCHEMA),),
        json_schema=SCHEMA,
    )
    async with provider(streaming(REPLY), rename={"gpt-4o-mini": "gemini/1"}, **KIND) as stand_in:
        await stand_in.reply(request)
        received, body = stand_in.server.received[0], stand_in.body
    assert ("/v1/models/gemini%2F1:streamGenerateContent?alt=sse", SECRET) == (
        received.target,
        received.headers["x-goog-api-key"],
    )
    declaration = {"name": "find", "description": "Finds.", "parametersJsonSchema": SCHEMA}
    answer = {"name": "find", "response": {"result": "found"}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "temperature": 0.7,
            "maxOutputTokens": 9,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
        },
        "tools": [{"functionDeclarations": [declaration]}],
        "contents": [
            {"role": "user", "parts": [{"text": "Look"}, picture]},
            {"role": "model", "parts": [{"functionCall": {"name": "find", "args": {"q": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": answer}]},
        ],
    }


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            streaming(events({"error": {"code": 500, "message": "Internal"}})), "Internal", id="in"
        ),
        pytest.param(
            reply(400, b'[{"error": {"message": "API key not valid"}}]'),
            "400: API key not valid",
            id="status, in a list",
        ),
        pytest.param(
            streaming(events({"promptFeedback": {"blockReason": "SAFETY"}})),
            "The prompt was blocked: SAFETY",
            id="blocked",
        ),
    ],
)
async def test_a_failure_is_told(answer: Any, message: str) -> None:
    async with provider(answer, **KIND) as stand_in:
        with pytest.raises(ModelFailed, match=message):
            await stand_in.reply()


async def test_embeddings_are_asked_for_together() -> None:
    answer = {"embeddings": [{"values": [1.0]}, {"values": [0.5]}]}
    async with provider(reply(200, json.dumps(answer).encode()), **KIND) as stand_in:
        vectors, _ = await stand_in.models.embed(MODEL, ["a", "b"])
        assert "/v1/models/gpt-4o-mini:batchEmbedContents" == stand_in.server.received[0].target
        assert ["a", "b"] == [
            one["content"]["parts"][0]["text"] for one in stand_in.body["requests"]
        ]
    assert [[1.0], [0.5]] == vectors


async def test_there_is_no_reranking_and_there_are_no_pictures() -> None:
    async with provider(streaming(REPLY), **KIND) as stand_in:
        with pytest.raises(ModelRefused, match="do not rerank"):
            await stand_in.models.rerank(MODEL, "q", ["a"], top=1)
        with pytest.raises(ModelRefused, match="do not draw"):
            await stand_in.models.draw(MODEL, "a cat", size=None)
