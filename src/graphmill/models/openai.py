"""OpenAI's protocol, which many other servers speak: chat, completions, embeddings, images, and
reranking as Jina and Cohere have added it."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Final

from graphmill import jsontext
from graphmill.errors import ModelRefused
from graphmill.models.provider import (
    Attachment,
    Attachments,
    Call,
    Dialect,
    Embeddings,
    Ending,
    Json,
    ProviderError,
    Question,
    Scores,
    Tokens,
    decoded,
    message_in,
    text_of,
    tokens_in,
    vector_in,
)
from graphmill.models.thinking import Thinking
from graphmill.ports.models import ChatRequest, Feature, Message, Role, ToolCall, ToolSchema
from graphmill.variables.files import FileType
from graphmill.variables.values import Value

BASE_URL: Final = "https://api.openai.com/v1"
FEATURES: Final = frozenset({
    Feature.VISION, Feature.DOCUMENT, Feature.TOOL_CALL, Feature.STRUCTURED_OUTPUT
})  # fmt: skip
"""Of OpenAI's own models."""
USUAL_FEATURES: Final = frozenset({Feature.VISION, Feature.TOOL_CALL})
"""Of others who speak the protocol: fewer understand all of it."""

_LIMITS_COMPLETION_TOKENS: Final = re.compile(r"(o\d|gpt-5)")
"""OpenAI's models that know `max_completion_tokens` in place of `max_tokens`."""
_DRAWS_BYTES_ONLY: Final = re.compile(r"gpt-image|chatgpt-image")
"""OpenAI's models that refuse to be asked for bytes; others would answer with an address."""
_DONE: Final = b"[DONE]"


class OpenAI(Dialect):
    def headers(self, api_key: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def chat(self, request: ChatRequest, files: Attachments) -> Call:
        body: dict[str, Value] = {
            **_parameters(request),
            "model": request.model.name,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.user:
            body["user"] = request.user
        if request.mode == "completion":
            body["prompt"] = "".join(map(text_of, request.messages))
            return Call("/completions", jsontext.encode(body))
        body["messages"] = [_message(message, files) for message in request.messages]
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.json_schema is not None:
            body["response_format"] = _json_schema(request.json_schema)
        return Call("/chat/completions", jsontext.encode(body))

    def reply(self) -> "_Reply":
        return _Reply()

    def embed(self, name: str, texts: Sequence[str]) -> Question[Embeddings]:
        body = {"model": name, "input": list(texts), "encoding_format": "float"}
        return Question(Call("/embeddings", jsontext.encode(body)), _embeddings)

    def rerank(self, name: str, query: str, texts: Sequence[str], *, top: int) -> Question[Scores]:
        body = {"model": name, "query": query, "documents": list(texts), "top_n": top}
        return Question(Call("/rerank", jsontext.encode(body)), _scores)

    def draw(self, name: str, prompt: str, *, size: str | None) -> Question[bytes]:
        body = {"model": name, "prompt": prompt}
        if size:
            body["size"] = size
        if not _DRAWS_BYTES_ONLY.match(name):
            body["response_format"] = "b64_json"
        return Question(Call("/images/generations", jsontext.encode(body)), _picture)


class _Reply:
    def __init__(self) -> None:
        self.is_whole = False
        self.is_over = False
        self._finish_reason: str | None = None
        self._tokens = Tokens()
        self._calls: dict[int | str, list[str]] = {}
        """Id, name and arguments of each tool call, as far as they have come."""
        self._thinking = Thinking()

    def read(self, frame: bytes) -> str:
        if frame == _DONE:
            self.is_whole = self.is_over = True
            return ""
        piece = decoded(frame)
        if piece.get("usage"):
            self._tokens = _tokens(piece)
        choices = piece.get("choices")
        if not choices:
            if piece.get("error"):
                raise ProviderError(message_in(frame))
            return ""
        choice = choices[0]
        # `text`: of a completion; `message`: of an answer that is not streamed.
        delta = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
        for number, call in enumerate(delta.get("tool_calls") or ()):
            self._add_call(number, call)
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        text = self._thinking.text(thought, delta.get("content"))
        if not choice.get("finish_reason"):
            return text
        self._finish_reason = choice["finish_reason"]
        self.is_whole = True
        return text + self._thinking.end()

    def _add_call(self, number: int, call: Json) -> None:
        """Another piece of a tool call. Servers that send calls whole may leave the index out."""
        key = call.get("index", call.get("id") or number)
        function = call.get("function") or {}
        parts = self._calls.setdefault(key, ["", "", ""])
        parts[0] = call.get("id") or parts[0]
        parts[1] = function.get("name") or parts[1]
        parts[2] += function.get("arguments") or ""

    def ending(self) -> Ending:
        calls = tuple(ToolCall(id_, name, text) for id_, name, text in self._calls.values())
        return Ending(self._finish_reason, calls, self._tokens)


def _embeddings(answer: Json) -> Embeddings:
    items = sorted(answer["data"], key=lambda item: item["index"])
    return [vector_in(item["embedding"]) for item in items], Tokens(_tokens(answer).prompt, 0)


def _scores(answer: Json) -> Scores:
    return [(item["index"], float(item["relevance_score"])) for item in answer["results"]]


def _picture(answer: Json) -> bytes:
    return b64decode(answer["data"][0]["b64_json"], validate=True)


def _tokens(answer: Json) -> Tokens:
    usage = answer.get("usage") or {}
    return Tokens(tokens_in(usage.get("prompt_tokens")), tokens_in(usage.get("completion_tokens")))


def _parameters(request: ChatRequest) -> dict[str, Value]:
    """Those of the DSL under the protocol's names; unknown ones are the server's own."""
    given: dict[str, Value] = {
        name: value for name, value in request.parameters.items() if value is not None
    }
    schema = given.pop("json_schema", None)
    kind = given.pop("response_format", None)
    if kind == "json_schema" and isinstance(schema, str):
        given["response_format"] = {"type": kind, "json_schema": _written_schema(schema)}
    elif isinstance(kind, str) and kind:
        given["response_format"] = {"type": kind}
    elif kind:
        given["response_format"] = kind
    if "max_tokens" in given and _LIMITS_COMPLETION_TOKENS.match(request.model.name):
        given["max_completion_tokens"] = given.pop("max_tokens")
    if request.stop:
        given["stop"] = list(request.stop)
    return given


def _written_schema(text: str) -> Value:
    """The schema that the author of the workflow wrote as a text, with its name."""
    try:
        schema: Value = jsontext.decode(text.encode())
    except ValueError as error:
        raise ModelRefused(f"The parameter json_schema is no JSON: {error}") from None
    return schema


def _json_schema(schema: Mapping[str, Value]) -> Value:
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": dict(schema)}}


def _tool(tool: ToolSchema) -> Value:
    function: dict[str, Value] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}


def _message(message: Message, files: Attachments) -> Value:
    written: dict[str, Value] = {"role": message.role.value}
    if isinstance(message.content, str):
        written["content"] = message.content
    else:
        written["content"] = [
            {"type": "text", "text": part} if isinstance(part, str) else _file(files[part])
            for part in message.content
        ]
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.role is Role.TOOL:
        written["tool_call_id"] = message.tool_call_id
    return written


def _file(file: Attachment) -> Value:
    match file.kind:
        case FileType.IMAGE:
            return {
                "type": "image_url",
                "image_url": {"url": file.address, "detail": file.detail},
            }
        case FileType.AUDIO:
            audio_format = file.filename.rpartition(".")[2].lower()
            return {
                "type": "input_audio",
                "input_audio": {"data": file.base64 or file.url, "format": audio_format},
            }
        case FileType.VIDEO:
            return {"type": "video_url", "video_url": {"url": file.address}}
        case _:
            return {
                "type": "file",
                "file": {"filename": file.filename, "file_data": file.address},
            }
