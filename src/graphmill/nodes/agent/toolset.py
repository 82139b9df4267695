"""The tools of an agent: as the model is told of them, and called by it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graphmill import jsontext
from graphmill.errors import ToolFailed
from graphmill.nodes.agent.data import ToolChoice
from graphmill.nodes.tool.arguments import fit_arguments
from graphmill.ports.models import ToolSchema
from graphmill.ports.tools import (
    BlobMessage,
    FileMessage,
    Invocation,
    JsonMessage,
    LinkMessage,
    Parameter,
    ParameterType,
    TextMessage,
    Tool,
    Toolbox,
    ToolMessage,
    ToolResult,
    VariableMessage,
)
from graphmill.variables.values import Value, to_json

MAX_CHARACTERS: Final = 64 * 1024
"""What a model is told of one result: more would only fill its context."""
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME: Final = 64
_FILES: Final = (ParameterType.FILE, ParameterType.FILES)
"""Types that a model cannot write; the author has to choose the value."""


@dataclass(frozen=True, slots=True)
class AgentTool:
    tool: Tool
    schema: ToolSchema
    fixed: Mapping[str, Value]

    async def call(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        """Raises ToolFailed."""
        try:
            fitting = fit_arguments(self.tool.parameters, {**arguments, **self.fixed})
        except ValueError as error:
            raise ToolFailed(str(error)) from error
        return await self.tool.invoke(fitting, invocation)


async def open_toolset(choices: Sequence[ToolChoice], toolbox: Toolbox) -> dict[str, AgentTool]:
    """The tools that are switched on, by the name that the model calls them by. Raises
    ToolError."""
    toolset: dict[str, AgentTool] = {}
    for choice in choices:
        if choice.enabled:
            tool = await toolbox.find(choice.ref)
            name = _free_name(choice.tool_name, toolset)
            description = choice.extra.description or tool.description
            schema = ToolSchema(name, description, _schema(tool.parameters, choice.fixed))
            toolset[name] = AgentTool(tool, schema, choice.fixed)
    return toolset


def _free_name(tool_name: str, taken: Mapping[str, AgentTool]) -> str:
    """One that every provider of models accepts, and that no other tool of the agent has."""
    base = name = _NOT_IN_NAMES.sub("_", tool_name)[:_MAX_NAME] or "tool"
    number = 1
    while name in taken:
        number += 1
        name = f"{base[: _MAX_NAME - 4]}_{number}"
    return name


def _schema(parameters: Sequence[Parameter], fixed: Mapping[str, Value]) -> dict[str, Value]:
    open_ones = [each for each in parameters if each.name not in fixed and each.type not in _FILES]
    return {
        "type": "object",
        "properties": {each.name: _property(each) for each in open_ones},
        "required": [each.name for each in open_ones if each.required],
    }


def _property(parameter: Parameter) -> dict[str, Value]:
    described: dict[str, Value] = {"type": parameter.type.value, **parameter.schema}
    if parameter.description:
        described["description"] = parameter.description
    if parameter.options:
        described["enum"] = list(parameter.options)
    return described


def read_arguments(text: str) -> dict[str, Value]:
    """What the model wrote. Raises ToolFailed, in words for the model."""
    try:
        value = jsontext.decode(text.encode(errors="replace")) if text.strip() else {}
    except ValueError as error:
        raise ToolFailed(f"The arguments are no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ToolFailed("The arguments must be a JSON object")
    return value


def observation(messages: Sequence[ToolMessage]) -> str:
    """A result in words for the model. What is text and JSON both, it is told once."""
    has_text = any(isinstance(each, TextMessage) for each in messages)
    told = [each for each in messages if not (has_text and isinstance(each, JsonMessage))]
    said = "\n".join(filter(None, map(_said, told))) or "The tool has nothing to say."
    if len(said) <= MAX_CHARACTERS:
        return said
    return f"{said[:MAX_CHARACTERS]}\n[{len(said) - MAX_CHARACTERS} more characters]"


def _said(message: ToolMessage) -> str:
    match message:
        case TextMessage(text):
            return text
        case LinkMessage(url):
            return f"Link: {url}"
        case JsonMessage(value):
            return to_json(value)
        case VariableMessage():
            return ""
        case FileMessage(file):
            return f"The user is shown the file {file.filename or file.address}."
        case BlobMessage(mime_type=mime_type, filename=filename):
            return f"The user is shown a file of type {mime_type}, {filename or 'without a name'}."
