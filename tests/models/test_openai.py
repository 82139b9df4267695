"""OpenAI's protocol: what is sent, and what is made of the answers."""

import json
from typing import Any

import pytest

from graphmill.ports.models import (
    ChatRequest,
    FilePart,
    Message,
    ModelRef,
    Role,
    ToolCall,
    ToolSchema,
)
from graphmill.variables.files import File
from tests.models.stand_ins import (
    MODEL,
    SECRET,
    WHOLE_REPLY,
    asking,
    delta,
    events,
    provider,
    streaming,
    text_of,
)
from tests.outbound.local_server import reply

PICTURE = File("image", "local_file", "a.png", ".png", "image/png", 4, "id-1")
SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}}}


async def test_a_reply_comes_in_pieces_and_ends_with_what_it_used() -> None:
    async with provider(streaming(WHOLE_REPLY[:60], WHOLE_REPLY[60:])) as stand_in:
        *texts, last = await stand_in.reply()
    assert "Hello" == text_of(texts)
    assert ("stop", 3, 2) == (
        last.finish_reason,
        last.usage and last.usage.prompt_tokens,
        last.usage and last.usage.completion_tokens,
    )


async def test_what_comes_together_is_handed_out_together() -> None:
    async with provider(streaming(WHOLE_REPLY)) as stand_in:
        pieces = await stand_in.reply()
    assert ["Hello", ""] == [piece.text for piece in pieces]


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_it_does_not_matter_where_the_network_cuts(size: int) -> None:
    stream = WHOLE_REPLY.replace(b"llo", "llö 🎈".encode())
    cut = [stream[at : at + size] for at in range(0, len(stream), size)]
    async with provider(streaming(*cut)) as stand_in:
        assert "Hellö 🎈" == text_of(await stand_in.reply())


async def test_events_may_be_framed_as_the_format_allows() -> None:
    stream = b": hello\r\n\r\nevent: x\r\ndata:" + json.dumps(delta("Hi", "stop")).encode()
    async with provider(streaming(stream + b"\r\n\r\n")) as stand_in:
        assert "Hi" == text_of(await stand_in.reply())


async def test_the_request_is_the_protocols() -> None:
    request = asking(
        messages=(
            Message(Role.SYSTEM, "Be brief."),
            Message(Role.USER, ("Look", FilePart(PICTURE, "low"))),
            Message(Role.ASSISTANT, "", (ToolCall("c1", "find", '{"q": 1}'),)),
            Message(Role.TOOL, "found", tool_call_id="c1"),
        ),
        parameters={"temperature": 0.7, "stop": ["END"], "top_k": 5, "seed": None},
        tools=(ToolSchema("find", "Finds.", SCHEMA),),
        json_schema=SCHEMA,
        user="user-1",
    )
    async with provider(streaming(WHOLE_REPLY), rename={"gpt-4o-mini": "mini"}) as stand_in:
        await stand_in.reply(request)
        received = stand_in.server.received[0]
        body = stand_in.body
    assert ("POST", "/v1/chat/completions") == (received.method, received.target)
    assert f"Bearer {SECRET}" == received.headers["authorization"]
    function = {"name": "find", "description": "Finds.", "parameters": SCHEMA}
    assert body == {
        "model": "mini",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.7,
        "top_k": 5,
        "stop": ["END"],
        "user": "user-1",
        "tools": [{"type": "function", "function": function}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": SCHEMA},
        },
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "find", "arguments": '{"q": 1}'},
                    }
                ],
            },
            {"role": "tool", "content": "found", "tool_call_id": "c1"},
        ],
    }


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        pytest.param("gpt-4o", {"max_tokens": 9}, {"max_tokens": 9}, id="limit"),
        pytest.param("o3-mini", {"max_tokens": 9}, {"max_completion_tokens": 9}, id="reasoning"),
        pytest.param(
            "gpt-4o",
            {"response_format": "json_object"},
            {"response_format": {"type": "json_object"}},
            id="JSON",
        ),
        pytest.param(
            "gpt-4o",
            {"response_format": "json_schema", "json_schema": '{"name": "x", "schema": {}}'},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {}},
                }
            },
            id="JSON schema",
        ),
        pytest.param("gpt-4o", {"stop": "END"}, {"stop": ["END"]}, id="one stop word"),
        pytest.param("gpt-4o", {"stream": False, "model": "x"}, {}, id="not the request itself"),
    ],
)
async def test_parameters_of_the_workflow_get_the_protocols_names(
    name: str, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    async with provider(streaming(WHOLE_REPLY)) as stand_in:
        await stand_in.reply(asking(model=ModelRef("openai", name), parameters=given))
        own = {"model", "stream", "stream_options", "messages"}
        assert sent == {key: value for key, value in stand_in.body.items() if key not in own}
        assert (name, True) == (stand_in.body["model"], stand_in.body["stream"])


@pytest.mark.parametrize(
    "count",
    [
        pytest.param("3", id="text"),
        pytest.param(3.5, id="half a token"),
        pytest.param(True, id="boolean"),
        pytest.param([1], id="list"),
        pytest.param(-5, id="less than none"),
        pytest.param(10**30, id="more than there are"),
    ],
)
async def test_a_count_of_tokens_that_is_none_is_guessed(count: object) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": count}}
    async with provider(streaming(events(delta("Hello", "stop"), usage, b"[DONE]"))) as stand_in:
        used = (await stand_in.reply())[-1].usage
    assert used is not None
    assert (1, 2) == (used.prompt_tokens, used.completion_tokens)


async def test_completion_mode_continues_one_text() -> None:
    stream = events(
        {"choices": [{"index": 0, "text": "and ", "finish_reason": None}]},
        {"choices": [{"index": 0, "text": "on", "finish_reason": "length"}]},
        b"[DONE]",
    )
    async with provider(streaming(stream)) as stand_in:
        pieces = await stand_in.reply(asking("On", mode="completion"))
        target = stand_in.server.received[0].target
        assert ("/v1/completions", "On") == (target, stand_in.body["prompt"])
    assert ("and on", "length") == (text_of(pieces), pieces[-1].finish_reason)


TWO_CALLS = [
    {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"x":'}},
    {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    {"index": 0, "function": {"arguments": " 1}"}},
]


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(
            [{"choices": [{"delta": {"tool_calls": [call]}}]} for call in TWO_CALLS],
            id="in pieces",
        ),
        pytest.param(
            [
                {
                    "choices": [
                        {
                            "delta": {
                                "tool_calls": [
                                    {"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}},
                                    {"id": "b", "function": {"name": "g", "arguments": "{}"}},
                                ]
                            }
                        }
                    ]
                }
            ],
            id="whole, without index",
        ),
    ],
)
async def test_tool_calls_come_complete_with_the_last_piece(frames: list[Any]) -> None:
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    async with provider(streaming(events(*frames, end, b"[DONE]"))) as stand_in:
        pieces = await stand_in.reply()
    expected = (ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "{}"))
    assert [(expected, "tool_calls")] == [(p.tool_calls, p.finish_reason) for p in pieces]


async def test_thoughts_stand_between_tags() -> None:
    thoughts = [{"choices": [{"delta": {"reasoning_content": text}}]} for text in ("Hm", ", so")]
    stream = events(*thoughts, delta("Yes"), delta("", "stop"), b"[DONE]")
    async with provider(streaming(stream)) as stand_in:
        assert "<think>\nHm, so\n</think>Yes" == text_of(await stand_in.reply())


async def test_a_server_that_does_not_stream_is_understood() -> None:
    answer = {
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    body = json.dumps(answer).encode()
    async with provider(reply(200, body, [("Content-Type", "application/json")])) as stand_in:
        pieces = await stand_in.reply()
    assert ("Hi", "stop") == (text_of(pieces), pieces[-1].finish_reason)


async def test_the_address_of_a_remote_file_is_sent_where_that_is_wanted() -> None:
    remote = File("image", "remote_url", "a.png", ".png", "image/png", remote_url="https://x.org/a")
    content = (FilePart(remote),)
    request = ChatRequest(MODEL, (Message(Role.USER, content),))
    async with provider(streaming(WHOLE_REPLY), file_urls=True) as stand_in:
        await stand_in.reply(request)
        sent = stand_in.body["messages"][0]["content"][0]["image_url"]["url"]
        assert ("https://x.org/a", []) == (sent, stand_in.files.read_files)


@pytest.mark.parametrize(
    ("kind", "filename", "expected"),
    [
        pytest.param(
            "audio",
            "a.mp3",
            {"type": "input_audio", "input_audio": {"data": "iVBORw==", "format": "mp3"}},
            id="audio",
        ),
        pytest.param(
            "video",
            "a.mp4",
            {"type": "video_url", "video_url": {"url": "data:x/y;base64,iVBORw=="}},
            id="video",
        ),
        pytest.param(
            "document",
            "a.pdf",
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:x/y;base64,iVBORw=="},
            },
            id="document",
        ),
    ],
)
async def test_each_kind_of_file_has_its_own_part(
    kind: str, filename: str, expected: dict[str, Any]
) -> None:
    file = File(kind, "local_file", filename, "." + filename[-3:], "x/y", 4, "id")
    async with provider(streaming(WHOLE_REPLY)) as stand_in:
        await stand_in.reply(asking(messages=(Message(Role.USER, (FilePart(file),)),)))
        assert [expected] == stand_in.body["messages"][0]["content"]


async def test_embeddings_are_in_the_order_of_the_texts() -> None:
    answer = {
        "data": [{"index": 1, "embedding": [0.5, 1.0]}, {"index": 0, "embedding": [0.25, 0.0]}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
    async with provider(reply(200, json.dumps(answer).encode())) as stand_in:
        vectors, usage = await stand_in.models.embed(MODEL, ["a", "b"])
        assert ["a", "b"] == stand_in.body["input"]
    assert ([[0.25, 0.0], [0.5, 1.0]], 4, 0) == (
        vectors,
        usage.prompt_tokens,
        usage.completion_tokens,
    )


async def test_reranking_gives_the_best_first() -> None:
    results = [{"index": 0, "relevance_score": 0.1}, {"index": 2, "relevance_score": 0.9}]
    async with provider(reply(200, json.dumps({"results": results}).encode())) as stand_in:
        assert [(2, 0.9), (0, 0.1)] == await stand_in.models.rerank(
            MODEL, "q", ["a", "b", "c"], top=2
        )
        assert ("/v1/rerank", ["a", "b", "c"], 2) == (
            stand_in.server.received[0].target,
            stand_in.body["documents"],
            stand_in.body["top_n"],
        )


@pytest.mark.parametrize(
    ("name", "size", "asked"),
    [
        pytest.param("dall-e-3", None, {"response_format": "b64_json"}, id="as bytes"),
        pytest.param(
            "sd", "512x512", {"response_format": "b64_json", "size": "512x512"}, id="in a size"
        ),
        pytest.param("gpt-image-1", None, {}, id="never as an address"),
    ],
)
async def test_a_picture_is_asked_for(name: str, size: str | None, asked: dict[str, str]) -> None:
    answer = {"data": [{"b64_json": "iVBORw=="}]}
    async with provider(reply(200, json.dumps(answer).encode())) as stand_in:
        drawn = await stand_in.models.draw(ModelRef("openai", name), "a cat", size=size)
        assert "/v1/images/generations" == stand_in.server.received[0].target
        assert {"model": name, "prompt": "a cat", **asked} == stand_in.body
    assert b"\x89PNG" == drawn
