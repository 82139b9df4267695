"""Google's protocol, Gemini."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from graphmill import jsontext
from graphmill.ids import new_id
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
    Tokens,
    arguments_of,
    decoded,
    message_in,
    parts_of,
    text_of,
    tokens_in,
    vector_in,
)
from graphmill.models.thinking import Thinking
from graphmill.ports.models import ChatRequest, Feature, Message, Role, ToolCall, ToolSchema
from graphmill.variables.values import Value

BASE_URL: Final = "https://generativelanguage.googleapis.com/v1beta"
FEATURES: Final = frozenset(Feature)

_PARAMETERS: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "max_output_tokens": "maxOutputTokens",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
}
_FINISH_REASONS: Final = {"STOP": "stop", "MAX_TOKENS": "length"}


class Google(Dialect):
    def headers(self, api_key: str) -> Mapping[str, str]:
        return {"x-goog-api-key": api_key}

    def chat(self, request: ChatRequest, files: Attachments) -> Call:
        body: dict[str, Value] = {
            "contents": list(_contents(request.messages, files)),
            "generationConfig": _generation(request),
        }
        system = [
            part
            for message in request.messages
            if message.role is Role.SYSTEM
            for part in _parts(message, files)
        ]
        if system:
            body["systemInstruction"] = {"parts": system}
        if request.tools:
            body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
        path = f"{_model(request.model.name)}:streamGenerateContent?alt=sse"
        return Call(path, jsontext.encode(body))

    def reply(self) -> "_Reply":
        return _Reply()

    def embed(self, name: str, texts: Sequence[str]) -> Question[Embeddings]:
        model = f"models/{name}"
        requests = [{"model": model, "content": {"parts": [{"text": text}]}} for text in texts]
        body = jsontext.encode({"requests": requests})
        return Question(Call(f"{_model(name)}:batchEmbedContents", body), _embeddings)


class _Reply:
    """Its last event is like all others, but names a reason; more numbers may follow."""

    def __init__(self) -> None:
        self.is_whole = False
        self.is_over = False
        self._finish_reason: str | None = None
        self._tokens = Tokens()
        self._calls: list[ToolCall] = []
        self._thinking = Thinking()

    def read(self, frame: bytes) -> str:
        event = decoded(frame)
        if "error" in event:
            raise ProviderError(message_in(frame))
        refusal = (event.get("promptFeedback") or {}).get("blockReason")
        if refusal:
            raise ProviderError(f"The prompt was blocked: {refusal}")
        usage = event.get("usageMetadata")
        if usage:
            written = (usage.get("candidatesTokenCount") or 0, usage.get("thoughtsTokenCount") or 0)
            self._tokens = Tokens(tokens_in(usage.get("promptTokenCount")), tokens_in(sum(written)))
        candidate: Json = (event.get("candidates") or ({},))[0]
        parts = (candidate.get("content") or {}).get("parts") or ()
        text = "".join([self._part(part) for part in parts])
        reason = candidate.get("finishReason")
        if not reason:
            return text
        self._finish_reason = _FINISH_REASONS.get(reason, reason.lower())
        self.is_whole = True
        return text + self._thinking.end()

    def _part(self, part: Json) -> str:
        if "functionCall" in part:
            call = part["functionCall"]
            arguments = jsontext.encode(call.get("args") or {}).decode()
            self._calls.append(ToolCall(call.get("id") or new_id(), call["name"], arguments))
        if part.get("thought"):
            return self._thinking.text(part.get("text"), None)
        return self._thinking.text(None, part.get("text"))

    def ending(self) -> Ending:
        reason = "tool_calls" if self._calls else self._finish_reason
        return Ending(reason, tuple(self._calls), self._tokens)


def _model(name: str) -> str:
    return f"/models/{quote(name, safe='')}"


def _generation(request: ChatRequest) -> dict[str, Value]:
    config: dict[str, Value] = {
        _PARAMETERS[name]: value
        for name, value in request.parameters.items()
        if name in _PARAMETERS and value is not None
    }
    if request.stop:
        config["stopSequences"] = list(request.stop)
    if request.json_schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(request.json_schema)
    elif request.parameters.get("response_format") == "json_object":
        config["responseMimeType"] = "application/json"
    return config


def _tool(tool: ToolSchema) -> Value:
    return {
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": dict(tool.parameters),
    }


def _contents(messages: Sequence[Message], files: Attachments) -> Iterator[Value]:
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    for message in messages:
        match message.role:
            case Role.SYSTEM:
                continue
            case Role.TOOL:
                response: dict[str, Value] = {
                    "name": names.get(message.tool_call_id, message.tool_call_id),
                    "response": {"result": text_of(message)},
                }
                yield {"role": "user", "parts": [{"functionResponse": response}]}
            case role:
                calls: list[Value] = [
                    {"functionCall": {"name": call.name, "args": arguments_of(call)}}
                    for call in message.tool_calls
                ]
                parts = [*_parts(message, files), *calls]
                if parts:
                    yield {"role": "model" if role is Role.ASSISTANT else "user", "parts": parts}


def _embeddings(answer: Json) -> Embeddings:
    return [vector_in(item["values"]) for item in answer["embeddings"]], Tokens(None, 0)


def _parts(message: Message, files: Attachments) -> Iterator[Value]:
    for part in parts_of(message):
        if not isinstance(part, str):
            yield _file(files[part])
        elif part:
            yield {"text": part}


def _file(file: Attachment) -> Value:
    if file.url:
        return {"fileData": {"mimeType": file.mime_type, "fileUri": file.url}}
    return {"inlineData": {"mimeType": file.mime_type, "data": file.base64}}
