"""Anthropic's protocol: what is sent, and what is made of the answers."""

from typing import Any

import pytest

from graphmill.errors import ModelFailed, ModelRefused
from graphmill.ports.models import FilePart, Message, Role, ToolCall, ToolSchema
from graphmill.variables.files import File
from tests.models.stand_ins import (
    MODEL,
    SECRET,
    StandIn,
    asking,
    events,
    provider,
    streaming,
    text_of,
)

KIND = {"kind": "anthropic"}
SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}}}
PICTURE = FilePart(File("image", "local_file", "a.png", ".png", "image/png", 4, "id-1"))
PAPER = FilePart(File("document", "local_file", "a.pdf", ".pdf", "application/pdf", 4, "id-2"))


def block(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "content_block_start",
        "index": index,
        "content_block": {"type": kind, **more},
    }


def piece(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


REPLY = events(
    {"type": "message_start", "message": {"usage": {"input_tokens": 8, "output_tokens": 1}}},
    block(0, "thinking", thinking=""),
    piece(0, "thinking_delta", thinking="Hm"),
    piece(0, "signature_delta", signature="x"),
    {"type": "content_block_stop", "index": 0},
    {"type": "ping"},
    block(1, "text", text=""),
    piece(1, "text_delta", text="Yes"),
    piece(1, "text_delta", text="."),
    block(2, "tool_use", id="t1", name="find", input={}),
    piece(2, "input_json_delta", partial_json='{"q":'),
    piece(2, "input_json_delta", partial_json=" 1}"),
    block(3, "tool_use", id="t2", name="now", input={}),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 20},
    },
    {"type": "message_stop"},
)


async def test_a_reply_is_text_thoughts_and_tool_calls() -> None:
    async with provider(streaming(REPLY), **KIND) as stand_in:
        pieces = await stand_in.reply()
    last = pieces[-1]
    assert last.usage is not None
    assert "<think>\nHm\n</think>Yes." == text_of(pieces)
    assert (ToolCall("t1", "find", '{"q": 1}'), ToolCall("t2", "now", "{}")) == last.tool_calls
    assert ("tool_calls", 8, 20) == (
        last.finish_reason,
        last.usage.prompt_tokens,
        last.usage.completion_tokens,
    )


async def test_what_was_read_from_a_cache_was_read() -> None:
    usage = {"input_tokens": 2, "cache_read_input_tokens": 30, "cache_creation_input_tokens": None}
    stream = events(
        {"type": "message_start", "message": {"usage": usage}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    )
    async with provider(streaming(stream), **KIND) as stand_in:
        last = (await stand_in.reply())[-1]
    assert ("stop", 32) == (last.finish_reason, last.usage and last.usage.prompt_tokens)


async def sent(stand_in: StandIn, **request: Any) -> Any:
    await stand_in.reply(asking(**request))
    return stand_in.body


async def test_the_request_is_the_protocols() -> None:
    messages = (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, ("Look", PICTURE, PAPER)),
        Message(Role.ASSISTANT, "", (ToolCall("c1", "find", '{"q": 1}'),)),
        Message(Role.TOOL, "found", tool_call_id="c1"),
    )
    async with provider(streaming(REPLY), **KIND) as stand_in:
        body = await sent(
            stand_in,
            messages=messages,
            parameters={"temperature": 0.7, "presence_penalty": 1, "stop": ["END"]},
            tools=(ToolSchema("find", "Finds.", SCHEMA),),
            json_schema=SCHEMA,
            user="user-1",
        )
        received = stand_in.server.received[0]
    assert ("/v1/messages", SECRET, "2023-06-01") == (
        received.target,
        received.headers["x-api-key"],
        received.headers["anthropic-version"],
    )
    data = {"type": "base64", "data": "iVBORw=="}
    assert body == {
        "model": "gpt-4o-mini",
        "stream": True,
        "max_tokens": 4096,
        "temperature": 0.7,
        "stop_sequences": ["END"],
        "system": "Be brief.",
        "metadata": {"user_id": "user-1"},
        "tools": [{"name": "find", "description": "Finds.", "input_schema": SCHEMA}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image", "source": {**data, "media_type": "image/png"}},
                    {"type": "document", "source": {**data, "media_type": "application/pdf"}},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "find", "input": {"q": 1}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "found"}],
            },
        ],
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"max_tokens": 9}, {"max_tokens": 9}, id="limit"),
        pytest.param(
            {"thinking": True, "thinking_budget": 2048},
            {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048}},
            id="thinking",
        ),
    ],
)
async def test_only_known_parameters_are_sent(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    async with provider(streaming(REPLY), **KIND) as stand_in:
        body = await sent(stand_in, parameters=given)
    own = {"model", "stream", "messages"}
    assert expected == {key: value for key, value in body.items() if key not in own}


async def test_an_error_in_the_stream_is_told() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    async with provider(streaming(events(error)), **KIND) as stand_in:
        with pytest.raises(ModelFailed, match="Overloaded"):
            await stand_in.reply()


async def test_there_are_no_embeddings_no_reranking_and_no_pictures() -> None:
    async with provider(streaming(REPLY), **KIND) as stand_in:
        with pytest.raises(ModelRefused, match="have no embeddings"):
            await stand_in.models.embed(MODEL, ["a"])
        with pytest.raises(ModelRefused, match="do not rerank"):
            await stand_in.models.rerank(MODEL, "q", ["a"], top=1)
        with pytest.raises(ModelRefused, match="do not draw"):
            await stand_in.models.draw(MODEL, "a cat", size=None)
