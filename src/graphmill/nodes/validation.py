"""What pydantic finds wrong with a node's data, in words for the author of the file."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from graphmill.dsl.model import NodeDefinition, Problem
from graphmill.dsl.problems import dotted, node_problem, shown
from graphmill.errors import WorkflowInvalid
from graphmill.nodes.base import Section

_Model = TypeVar("_Model", bound=Section)

_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
"""By pydantic's type of error: what should have been there."""


def read_data(node: NodeDefinition, model: type[_Model]) -> _Model:
    """The data of `node` as `model` has it. Raises WorkflowInvalid."""
    try:
        return model.model_validate(node.data)
    except ValidationError as error:
        raise WorkflowInvalid(_problems(node, error)) from error


def _problems(node: NodeDefinition, error: ValidationError) -> list[Problem]:
    """One problem for each field that is wrong, the innermost; the ways a union fails are one."""
    by_field: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        by_field.setdefault(_field(node.data, details), []).append(details)
    around = {path[:length] for path in by_field for length in range(len(path))}
    return [
        node_problem(node, "invalid-data", f"{dotted(path) or 'data'} {_complaint(group)}", path)
        for path, group in by_field.items()
        if path not in around
    ]


def _field(data: Mapping[str, Any], details: ErrorDetails) -> tuple[str | int, ...]:
    """The path in the file. Pydantic's holds names of union members too, which no file has."""
    steps = list(details["loc"])
    missing = [steps.pop()] if details["type"] == "missing" else []
    path: list[str | int] = []
    value: Any = data
    for step in steps:
        if _has(value, step):
            value = value[step]
            path.append(step)
    return (*path, *missing)


def _has(value: object, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def _complaint(group: Sequence[ErrorDetails]) -> str:
    expected = [_expected(details) for details in group]
    found = group[0]["input"]
    if all(expected):
        return f"must be {' or '.join(dict.fromkeys(expected))}, not {_kind(found)}"
    if group[0]["type"] == "missing":
        return "is missing"
    reason = group[0].get("ctx", {}).get("error", group[0]["msg"])
    return f"is wrong: {reason}"


def _expected(details: ErrorDetails) -> str:
    if details["type"] in ("literal_error", "enum"):
        return f"{details['ctx']['expected']}"
    return _EXPECTED.get(details["type"], "")


def _kind(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return shown(repr(value))
