"""What a variable can hold, its run-time type, its renderings (`workflow-dsl §14.2`, §14.5).

Truth values, numbers and most lists are spelled as Python spells them: prompts rely on it.
"""

import json
from types import NoneType
from typing import Final, TypeAlias

from graphmill.variables.files import File
from graphmill.variables.missing import MISSING as MISSING
from graphmill.variables.missing import Missing as Missing

Value: TypeAlias = bool | int | float | str | File | list["Value"] | dict[str, "Value"] | None
"""A JSON value, or a file, or lists and mappings of those. Nothing else enters a pool."""

Found: TypeAlias = Value | Missing

_TYPES: Final[dict[type, str]] = {
    NoneType: "none",
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    dict: "object",
    File: "file",
}
_ARRAY_TYPES: Final[dict[frozenset[type], str]] = {
    frozenset({str}): "array[string]",
    frozenset({bool}): "array[boolean]",
    frozenset({dict}): "array[object]",
    frozenset({File}): "array[file]",
    frozenset({int}): "array[number]",
    frozenset({float}): "array[number]",
    frozenset({int, float}): "array[number]",
}


def type_of(value: Value) -> str:
    """The run-time type. Raises TypeError for what is no value at all."""
    if isinstance(value, list):
        return _ARRAY_TYPES.get(frozenset(map(type, value)), "array[any]")
    try:
        return _TYPES[type(value)]
    except KeyError:
        raise TypeError(f"not supported value {value!r}") from None


def render_text(value: Value) -> str:
    """For prompts, HTTP parts and conditions. Files are not text and leave nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return to_json(value)
    if isinstance(value, list):
        return _list_text(value) if value else ""
    return _scalar_text(value)


def render_markdown(value: Value) -> str:
    """For answers and streamed text: lists become bullets, files become links."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return to_json(value, indent=2)
    if isinstance(value, list):
        if type_of(value) == "array[file]":
            return "\n".join(item.to_markdown() for item in value if isinstance(item, File))
        return "\n".join(f"- {item}" for item in value)
    if isinstance(value, File):
        return value.to_markdown()
    return _scalar_text(value)


def render_log(value: Value) -> str:
    """For records of requests. Secrets are not known here: see `Template.render_log`."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return to_json(value, indent=2)
    if isinstance(value, list):
        return "" if type_of(value) == "array[file]" else str(value)
    return _scalar_text(value)


def to_json(value: Value, *, indent: int | None = None) -> str:
    """JSON for people to read: spaces after separators, letters of all languages as they are."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=File.to_mapping)


def without_files(value: Value) -> Value:
    """As templates and code see it."""
    if isinstance(value, File):
        return value.to_plain_value()
    if isinstance(value, list):
        return [without_files(item) for item in value]
    if isinstance(value, dict):
        return {key: without_files(item) for key, item in value.items()}
    return value


def mask_secret(text: str) -> str:
    """What logs show of a secret: nothing that helps to guess a short one."""
    if len(text) <= 8:
        return "*" * 20 if text else ""
    return text[:6] + "*" * 12 + text[-2:]


def _list_text(value: list[Value]) -> str:
    match type_of(value):
        case "array[file]":
            return ""
        case "array[string]":
            return to_json(value)
        case _:
            return str(value)


def _scalar_text(value: bool | float | File | None) -> str:
    return "" if value is None or isinstance(value, File) else str(value)
