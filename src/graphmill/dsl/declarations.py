"""Environment and conversation variables, as the file declares them (`workflow-dsl §4.2`)."""

import json
import sys
from collections.abc import Callable
from typing import Final

from graphmill.dsl.model import VariableDefinition
from graphmill.dsl.problems import Report, shown
from graphmill.dsl.yaml_tree import Yaml
from graphmill.variables.values import Value

MAX_SIZE: Final = 204800
"""Bytes of one value, counted as Dify counts: by Python's own size of it."""

NUMBER_TYPES: Final = frozenset({"number", "integer", "float"})
_TEXTS: Final = frozenset({"string", "secret"})
_ELEMENTS: Final[dict[str, Callable[[Yaml], bool]]] = {
    "array[string]": lambda item: isinstance(item, str),
    "array[number]": lambda item: isinstance(item, int | float),
    "array[object]": lambda item: isinstance(item, dict),
    "array[boolean]": lambda item: isinstance(item, bool),
}


def load_variables(
    data: dict[str, Yaml], key: str, report: Report
) -> tuple[VariableDefinition, ...]:
    """The list at `workflow.<key>`. A variable with a problem is reported and left out."""
    items = data.get(key) or []
    if not isinstance(items, list):
        report.error("bad-variables", f"{key} must be a list", ("workflow", key))
        return ()
    variables: dict[str, VariableDefinition] = {}
    for index, item in enumerate(items):
        path = ("workflow", key, index)
        try:
            variable = _variable(item, report, path)
        except ValueError as error:
            report.error("bad-variable", str(error), path)
            continue
        if variable.name in variables:
            report.warning(
                "duplicate-variable",
                f"The variable {variable.name!r} is declared twice; the last one counts",
                path,
                "Rename or remove one of the two.",
            )
        variables[variable.name] = variable
    return tuple(variables.values())


def _variable(item: Yaml, report: Report, path: tuple[str | int, ...]) -> VariableDefinition:
    """Raises ValueError with Dify's text for the first thing that is wrong."""
    if not isinstance(item, dict):
        raise ValueError("a variable must be a mapping with name, value_type and value")
    name, value_type, value = item.get("name"), item.get("value_type"), item.get("value")
    if not name:
        raise ValueError("missing name")
    if value_type is None:
        raise ValueError("missing value type")
    if value is None:
        raise ValueError("missing value")
    typed = typed_value(str(value_type), value)
    size = sys.getsizeof(typed)
    if size > MAX_SIZE:
        raise ValueError(f"variable size {size} exceeds limit {MAX_SIZE}")
    return VariableDefinition(
        str(name),
        str(value_type),
        typed,
        str(item.get("description") or ""),
        report.places.of(path),
    )


def typed_value(value_type: str, value: Yaml) -> Value:
    """`value` as a variable of that type holds it. Raises ValueError with Dify's text.

    A number given as text is taken as the number, which Dify refuses."""
    if value_type in NUMBER_TYPES:
        return _number(value)
    if value_type in _TEXTS:
        if isinstance(value, str):
            return value
    elif value_type == "boolean":
        if isinstance(value, bool):
            return value
    elif value_type == "object" and isinstance(value, dict):
        return _as_value(value)
    elif value_type in _ELEMENTS and isinstance(value, list):
        if all(map(_ELEMENTS[value_type], value)):
            return _as_value(value)
    else:
        raise ValueError(f"not supported value type {value_type}")
    raise ValueError(f"invalid {value_type} value {shown(value)}")


def parse_value(value_type: str, text: str) -> Value:
    """The value that `text` means for a variable of that type, as configuration gives it.

    Raises ValueError with a sentence."""
    if value_type in _TEXTS | NUMBER_TYPES:
        return typed_value(value_type, text)
    return typed_value(value_type, json.loads(text))


def _number(value: Yaml) -> int | float:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        for convert in (int, float):
            try:
                return convert(value)
            except ValueError:
                continue
    raise ValueError(f"invalid number value {shown(value)}")


def _as_value(data: Yaml) -> Value:
    """A copy: aliases of the file may share `data`, and runs own their values."""
    if isinstance(data, dict):
        return {key: _as_value(item) for key, item in data.items()}
    if isinstance(data, list):
        return [_as_value(item) for item in data]
    return data
