"""What a model found: is it what was asked for, and what the outputs make of it (`nodes §12`).

Only required parameters must be there: Dify takes a reply without an optional one for a failure,
which helps nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from graphmill.nodes.parameter_extractor.data import ParameterData
from graphmill.variables.values import MISSING, Missing, Value, type_of

Converter = Callable[[Value], Value | Missing]


def complaint(found: Mapping[str, Value], parameters: Sequence[ParameterData]) -> str | None:
    """What is wrong with it, first of all; None when nothing is."""
    absent = [each for each in parameters if each.required and each.name not in found]
    if absent:
        if len(found) != len(parameters):
            return "Invalid number of parameters"
        return f"Parameter {absent[0].name} is required"
    for parameter in parameters:
        value = found.get(parameter.name)
        if value is None and not parameter.required:
            continue
        if not _fits(value, parameter.type):
            return (
                f"Invalid value for parameter {parameter.name}, "
                f"expected segment type: {parameter.type}, actual_type: {type_of(value)}, "
                f"python_type: {type(value)}, value: {value}"
            )
        if parameter.options and value not in parameter.options:
            return f"Invalid `select` value for parameter {parameter.name}"
    return None


def converted(found: Mapping[str, Value], parameters: Sequence[ParameterData]) -> dict[str, Value]:
    """A value for every parameter, of its type."""
    return {each.name: _converted(found.get(each.name), each.type) for each in parameters}


def _fits(value: Value, kind: str) -> bool:
    if kind.startswith("array["):
        return isinstance(value, list) and all(_fits(item, _inner(kind)) for item in value)
    return type_of(value) in _FITTING[kind]


def _converted(value: Value, kind: str) -> Value:
    if kind.startswith("array["):
        items = value if isinstance(value, list) else []
        converted_items = [_CONVERTERS[_inner(kind)](item) for item in items]
        return [item for item in converted_items if not isinstance(item, Missing)]
    result = _CONVERTERS[kind](value)
    return _DEFAULTS[kind] if isinstance(result, Missing) else result


def _inner(kind: str) -> str:
    return kind.removeprefix("array[").removesuffix("]")


def _text(value: Value) -> Value | Missing:
    return value if isinstance(value, str) else MISSING


def _number(value: Value) -> Value | Missing:
    if isinstance(value, str):
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            return MISSING
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int | float) else MISSING


def _truth(value: Value) -> Value | Missing:
    return bool(value) if isinstance(value, bool | int) else MISSING


def _mapping(value: Value) -> Value | Missing:
    return value if isinstance(value, dict) else MISSING


_FITTING: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"string"}),
    "number": frozenset({"integer", "float"}),
    "boolean": frozenset({"boolean"}),
    "object": frozenset({"object"}),
}
_CONVERTERS: Final[Mapping[str, Converter]] = {
    "string": _text,
    "number": _number,
    "boolean": _truth,
    "object": _mapping,
}
_DEFAULTS: Final[Mapping[str, Value]] = {"string": "", "number": 0, "boolean": False}
