"""Models, as nodes see them: one protocol, whatever the provider speaks."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from graphmill.engine.usage import Usage
from graphmill.variables.files import File
from graphmill.variables.values import Value

Mode: TypeAlias = Literal["chat", "completion"]


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Feature(StrEnum):
    """What a model can do besides reading and writing text."""

    VISION = "vision"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"
    TOOL_CALL = "tool-call"
    STRUCTURED_OUTPUT = "structured-output"


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file inside a message; the provider is sent its bytes, or its URL."""

    file: File
    detail: str = "high"
    """For images: `high` or `low`."""


Content: TypeAlias = str | tuple[str | FilePart, ...]


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str
    """As the model wrote it: meant to be a JSON object, and now and then none."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: Content = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message."""
    tool_call_id: str = ""
    """Of a tool's message: the call that it answers."""


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A tool that the model may call."""

    name: str
    description: str
    parameters: Mapping[str, Value]
    """JSON schema of an object."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model as the DSL names it."""

    provider: str
    """`openai`, or `langgenius/openai/openai`."""
    name: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: ModelRef
    messages: tuple[Message, ...]
    mode: Mode = "chat"
    """`completion`: one text is continued; there is one user message."""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """Temperature and the like, under the DSL's names."""
    stop: tuple[str, ...] = ()
    tools: tuple[ToolSchema, ...] = ()
    json_schema: Mapping[str, Value] | None = None
    """What the reply must match; for models with `Feature.STRUCTURED_OUTPUT`."""
    user: str = ""
    """For the provider's abuse control: the end user's id."""


@dataclass(slots=True)
class ChatPiece:
    """What came of a reply since the last piece. Not frozen: there is one a token."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """Complete ones; with the last piece."""
    finish_reason: str | None = None
    usage: Usage | None = None
    """With the last piece, always."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call that is over."""

    model: ModelRef
    status: Literal["succeeded", "failed", "left"]
    """left: whoever asked did not wait for all of the reply."""
    seconds: float
    """Since its turn had come."""
    usage: Usage | None
    """None where the call did not get so far, for reranking, and for drawing."""


class Models(Protocol):
    """All models that the operator has configured.

    Every method raises ModelNotConfigured when no provider of the configuration fits, ModelRefused
    when it cannot do that, and ModelFailed with the provider's own message when a call fails for
    good. Cancelling a caller closes the provider's stream at once."""

    def features(self, model: ModelRef) -> frozenset[Feature]:
        """What the model can do as far as it is known."""
        ...

    def context_size(self, model: ModelRef) -> int | None:
        """Tokens that fit into the model's context; None when it is not known."""
        ...

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        """The reply, piece by piece as the provider sends it. Close it when you stop reading."""
        ...

    async def embed(self, model: ModelRef, texts: Sequence[str]) -> tuple[list[list[float]], Usage]:
        """One vector a text."""
        ...

    async def rerank(
        self, model: ModelRef, query: str, texts: Sequence[str], *, top: int
    ) -> list[tuple[int, float]]:
        """(position in `texts`, score) of the best `top`, best first."""
        ...
