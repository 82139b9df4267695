"""Tools: what a workflow or a model can have done, whoever does it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from graphmill.dsl.tools import ToolProvider
from graphmill.engine.run import Run
from graphmill.engine.usage import Usage
from graphmill.errors import ToolNotFound
from graphmill.variables.files import File
from graphmill.variables.values import Value


class ParameterType(StrEnum):
    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    FILE = "file"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: ParameterType = ParameterType.STRING
    description: str = ""
    """For people and models."""
    required: bool = False
    default: Value = None
    """Taken where no value is given; None: the tool is not told of the parameter."""
    options: tuple[str, ...] = ()
    """The only values, when there are any."""
    schema: Mapping[str, Value] = field(default_factory=dict)
    """JSON schema of the value, when more is known than the type."""


@dataclass(frozen=True, slots=True)
class ToolRef:
    """A tool as the DSL names it."""

    provider: ToolProvider
    name: str


@dataclass(frozen=True, slots=True)
class TextMessage:
    text: str


@dataclass(frozen=True, slots=True)
class LinkMessage:
    url: str


@dataclass(frozen=True, slots=True)
class FileMessage:
    """A file that is kept somewhere already."""

    file: File


@dataclass(frozen=True, slots=True)
class BlobMessage:
    """The bytes of a file that is to be kept."""

    content: bytes
    mime_type: str
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class JsonMessage:
    value: Value


@dataclass(frozen=True, slots=True)
class VariableMessage:
    """An output under a name of its own."""

    name: str
    value: Value


ToolMessage: TypeAlias = (
    TextMessage | LinkMessage | FileMessage | BlobMessage | JsonMessage | VariableMessage
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """That a tool is called once."""

    run: Run
    """Which calls it."""
    key: str
    """The same when the call is made again, by a retry or after a crash."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    messages: tuple[ToolMessage, ...]
    usage: Usage | None = None
    """Of the models that the tool called."""


class Tool(Protocol):
    @property
    def description(self) -> str:
        """What it is good for, in words for a model."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]: ...

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        """Do it. `arguments` fit the parameters (`fit_arguments`); cancelling the caller ends the
        work.

        Raises ToolFailed."""
        ...


class Toolbox(Protocol):
    """All tools of this server: its own, and those that config `tools` maps."""

    async def find(self, ref: ToolRef) -> Tool:
        """Raises ToolNotFound, or ToolFailed when its provider does not answer."""
        ...

    def has(self, ref: ToolRef) -> bool:
        """Is it here, as far as that is known without asking its provider?"""
        ...

    def icon(self, provider: ToolProvider) -> str | None:
        """Where a picture of the provider can be fetched; None when nobody offers it."""
        ...


class NoTools:
    """An empty toolbox."""

    async def find(self, ref: ToolRef) -> Tool:
        raise ToolNotFound(f"There are no tools here, so none of {ref.provider.id!r} either")

    def has(self, ref: ToolRef) -> bool:
        return False

    def icon(self, provider: ToolProvider) -> str | None:
        return None
