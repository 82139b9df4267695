"""Anthropic's protocol, Messages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from graphmill import jsontext
from graphmill.models.provider import (
    Attachment,
    Attachments,
    Call,
    Dialect,
    Ending,
    Json,
    ProviderError,
    Tokens,
    arguments_of,
    decoded,
    message_in,
    parts_of,
    text_of,
    tokens_in,
)
from graphmill.models.thinking import Thinking
from graphmill.ports.models import ChatRequest, Feature, Message, Role, ToolCall, ToolSchema
from graphmill.variables.files import FileType
from graphmill.variables.values import Value

BASE_URL: Final = "https://api.anthropic.com/v1"
FEATURES: Final = frozenset({Feature.VISION, Feature.DOCUMENT, Feature.TOOL_CALL})
VERSION: Final = "2023-06-01"
MAX_TOKENS: Final = 4096
"""The protocol demands a limit; this is it where the workflow has none."""

_PARAMETERS: Final = frozenset({"max_tokens", "temperature", "top_p", "top_k"})
_FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}


class Anthropic(Dialect):
    def headers(self, api_key: str) -> Mapping[str, str]:
        return {"x-api-key": api_key, "anthropic-version": VERSION}

    def chat(self, request: ChatRequest, files: Attachments) -> Call:
        body: dict[str, Value] = {
            "max_tokens": MAX_TOKENS,
            **_parameters(request.parameters),
            "model": request.model.name,
            "stream": True,
            "messages": list(_messages(request.messages, files)),
        }
        system = [text_of(message) for message in request.messages if message.role is Role.SYSTEM]
        if system:
            body["system"] = "\n\n".join(system)
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.json_schema is not None:
            body["output_config"] = {
                "format": {"type": "json_schema", "schema": dict(request.json_schema)}
            }
        if request.user:
            body["metadata"] = {"user_id": request.user}
        return Call("/messages", jsontext.encode(body))

    def reply(self) -> "_Reply":
        return _Reply()


class _Reply:
    def __init__(self) -> None:
        self.is_whole = False
        self.is_over = False
        self._finish_reason: str | None = None
        self._prompt_tokens: Json = None
        self._completion_tokens: Json = None
        self._calls: dict[int, list[str]] = {}
        """Id, name and arguments of each tool call, by the index of its block."""
        self._thinking = Thinking()

    def read(self, frame: bytes) -> str:
        event = decoded(frame)
        match event["type"]:
            case "content_block_delta":
                return self._delta(event["index"], event["delta"])
            case "content_block_start" if event["content_block"]["type"] == "tool_use":
                block = event["content_block"]
                self._calls[event["index"]] = [block["id"], block["name"], ""]
            case "message_start":
                self._count(event["message"].get("usage") or {})
            case "message_delta":
                reason = event["delta"].get("stop_reason")
                self._finish_reason = _FINISH_REASONS.get(reason, reason)
                self._count(event.get("usage") or {})
            case "message_stop":
                self.is_whole = self.is_over = True
                return self._thinking.end()
            case "error":
                raise ProviderError(message_in(frame))
            case _:
                pass
        return ""

    def _delta(self, index: int, delta: Json) -> str:
        match delta["type"]:
            case "text_delta":
                return self._thinking.text(None, delta["text"])
            case "thinking_delta":
                return self._thinking.text(delta["thinking"], None)
            case "input_json_delta":
                self._calls[index][2] += delta["partial_json"]
            case _:
                pass
        return ""

    def _count(self, usage: Json) -> None:
        """The numbers grow while the reply does; what was read from a cache was read as well."""
        if usage.get("input_tokens") is not None:
            cached = ("cache_creation_input_tokens", "cache_read_input_tokens")
            self._prompt_tokens = usage["input_tokens"] + sum(
                usage.get(name) or 0 for name in cached
            )
        if usage.get("output_tokens") is not None:
            self._completion_tokens = usage["output_tokens"]

    def ending(self) -> Ending:
        calls = tuple(
            ToolCall(id_, name, arguments or "{}") for id_, name, arguments in self._calls.values()
        )
        tokens = Tokens(tokens_in(self._prompt_tokens), tokens_in(self._completion_tokens))
        return Ending(self._finish_reason, calls, tokens)


def _parameters(given: Mapping[str, Value]) -> dict[str, Value]:
    """The protocol refuses parameters that it does not know, and workflows often come from models
    of others."""
    known: dict[str, Value] = {
        name: value for name, value in given.items() if name in _PARAMETERS and value is not None
    }
    if given.get("thinking"):
        budget = given.get("thinking_budget") or 1024
        known["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return known


def _tool(tool: ToolSchema) -> Value:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": dict(tool.parameters),
    }


def _messages(messages: Sequence[Message], files: Attachments) -> Iterator[Value]:
    for message in messages:
        if message.role is not Role.SYSTEM:
            role = "assistant" if message.role is Role.ASSISTANT else "user"
            blocks = list(_blocks(message, files))
            if blocks:
                yield {"role": role, "content": blocks}


def _blocks(message: Message, files: Attachments) -> Iterator[Value]:
    if message.role is Role.TOOL:
        yield {
            "type": "tool_result",
            "tool_use_id": message.tool_call_id,
            "content": text_of(message),
        }
        return
    for part in parts_of(message):
        if not isinstance(part, str):
            yield _file(files[part])
        elif part:
            yield {"type": "text", "text": part}
    for call in message.tool_calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}


def _file(file: Attachment) -> Value:
    kind = "image" if file.kind == FileType.IMAGE else "document"
    source: Value = {"type": "base64", "media_type": file.mime_type, "data": file.base64}
    if file.url:
        source = {"type": "url", "url": file.url}
    return {"type": kind, "source": source}
