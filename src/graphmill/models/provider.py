"""What a provider is, and what a dialect is: a protocol that is spoken over HTTP."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import orjson

from graphmill import jsontext
from graphmill.errors import ModelRefused
from graphmill.ports.models import ChatRequest, FilePart, Message, ToolCall
from graphmill.variables.values import Value

Json: TypeAlias = Any
"""What a provider sent, and nobody has checked. Misreading it raises one of `MISREAD`."""

T = TypeVar("T")

MISREAD: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_EXCERPT: Final = 300
_MOST_TOKENS: Final = 10**9
"""Of one call; a larger number is none."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """As the provider counted them; None where it did not."""

    prompt: int | None = None
    completion: int | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a reply when it is over."""

    finish_reason: str | None
    tool_calls: tuple[ToolCall, ...]
    tokens: Tokens


Embeddings: TypeAlias = tuple[list[list[float]], Tokens]
"""One vector a text."""
Scores: TypeAlias = list[tuple[int, float]]
"""Positions of texts, with how well they fit."""


class Provider(Protocol):
    """Serves models under its own names for them. All methods raise ModelFailed, and ModelRefused
    for what the provider cannot do: what it does not define itself."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[str | Ending, None]:
        """Texts, then one ending."""
        raise ModelRefused(f"{request.model.name}: providers of this kind do not chat.")

    async def embed(self, name: str, texts: Sequence[str]) -> Embeddings:
        raise ModelRefused(f"{name}: providers of this kind have no embeddings.")

    async def rerank(self, name: str, query: str, texts: Sequence[str], *, top: int) -> Scores:
        raise ModelRefused(f"{name}: providers of this kind do not rerank.")

    async def draw(self, name: str, prompt: str, *, size: str | None) -> bytes:
        raise ModelRefused(f"{name}: providers of this kind do not draw.")

    def close(self) -> None:
        """End what runs in this process."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A request in a dialect, encoded once however often it is sent."""

    path: str
    """Follows the base URL."""
    body: bytes
    content_type: str = "application/json"


class ProviderError(Exception):
    """The provider reports a failure in the middle of its answer; `str()` is its message."""


class Reply(Protocol):
    """One streamed answer, as far as it has come."""

    is_whole: bool
    """Has the provider said why it ended?"""
    is_over: bool
    """Has it said that nothing more follows?"""

    def read(self, frame: bytes) -> str:
        """The text in the next event. Raises ProviderError, or one of `MISREAD`."""
        ...

    def ending(self) -> Ending:
        """For a reply that `is_whole`."""
        ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a message, ready to be sent: its bytes in Base64, or its address."""

    kind: str
    """Word of a `FileType`."""
    mime_type: str
    filename: str
    detail: str
    base64: str = ""
    url: str = ""

    @property
    def address(self) -> str:
        """Of the bytes themselves (`data:`) when they are sent along."""
        return self.url or f"data:{self.mime_type};base64,{self.base64}"


Attachments: TypeAlias = Mapping[FilePart, Attachment]
"""Every file of a request."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A call that is answered at once, and how to read its answer."""

    call: Call
    read: Callable[[Json], T]
    """Raises one of `MISREAD` for an answer that the dialect does not know."""


class Dialect(Protocol):
    """A protocol over HTTP: how calls are written and answers are read. All methods but the first
    raise ModelRefused for what the protocol has no words for: what it does not define itself."""

    def headers(self, api_key: str) -> Mapping[str, str]: ...

    def chat(self, request: ChatRequest, files: Attachments) -> Call: ...

    def reply(self) -> Reply: ...

    def embed(self, name: str, texts: Sequence[str]) -> Question[Embeddings]:
        raise ModelRefused(f"{name}: providers of this kind have no embeddings.")

    def rerank(self, name: str, query: str, texts: Sequence[str], *, top: int) -> Question[Scores]:
        raise ModelRefused(f"{name}: providers of this kind do not rerank.")

    def draw(self, name: str, prompt: str, *, size: str | None) -> Question[bytes]:
        raise ModelRefused(f"{name}: providers of this kind do not draw.")


def tokens_in(number: Json) -> int | None:
    """A count of tokens, checked: it is added up, and stored. None for what is none."""
    is_count = type(number) is int and 0 <= number <= _MOST_TOKENS
    return number if is_count else None


def vector_in(numbers: Json) -> list[float]:
    """A vector of meaning, checked. Raises one of `MISREAD`."""
    return [float(number) for number in numbers]


def parts_of(message: Message) -> tuple[str | FilePart, ...]:
    """The content of `message`, whichever form it has."""
    return (message.content,) if isinstance(message.content, str) else message.content


def text_of(message: Message) -> str:
    """All text of `message`, without its files."""
    return "".join([part for part in parts_of(message) if isinstance(part, str)])


def arguments_of(call: ToolCall) -> dict[str, Value]:
    """What the model wrote as an object, for protocols that take nothing else."""
    try:
        arguments = jsontext.decode(call.arguments.encode("utf-8", "replace"))
    except ValueError:
        arguments = None
    return arguments if isinstance(arguments, dict) else {"arguments": call.arguments}


def decoded(text: bytes) -> Json:
    """JSON of a provider. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # Halves of surrogate pairs: a token may end in the middle of an emoji.
        return jsontext.decode(text)


def message_in(body: bytes) -> str:
    """What the provider says about a failure, in whichever form; else the beginning of `body`."""
    try:
        answer = decoded(body)
    except ValueError:
        answer = None
    return _message(answer) or body[:_EXCERPT].decode("utf-8", "replace").strip()


def _message(answer: Json) -> str:
    match answer:
        case str():
            return answer
        case [first, *_]:
            return _message(first)
        case {"error": inner} | {"message": inner} | {"detail": inner} | {"msg": inner}:
            return _message(inner)
        case _:
            return ""
