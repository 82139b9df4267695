"""What the model is told: what to find, in which form, with two examples."""

from collections.abc import Sequence
from typing import Final

from graphmill.nodes.parameter_extractor.data import ParameterData
from graphmill.ports.models import Message, Role, ToolCall, ToolSchema
from graphmill.variables.values import Value, to_json

TOOL: Final = "extract_parameters"

CALL_SYSTEM: Final = f"""\
You find the values of parameters in texts. Call the tool `{TOOL}` with what the text says; leave \
out what it does not say, and make nothing up."""

TEXT_SYSTEM: Final = """\
You find the values of parameters in texts. You are given a text and a JSON schema. Reply with one \
JSON object that matches the schema and nothing else; leave out what the text does not say, and \
make nothing up."""

_PLACE: Final[dict[str, Value]] = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "description": "where the weather is asked for"},
        "days": {"type": "number", "description": "how many days ahead"},
    },
    "required": ["place"],
}
_EXAMPLES: Final = (
    ("Will it rain in Porto during the next three days?", '{"place": "Porto", "days": 3}'),
    ("Wie ist das Wetter in Graz?", '{"place": "Graz"}'),
)


def tool_schema(parameters: Sequence[ParameterData]) -> ToolSchema:
    """The parameters as a tool that takes them."""
    required: list[Value] = [each.name for each in parameters if each.required]
    return ToolSchema(
        TOOL,
        "Take the values that were found in the text.",
        {
            "type": "object",
            "properties": {each.name: _property(each) for each in parameters},
            "required": required,
        },
    )


def _property(parameter: ParameterData) -> dict[str, Value]:
    schema: dict[str, Value] = {"description": parameter.description}
    if parameter.type.startswith("array["):
        inner = parameter.type.removeprefix("array[").removesuffix("]")
        schema |= {"type": "array", "items": {"type": inner}}
    else:
        schema["type"] = parameter.type
    if parameter.options:
        schema["enum"] = [*parameter.options]
    return schema


def question(text: str, instruction: str, schema: ToolSchema | None) -> str:
    """`schema`: for a model that has not got it as a tool."""
    return _question(text, instruction, dict(schema.parameters) if schema else None)


def _question(text: str, instruction: str, schema: dict[str, Value] | None) -> str:
    instructions = f"\n\nInstructions: {instruction}" if instruction else ""
    wanted = f"\n\nJSON schema: {to_json(schema)}" if schema else ""
    return f"Text:\n{text}{instructions}{wanted}"


def _call_example(text: str, found: str, number: int) -> tuple[Message, ...]:
    call = ToolCall(f"example_{number}", TOOL, found)
    return (
        Message(Role.USER, _question(text, "", None)),
        Message(Role.ASSISTANT, tool_calls=(call,)),
        Message(Role.TOOL, "Taken.", tool_call_id=call.id),
        Message(Role.ASSISTANT, "I have taken the values."),
    )


CALL_EXAMPLES: Final = tuple(
    message
    for number, (text, found) in enumerate(_EXAMPLES, start=1)
    for message in _call_example(text, found, number)
)
TEXT_EXAMPLES: Final = tuple(
    message
    for text, found in _EXAMPLES
    for message in (
        Message(Role.USER, _question(text, "", _PLACE)),
        Message(Role.ASSISTANT, found),
    )
)
