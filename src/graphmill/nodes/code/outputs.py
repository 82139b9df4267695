"""What a code node's `main` may return: the declared outputs, checked and bounded (`nodes §8`).

The texts are Dify's, quirks included: paths below the first level begin with a dot, a boolean is
not checked.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self, TypeAlias

from graphmill.variables.values import Value

MAX_CHARACTERS: Final = 400_000
MAX_NUMBER: Final = 9223372036854775807
MIN_NUMBER: Final = -9223372036854775808
MAX_DECIMALS: Final = 20
MAX_DEPTH: Final = 5
MAX_ITEMS: Final = 30
MAX_NUMBERS: Final = 1000

_SCIENTIFIC: Final = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]\d+")


class OutputType(StrEnum):
    STRING = "string"
    NUMBER = "number"
    OBJECT = "object"
    BOOLEAN = "boolean"
    ARRAY_STRING = "array[string]"
    ARRAY_NUMBER = "array[number]"
    ARRAY_OBJECT = "array[object]"
    ARRAY_BOOLEAN = "array[boolean]"


@dataclass(frozen=True, slots=True)
class Output:
    type: OutputType
    children: Mapping[str, Self] | None = None
    """What an object holds; None when that is not declared."""


class OutputInvalid(Exception):
    """`main` returned something that was not declared. `kind` is the type of error that Dify
    reports."""

    def __init__(self, message: str, kind: str = "OutputValidationError") -> None:
        super().__init__(message)
        self.kind = kind


Schema: TypeAlias = Mapping[str, Output]


def read_result(value: Value) -> dict[str, Value]:
    """What `main` returned, as a mapping; numbers that travelled as text become numbers again.

    Raises OutputInvalid."""
    if not isinstance(value, dict):
        raise OutputInvalid(
            f"Result must be a dict, got {type(value).__name__}", kind="CodeExecutionError"
        )
    return {name: _numbers_in(item) for name, item in value.items()}


def check_outputs(result: Mapping[str, Value], schema: Schema) -> dict[str, Value]:
    """The outputs of the node. Raises OutputInvalid at the first one that does not fit."""
    return _check_mapping(result, schema, prefix="", depth=1)


def _numbers_in(value: Value) -> Value:
    if isinstance(value, str):
        return float(value) if _SCIENTIFIC.fullmatch(value) else value
    if isinstance(value, list):
        return [_numbers_in(item) for item in value]
    if isinstance(value, dict):
        return {key: _numbers_in(item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: how messages call it, what is below it begins with, and how deep it
    lies."""

    name: str
    below: str
    depth: int

    def item(self, index: int) -> Self:
        return type(self)(f"{self.name}[{index}]", f"{self.name}[{index}]", self.depth)


def _check_mapping(
    result: Mapping[str, Value], schema: Schema, *, prefix: str, depth: int
) -> dict[str, Value]:
    _check_depth(depth)
    checked: dict[str, Value] = {}
    for name, output in schema.items():
        place = _Place(f"{prefix}.{name}" if prefix else name, f"{prefix}.{name}", depth)
        if name not in result:
            raise OutputInvalid(f"Output {place.name} is missing.")
        value = result[name]
        checked[name] = None if value is None else _CHECKS[output.type](value, output, place)
    if len(schema) != len(result):
        raise OutputInvalid("Not all output parameters are validated.", kind="CodeNodeError")
    return checked


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise OutputInvalid(
            f"Depth limit {MAX_DEPTH} reached, object too deep.", kind="DepthLimitError"
        )


def _check_string(value: Value, output: Output, place: _Place) -> Value:
    if not isinstance(value, str):
        raise OutputInvalid(
            f"Output {place.name} must be a string, got {type(value).__name__} instead"
        )
    return _bounded_text(value, place)


def _check_number(value: Value, output: Output, place: _Place) -> Value:
    if not isinstance(value, int | float):
        raise OutputInvalid(f"Output {place.name} is not a number, got {type(value)} instead.")
    return _bounded_number(value, place)


def _check_boolean(value: Value, output: Output, place: _Place) -> Value:
    return value


def _check_object(value: Value, output: Output, place: _Place) -> Value:
    if not isinstance(value, dict):
        raise OutputInvalid(f"Output {place.name} is not an object, got {type(value)} instead.")
    return _check_children(value, output, place)


def _check_children(value: dict[str, Value], output: Output, place: _Place) -> Value:
    if output.children is not None:
        return _check_mapping(value, output.children, prefix=place.below, depth=place.depth + 1)
    _check_free(value, prefix=place.below, depth=place.depth + 1)
    return value


def _check_strings(value: Value, output: Output, place: _Place) -> Value:
    items = _list(value, place, MAX_ITEMS)
    checked: list[Value] = []
    for index, item in enumerate(items):
        if item is not None and not isinstance(item, str):
            # Dify measures before it looks at the type, and this is what Python says then.
            raise OutputInvalid(f"object of type '{type(item).__name__}' has no len()")
        checked.append(None if item is None else _bounded_text(item, place.item(index)))
    return checked


def _check_numbers(value: Value, output: Output, place: _Place) -> Value:
    items = _list(value, place, MAX_NUMBERS)
    checked: list[Value] = []
    for index, item in enumerate(items):
        if not isinstance(item, int | float):
            raise OutputInvalid(
                f"The element at index {index} of output variable `{place.name}` must be a number."
            )
        checked.append(_bounded_number(item, place.item(index)))
    return checked


def _check_objects(value: Value, output: Output, place: _Place) -> Value:
    items = _list(value, place, MAX_ITEMS)
    checked: list[Value] = []
    for index, item in enumerate(items):
        if item is not None and not isinstance(item, dict):
            raise OutputInvalid(
                f"Output {place.name}[{index}] is not an object, "
                f"got {type(item)} instead at index {index}."
            )
        checked.append(None if item is None else _check_children(item, output, place.item(index)))
    return checked


def _check_booleans(value: Value, output: Output, place: _Place) -> Value:
    items = _list(value, place, None)
    for index, item in enumerate(items):
        if item is not None and not isinstance(item, bool):
            raise OutputInvalid(
                f"Output {place.name}[{index}] is not a boolean, got {type(item)} instead."
            )
    return items


_CHECKS: Final[Mapping[OutputType, Callable[[Value, Output, _Place], Value]]] = {
    OutputType.STRING: _check_string,
    OutputType.NUMBER: _check_number,
    OutputType.BOOLEAN: _check_boolean,
    OutputType.OBJECT: _check_object,
    OutputType.ARRAY_STRING: _check_strings,
    OutputType.ARRAY_NUMBER: _check_numbers,
    OutputType.ARRAY_OBJECT: _check_objects,
    OutputType.ARRAY_BOOLEAN: _check_booleans,
}


def _list(value: Value, place: _Place, most: int | None) -> list[Value]:
    if not isinstance(value, list):
        raise OutputInvalid(f"Output {place.name} is not an array, got {type(value)} instead.")
    if most is not None and len(value) > most:
        raise OutputInvalid(
            f"The length of output variable `{place.name}` must be less than {most} elements."
        )
    return value


def _bounded_text(text: str, place: _Place) -> str:
    if len(text) > MAX_CHARACTERS:
        raise OutputInvalid(
            f"The length of output variable `{place.name}` "
            f"must be less than {MAX_CHARACTERS} characters"
        )
    return text.replace("\x00", "")


def _bounded_number(number: float, place: _Place) -> int | float:
    if isinstance(number, bool):
        return int(number)
    if not MIN_NUMBER <= number <= MAX_NUMBER or math.isnan(number):
        raise OutputInvalid(
            f"Output variable `{place.name}` is out of range, "
            f"it must be between {MIN_NUMBER} and {MAX_NUMBER}."
        )
    if isinstance(number, float):
        exponent = Decimal(str(number)).normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > MAX_DECIMALS:
            raise OutputInvalid(
                f"Output variable `{place.name}` has too high precision, "
                f"it must be less than {MAX_DECIMALS} digits."
            )
    return number


def _check_free(value: Mapping[str, Value], *, prefix: str, depth: int) -> None:
    """Look through an object whose inside is not declared: bounds, depth, lists of one kind."""
    _check_depth(depth)
    for name, item in value.items():
        path = f"{prefix}.{name}" if prefix else name
        place = _Place(path, path, depth)
        if isinstance(item, list):
            _check_free_list(item, place)
        elif isinstance(item, dict):
            _check_free(item, prefix=path, depth=depth + 1)
        else:
            _check_free_scalar(item, place)


def _check_free_list(items: list[Value], place: _Place) -> None:
    present = [item for item in items if item is not None]
    if not items or items[0] is None:
        return
    if not any(
        all(isinstance(item, kind) for item in present) for kind in (int | float, str, dict)
    ):
        raise OutputInvalid(
            f"Output {place.name} is not a valid array. "
            "make sure all elements are of the same type."
        )
    for index, item in enumerate(items):
        if isinstance(item, dict):
            _check_free(item, prefix=f"{place.name}[{index}]", depth=place.depth + 1)
        else:
            _check_free_scalar(item, place.item(index))


def _check_free_scalar(item: Value, place: _Place) -> None:
    if isinstance(item, str):
        _bounded_text(item, place)
    elif isinstance(item, int | float):
        _bounded_number(item, place)
